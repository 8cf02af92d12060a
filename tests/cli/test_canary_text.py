"""What a canary came to, in words."""

from __future__ import annotations

import math

from agent_perf.cli.canary_text import (
    canary_markdown,
    finding_text,
    look_text,
    plan_text,
    reason,
)
from agent_perf.live.canary import (
    Answer,
    CanaryPlan,
    CanaryResult,
    Finding,
    Limit,
    SideSeen,
    Step,
    StepResult,
)
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


def open_step(late_s: float | None, notes: tuple[str, ...] = ()) -> StepResult:
    """Return a step that told nothing for sure."""
    side = SideSeen(requests=9, failed=0, errors={}, detail="", p50_s=None, p95_s=None, p99_s=None)
    found = Finding(limit=Limit(metric="latency.p95", most=0.15), shift=_NONE, answer=Answer.OPEN)
    return StepResult(
        number=2, share=0.25, answer=Answer.OPEN, length_s=12.0, stable=side, candidate=side,
        findings=(found,), late_s=late_s, notes=notes,
    )  # fmt: skip


def test_a_hold_tells_the_way_out_that_there_is() -> None:
    """
    A rate can be raised by who sends the requests, and not by who watches those of others.
    """

    def told(late_s: float | None) -> str:
        step = open_step(late_s)
        return reason(CanaryResult(stable="a", candidate="b", steps=(step,), planned=1))

    assert told(0.0).endswith("latency.p95: give it more time (--for) or a higher rate")
    assert told(None).endswith(
        "latency.p95: give it more time (--for) or buckets with closer bounds"
    )


def test_what_was_interrupted_is_told_with_its_notes() -> None:
    """
    Neither a pass nor a failure; what else is to know stands below the table.
    """
    told = canary_markdown(
        CanaryResult(
            stable="a",
            candidate="b",
            steps=(open_step(0.0, ("it was late",)),),
            planned=4,
            is_interrupted=True,
        )
    )

    assert "Interrupted at 25 % after 12 s: what was seen decides nothing." in told
    assert told.endswith("|\n\n- 25 %: it was late\n")


def test_who_waits_is_told_what_for() -> None:
    """
    The steps and limits at first, then at each look every metric by its name.
    """
    limits = (Limit(metric="latency.p95", most=0.2), Limit(metric="error_ratio", most=0.01))
    steps = tuple(Step(share=share, length_s=300.0, rate_hz=20.0) for share in (0.05, 1.0))
    (found,) = open_step(0.0).findings
    too_much = "too much is latency.p95 +20 %, error_ratio +1 %"

    assert f"steps of 5, 100 %, each 300 s at most; {too_much}" == plan_text(
        CanaryPlan(steps=steps, limits=limits)
    )
    assert f"300 s at most; {too_much}" == plan_text(CanaryPlan(steps=steps, limits=limits, only=2))
    assert "step 2, 17 s: latency.p95 ? open" == look_text(2, 17.4, (found,))
    assert "step 2, 17 s: nothing to judge yet" == look_text(2, 17.4, ())
