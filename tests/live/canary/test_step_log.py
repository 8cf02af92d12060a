"""When a candidate is called down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent_perf.live.asking import Answer
from agent_perf.live.canary.blocks import Step
from agent_perf.live.canary.step_log import StepLog

_STEP = Step(share=0.5, length_s=60.0, rate_hz=10.0)


def _log(fails: Callable[[bool, float], bool], step: Step = _STEP) -> StepLog:
    """Return the log of a step whose requests fail as *fails* says of their side and time."""
    log = StepLog(step, seed=1)
    for index, at_s in enumerate(log.due_s.tolist()):
        failed = fails(bool(log.is_candidate[index]), at_s)
        answer = Answer(
            name="ask",
            begin_s=at_s,
            latency_s=0.01,
            first_s=None,
            status=None if failed else 200,
            size_bytes=0,
            error="network" if failed else "",
            detail="",
        )
        log.note(index, answer, at_s)
    return log


@pytest.mark.parametrize(
    ("fails", "is_down"),
    [
        (lambda is_candidate, at_s: False, False),
        (lambda is_candidate, at_s: is_candidate and 20 <= at_s < 40, True),
        # Until the end of what was seen, or from its beginning.
        (lambda is_candidate, at_s: is_candidate and at_s >= 44, True),
        (lambda is_candidate, at_s: is_candidate and at_s < 16, True),
        # A burst.
        (lambda is_candidate, at_s: is_candidate and 20 <= at_s < 34, False),
        # It answers now and then.
        (lambda is_candidate, at_s: is_candidate and at_s % 10 > 1, False),
        # The other one does not answer either: the network, or this machine.
        (lambda is_candidate, at_s: 20 <= at_s < 40, False),
        (lambda is_candidate, at_s: not is_candidate and 20 <= at_s < 40, False),
    ],
)
def test_a_candidate_that_answers_nothing_for_a_time_is_down(fails, is_down: bool) -> None:
    """Not a burst of errors, not a service that answers some, not an outage of both."""
    log = _log(fails)

    assert is_down == bool(log.outage(log.answered_count()))


def test_what_is_told_of_it() -> None:
    """How many requests, for how long; what was not seen yet does not count."""
    log = _log(lambda is_candidate, at_s: is_candidate and 20 <= at_s < 40)
    asked = sum(log.is_candidate[(log.due_s >= 20) & (log.due_s < 40)])
    told = log.outage(log.answered_count())

    assert f"answered none of {asked} requests in 20 s, while the stable service did" in told
    assert not log.outage(sum(log.due_s < 30))


def test_few_requests_are_no_outage() -> None:
    """One a second asks twenty times in as many seconds: too few to call it down."""
    log = _log(
        lambda is_candidate, at_s: is_candidate and 20 <= at_s < 40,
        Step(share=0.5, length_s=60.0, rate_hz=1.0),
    )

    assert not log.outage(log.answered_count())
