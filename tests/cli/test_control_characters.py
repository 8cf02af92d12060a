"""What an application says is shown, and obeyed by no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.cli.output import say
from tests.cli.test_bad_input import agent_perf
from tests.shop import make_shop, write

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202etxt.exe"
BENCHMARKS = f"""\
import logging

from agent_perf import scenario


@scenario("esc.request", users=(1,), requests=2)
async def of_a_request(world):
    async def request(ask):
        logging.getLogger("shop").warning({HOSTILE!r})
        print({HOSTILE!r})
        raise ValueError({HOSTILE!r})

    yield request


@scenario("esc.setup", users=(1,), requests=2)
async def of_a_setup(world):
    raise RuntimeError({HOSTILE!r})
    yield
"""


def test_a_message_is_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Lines stay lines; everything else that a terminal would obey is written out.
    """
    say(f"one\n\ttwo {HOSTILE}")

    assert "one\n        two \\x1b]0;title\\x07\\x1b[31mred\\x9b2J\\u202etxt.exe\n" == (
        capsys.readouterr().err
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("run", "worktree", "--only", "esc.*"),
        ("load", "esc.request", "--rate", "5", "--for", "2"),
        ("cases", "esc.request", "--only", "unicode.*"),
        ("selftest", "esc.request"),
    ],
    ids=lambda words: words[0],
)
def test_no_verb_hands_on_what_a_terminal_obeys(words: tuple[str, ...], tmp_path: Path) -> None:
    """
    Neither errors nor logs nor what is printed.
    """
    folder = make_shop(tmp_path / "shop")
    write(folder, "benchmarks/esc.py", BENCHMARKS)
    done = agent_perf(folder, *words)

    assert "\\x9b2J" in done.stdout + done.stderr or words[0] == "cases"
    assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr)
