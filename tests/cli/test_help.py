"""What ``--help`` looks like as a whole."""

from __future__ import annotations

from itertools import chain

import pytest
from click.testing import CliRunner

from agent_perf.cli.app import _SECTIONS, cli


def test_every_verb_is_in_one_section() -> None:
    """A verb that no section names would be missing from the help."""
    assert sorted(cli.commands) == sorted(chain.from_iterable(_SECTIONS.values()))


@pytest.mark.parametrize("group", [[], ["resources"], ["baseline"]])
def test_texts_of_verbs_are_whole(group: list[str]) -> None:
    """In 80 columns each verb has one line, which is not cut off."""
    lines = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80).output.splitlines()
    verbs = cli.commands if not group else cli.commands[group[0]].commands  # type: ignore[attr-defined]

    # click keeps the names of a group's help option from its first use: -h may be missing.
    options = [line.endswith("Show this message and exit.") for line in lines]
    listed = lines[options.index(True) + 1 :]
    texts = [line for line in listed if line.startswith("  ")]

    assert sorted(verbs) == sorted(line.split()[0] for line in texts)
    assert not [line for line in texts if line.endswith("...") or len(line) > 80]


def test_verbs_come_in_the_order_in_which_they_are_met() -> None:
    """First what measures, not what comes first in the alphabet."""
    output = CliRunner().invoke(cli, ["--help"]).output

    assert output.index("\n  run ") < output.index("\n  compare ") < output.index("\n  accept ")
