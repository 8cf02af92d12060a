"""What is printed of a decision."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.cli.decision_text import show_decision
from tests.gate.deciding import OLD, decide, slow_by


def test_a_limit_that_warns_reads_like_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is only warned of is counted as that, and not as regressed, in the last line.
    """
    decision = decide([OLD], [slow_by(20)], limits={"latency.*": "warn 15%"})
    show_decision(decision, [Path("index.html")], "text")
    last = capsys.readouterr().out.splitlines()[-1]

    assert last.startswith(f"PASS {decision.base[:8]} -> {decision.head[:8]}: ")
    assert "4 beyond a limit that only warns" in last
    assert "regressed" not in last


def test_what_fails_is_counted_as_regressed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Without a level of its own, a limit that is passed is a regression.
    """
    show_decision(decide([OLD], [slow_by(20)]), [], "text")
    last = capsys.readouterr().out.splitlines()[-1]

    assert last.startswith("FAIL")
    assert "4 regressed" in last
