"""What is said while commits are measured, where no terminal is."""

from __future__ import annotations

import pytest

from agent_perf.cli.progress import LineProgress
from agent_perf.suite import Event


@pytest.mark.parametrize(
    ("names", "said"),
    [(("a",), "0123abcd  1 benchmark done\n"), (("a", "b"), "0123abcd  2 benchmarks done\n")],
)
def test_a_commit_that_is_through_is_told(
    names: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Once, with how many benchmarks it has.
    """
    progress = LineProgress()
    progress.event("0123abcd4567", Event(kind="found", names=names))
    for _ in names:
        progress.event("0123abcd4567", Event(kind="kept"))

    assert said == capsys.readouterr().err
