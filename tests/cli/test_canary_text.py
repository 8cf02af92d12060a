"""What a canary came to, in words."""

from __future__ import annotations

import math

from agent_perf.cli.canary_text import canary_markdown, finding_text
from agent_perf.live.canary import Answer, CanaryResult, Finding, Limit, SideSeen, StepResult
from agent_perf.stats import Shift

_NONE = Shift(stable=0.48, candidate=math.inf, change=None, low=-1.0, high=math.inf, worth=1.0)
_WORSE = Shift(stable=0.04, candidate=0.38, change=0.34, low=0.22, high=0.44, worth=1.0)


def test_a_quantile_that_failed_requests_leave_open_is_told_as_such() -> None:
    """
    No ``n/a``, and no interval that holds everything.
    """
    found = Finding(limit=Limit(metric="latency.p95", most=0.15), shift=_NONE, answer=Answer.OPEN)

    assert "480 ms -> no answer, nothing is sure, limit +15 %" == finding_text(found)


def test_a_pull_request_is_told_of_how_many_requests() -> None:
    """
    The answer in words as in a terminal, a sentence, and a row with the requests of both sides.
    """
    side = SideSeen(
        requests=160, failed=6, errors={}, detail="", p50_s=None, p95_s=None, p99_s=None
    )
    worse = Finding(limit=Limit(metric="error_ratio", most=0.01), shift=_WORSE, answer=Answer.WORSE)
    step = StepResult(
        number=1,
        share=0.5,
        answer=Answer.WORSE,
        length_s=16.0,
        stable=side,
        candidate=side,
        findings=(worse,),
    )
    told = canary_markdown(CanaryResult(stable="a", candidate="b", steps=(step,), planned=2))
    head, _, sentence, _, *table = told.splitlines()
    seen = "4 % -> 38 % (+34 %), surely in [+22 %, +44 %], limit +1 %"

    assert "## Canary: roll back" == head
    assert f"Surely worse at 50 %: error_ratio {seen}." == sentence
    assert f"| 50 % | 160 + 160 | error_ratio | {seen} | worse |" == table[-1]
