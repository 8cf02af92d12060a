"""When a candidate is worse and when it is fine; the looks, the blocks, the steps."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest

from agent_perf.errors import ConfigError, UsageError
from agent_perf.live.canary import Answer, CanaryPlan, Limit, Step
from agent_perf.live.canary.judge import StepJudge
from agent_perf.live.canary.rule import batch_count, look_misses, look_times
from agent_perf.live.canary.seen import sides

P95 = Limit(metric="latency.p95", most=0.20)
ERRORS = Limit(metric="error_ratio", most=0.01)
MISSES = ((0.001, 0.01),) * 3


def test_half_of_a_limit_is_tolerated() -> None:
    """
    Of a ratio the half on the log scale, of a share the half.
    """
    assert 0.0954 == pytest.approx(P95.tolerated, abs=1e-4)
    assert 0.005 == ERRORS.tolerated
    assert (0.95, None) == (P95.quantile, ERRORS.quantile)


@pytest.mark.parametrize("most", [0.0, -0.1, math.inf, math.nan])
def test_a_limit_of_nothing_is_refused(most: float) -> None:
    """
    No number of requests shows that nothing changed at all.
    """
    with pytest.raises(ConfigError, match="want finite, > 0"):
        Limit(metric="latency.p95", most=most)


def test_looks_end_with_the_step_and_begin_when_there_are_batches() -> None:
    """
    Each is 1.6 times as late as the one before; batches are of two seconds at least.
    """
    times = look_times(300)

    assert 300 == times[-1]
    assert 16 <= times[0] < 16 * 1.6
    assert all(1.6 == pytest.approx(b / a) for a, b in zip(times, times[1:], strict=False))
    assert (8, 40, 40) == (batch_count(16), batch_count(80), batch_count(300))
    with pytest.raises(ConfigError, match="want at least 16 s"):
        look_times(15)


def test_looks_and_tests_share_the_error() -> None:
    """
    Each look's is below the whole; with four times as many tests it is about a fourth.
    """
    times = look_times(100)
    one, four = look_misses(times, 2), look_misses(times, 8)

    assert all(low < 0.005 for low, _ in one)
    assert all(high < 0.01 for _, high in one)
    for (low, _), (lower, _) in zip(one, four, strict=True):
        assert 0.15 < lower / low < 0.35


@pytest.mark.parametrize(
    ("share", "block", "total_hz"),
    [
        (0.05, (19, 1), 20),
        (0.25, (3, 1), 20),
        (0.5, (1, 1), 20),
        (1, (1, 5), 24),
        (0.9, (2, 9), 22),
    ],
)
def test_the_stable_service_keeps_a_fifth(
    share: float, block: tuple[int, int], total_hz: float
) -> None:
    """
    The candidate gets its share of the rate; the other the rest, and a fifth of the rate at least.
    """
    step = Step(share=share, length_s=60, rate_hz=20)

    assert block == step.block
    assert total_hz == pytest.approx(step.total_hz)


def test_blocks_are_whole_and_in_random_order() -> None:
    """
    Each block has what it should; equal seeds give equal orders, others others.
    """
    step = Step(share=0.25, length_s=60, rate_hz=20)
    first = list(islice(step.sides(1), 400))

    assert first == list(islice(step.sides(1), 400))
    assert first != list(islice(step.sides(2), 400))
    assert {1} == {sum(first[at : at + 4]) for at in range(0, 400, 4)}
    assert 4 == len({first[at : at + 4].index(True) for at in range(0, 400, 4)})


def test_plans_that_cannot_be_are_refused() -> None:
    """
    Without steps, without limits, with a step that is not there.
    """
    step = Step(share=0.5, length_s=60, rate_hz=20)

    with pytest.raises(UsageError, match="no steps"):
        CanaryPlan(steps=(), limits=(P95,))
    with pytest.raises(UsageError, match="no limit is left"):
        CanaryPlan(steps=(step,), limits=())
    with pytest.raises(UsageError, match="--step 2; want one of the 1 steps"):
        CanaryPlan(steps=(step,), limits=(P95,), only=2)
    with pytest.raises(ConfigError, match="up to 100 %"):
        Step(share=1.5, length_s=60, rate_hz=20)
    assert (8, [(1, step)]) == (
        CanaryPlan(steps=(step,) * 4, limits=(P95, ERRORS)).tests,
        list(CanaryPlan(steps=(step,) * 4, limits=(P95, ERRORS), only=1).chosen),
    )


def seen(slower: float = 1.0, failed: float = 0.0, count: int = 8_000):  # type: ignore[no-untyped-def]
    """Twenty batches of requests to both in turn."""
    dice = np.random.default_rng(3)
    at_s = np.arange(count) / 100
    candidate = np.arange(count) % 2 == 1
    latency_s = dice.lognormal(-2, 0.3, count) * np.where(candidate, slower, 1.0)
    bad = candidate & (dice.random(count) < failed)
    return sides(at_s, latency_s, bad, candidate, 20, count / 100)


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (seen(), Answer.FINE),
        (seen(slower=1.3), Answer.WORSE),
        (seen(failed=0.03), Answer.WORSE),
        (seen(count=400), Answer.OPEN),
        (seen(failed=1.0), Answer.WORSE),
    ],
    ids=["equal", "slower", "failing", "few", "dead"],
)
def test_the_answer_of_a_step(given, answer: Answer) -> None:  # type: ignore[no-untyped-def]
    """
    Worse if one metric is, fine if all are, else open.
    """
    judge = StepJudge((P95, ERRORS), MISSES)
    judge.look(0, *given)

    assert answer is judge.answer
    assert 2 == len(judge.findings)


def test_what_was_fine_once_stays_fine_unless_it_gets_worse() -> None:
    """
    The error of a look is spent once; a service that breaks later is seen all the same.
    """
    judge = StepJudge((P95,), MISSES)
    judge.look(0, *seen())
    judge.look(1, *seen(count=400))

    assert Answer.FINE is judge.answer
    judge.look(2, *seen(slower=2.0))
    assert Answer.WORSE is judge.answer


def test_nothing_seen_is_open() -> None:
    """
    Without requests there is no finding, and no answer.
    """
    judge = StepJudge((P95,), MISSES)
    stable, candidate = seen()
    judge.look(
        0, stable, type(candidate)(edges=(math.inf,), counts=np.zeros((20, 1)), failed=np.zeros(20))
    )

    assert (Answer.OPEN, ()) == (judge.answer, judge.findings)


def test_a_request_that_failed_is_slower_than_any() -> None:
    """
    An error in no time does not make a service fast.
    """
    latency_s = np.array([0.1, 0.2, 1e-6, 0.3])
    stable, candidate = sides(
        np.arange(4.0),
        latency_s,
        np.array([False, False, True, False]),
        np.array([0, 0, 1, 1]) > 0,
        2,
        4.0,
    )

    assert 1 == candidate.counts[:, -1].sum()
    assert (0, 1) == (stable.failed.sum(), candidate.failed.sum())
    assert math.inf == candidate.edges[-1]
