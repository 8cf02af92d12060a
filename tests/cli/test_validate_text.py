"""Figures of `agent-perf validate` in words."""

from __future__ import annotations

from agent_perf.cli.validate_text import cell_of
from agent_perf.suite.prediction import Prediction


def test_one_round_has_no_least_and_largest() -> None:
    """
    Of several the spread is told beside the median.
    """
    known = {"name": "p95", "live": 0.1, "live_low": 0.1, "live_high": 0.1, "virtual": 0.11}
    one = Prediction(**known, error_ratio=0.1, error_low=0.1, error_high=0.1)
    three = Prediction(**known, error_ratio=0.1, error_low=-0.02, error_high=0.2)

    assert "100 ms, +10.0 %" == cell_of(one)
    assert "100 ms, +10.0 % (-2.0 to +20.0)" == cell_of(three)
