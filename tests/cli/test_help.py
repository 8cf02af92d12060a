"""What ``--help`` looks like as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from agent_perf.cli import verbs
from agent_perf.cli.app import cli

_CONTEXT = click.Context(cli)


def test_every_verb_is_in_the_table() -> None:
    """A file of a verb that the table does not name would never be met, nor a name without one."""
    files = {path.stem for path in Path(verbs.__path__[0]).glob("*.py")} - {"__init__"}

    assert files == set(cli.list_commands(_CONTEXT))
    assert all(cli.get_command(_CONTEXT, name).name == name for name in files)  # type: ignore[union-attr]


def test_help_imports_no_verb() -> None:
    """The help of all verbs comes from the table: it stays quick however many there are."""
    code = (
        "import sys; from agent_perf.cli.app import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "heavy = [n for n in sys.modules if n.startswith('agent_perf.cli.verbs') or n in "
        "('numpy', 'redis', 'asv', 'msgspec', 'rich', 'distributed')]\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("group", [[], ["resources"], ["baseline"]])
def test_texts_of_verbs_are_whole(group: list[str]) -> None:
    """In 80 columns each verb has one line, which is not cut off."""
    lines = CliRunner().invoke(cli, [*group, "--help"], terminal_width=80).output.splitlines()
    shown = cli.get_command(_CONTEXT, group[0]) if group else cli
    assert isinstance(shown, click.Group)

    # click keeps the names of a group's help option from its first use: -h may be missing.
    options = [line.endswith("Show this message and exit.") for line in lines]
    listed = lines[options.index(True) + 1 :]
    texts = [line for line in listed if line.startswith("  ")]

    assert sorted(shown.list_commands(_CONTEXT)) == sorted(line.split()[0] for line in texts)
    assert not [line for line in texts if line.endswith("...") or len(line) > 80]


def test_verbs_come_in_the_order_in_which_they_are_met() -> None:
    """First what measures, not what comes first in the alphabet."""
    output = CliRunner().invoke(cli, ["--help"]).output

    assert output.index("\n  run ") < output.index("\n  compare ") < output.index("\n  accept ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compar"], "No such verb 'compar'; did you mean 'compare'?"),
        (["compare", "--exactonly"], "'--exact-only'"),
        (["baseline", "crate"], "create"),
    ],
)
def test_a_slip_in_a_word_is_answered_with_the_right_one(words, said) -> None:
    """Verbs, verbs of verbs and options."""
    done = CliRunner().invoke(cli, words)

    assert 2 == done.exit_code
    assert said in done.output
