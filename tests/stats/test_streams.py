"""How far apart two streams of requests are, and how many requests the requests are worth."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from agent_perf.errors import SampleError
from agent_perf.stats import Side, failed_shift, quantile_shift

Floats = npt.NDArray[np.float64]
FINE = (*(0.001 * 2 ** (np.arange(256 * 12) / 256)), math.inf)
COARSE = (0.1, 0.25, 0.5, 1.0, 2.5, math.inf)
MISSES = (0.001, 0.001)


def side(latency_s: Floats, edges: tuple[float, ...] = FINE, failed: int = 0) -> Side:
    """One row a batch."""
    counts = np.stack(
        [np.bincount(np.searchsorted(edges, row), minlength=len(edges)) for row in latency_s]
    )
    bad = np.full(len(latency_s), float(failed))
    return Side(edges=edges, counts=counts.astype(float), failed=bad)


def draws(seed: int, slower: float = 1.0, batches: int = 40, each: int = 100) -> Floats:
    """Independent latencies around 0.1 s."""
    return slower * np.random.default_rng(seed).lognormal(math.log(0.1), 0.5, (batches, each))


def test_equal_streams_are_equal() -> None:
    """
    Equal counts have no change, and an interval around it.
    """
    shift = quantile_shift(side(draws(1)), side(draws(1)), 0.95, MISSES)

    assert 0 == shift.change
    assert -0.2 < shift.low < 0 < shift.high < 0.25
    assert shift.stable == pytest.approx(0.1 * math.exp(1.645 * 0.5), rel=0.05)


def test_a_planted_change_is_inside() -> None:
    """
    Limits at 0.1 % hold the true change in twelve of twelve cases, and are not much wider than
    normal theory would have them.
    """
    for seed in range(12):
        pair = side(draws(seed)), side(draws(seed + 1_000, slower=1.3))
        shift = quantile_shift(*pair, 0.95, MISSES)

        assert 0.3 == pytest.approx(max(shift.low, min(shift.high, 0.3)))
        # 4,000 a side: a standard error of 2.1 sigma sqrt(2 / n) on the log scale.
        assert math.log1p(shift.high) - math.log1p(shift.low) < 2.5 * 2 * 3.1 * 0.0236


def test_within_a_bucket_nothing_is_known() -> None:
    """
    Two P95 in one bucket differ by anything that the bucket has room for; and never by a value
    that was made up.
    """
    shift = quantile_shift(side(draws(1), COARSE), side(draws(2, slower=0.9), COARSE), 0.95, MISSES)

    assert 0 == shift.change
    assert (1 / 2.5 - 1, 1.5) == pytest.approx((shift.low, shift.high))


def test_buckets_tell_what_passes_them() -> None:
    """
    A P95 that is two buckets higher is surely higher by the bucket between.
    """
    shift = quantile_shift(side(draws(1), COARSE), side(draws(2, slower=5), COARSE), 0.95, MISSES)

    assert 1.0 <= shift.low <= 3.0
    assert 2.5 / 0.1 - 1 == pytest.approx(shift.high)


def test_few_requests_have_no_upper_limit() -> None:
    """
    Of thirty requests nobody knows how slow the slowest twentieth is.
    """
    few = draws(3, batches=10, each=3)
    shift = quantile_shift(side(few), side(few), 0.95, MISSES)

    assert math.inf == shift.high


def test_a_failed_service_is_surely_slower() -> None:
    """
    What is beyond all cells is slower than what is in one; if both are, nothing is known.
    """
    good, bad = side(draws(1)), side(np.full((40, 100), 1e9))
    worse, unknown = (quantile_shift(one, bad, 0.95, MISSES) for one in (good, bad))

    assert worse.change is None
    assert worse.low > 1
    assert (-1.0, math.inf) == (unknown.low, unknown.high)


def test_dependent_requests_are_worth_less() -> None:
    """
    Where the slow requests of a side come together, many are worth few.
    """
    rows = draws(5)
    together = np.sort(rows.reshape(-1)).reshape(rows.shape)
    shift = quantile_shift(side(rows), side(together), 0.95, MISSES)

    assert shift.worth < 0.1
    assert shift.low == -1.0 or shift.low < -0.4


def test_what_slows_both_costs_nothing() -> None:
    """
    A slow moment in every tenth batch of both sides leaves nearly all their worth.
    """
    slow = np.where(np.arange(40)[:, None] % 10 == 0, 3.0, 1.0)
    shift = quantile_shift(side(slow * draws(6)), side(slow * draws(7)), 0.95, MISSES)

    assert shift.worth > 0.5


def test_failures_are_compared_as_shares() -> None:
    """
    None of 4,000 against 40 of 4,000 is surely more, by less than one in a hundred.
    """
    shift = failed_shift(side(draws(1)), side(draws(2), failed=1), MISSES)

    assert 0.01 == shift.change
    assert 0.004 < shift.low < 0.01 < shift.high < 0.02


def test_few_batches_are_refused() -> None:
    """
    Their scatter would be a guess.
    """
    few = side(draws(1, batches=7))

    with pytest.raises(SampleError, match="7 batches"):
        quantile_shift(few, few, 0.95, MISSES)
