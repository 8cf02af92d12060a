"""Limits of shares and of ranks, against tables and against slow sums."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.stats.binomial import rank_limits, share_limits


def below(count: int, total: int, share: float) -> float:
    """P(X <= count), added up."""
    return math.fsum(
        math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count + 1)
    )


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(3, 100, 0.00623, 0.08518), (10, 20, 0.27196, 0.72804), (0, 10, 0.0, 0.30850)],
)
def test_limits_are_those_of_the_tables(count: int, total: int, low: float, high: float) -> None:
    """
    Clopper and Pearson's 95 % intervals, as tables have them.
    """
    assert pytest.approx((low, high), abs=1e-5) == share_limits(count, total, 0.025)


@settings(max_examples=30)
@given(
    total=st.integers(1, 80),
    part=st.floats(0, 1),
    miss=st.sampled_from([0.1, 0.01, 1e-4, 1e-7]),
)
@example(total=18, part=17 / 18, miss=1e-7)
@example(total=80, part=79 / 80, miss=1e-7)
def test_limits_are_where_the_tail_is_as_small_as_asked(
    total: int, part: float, miss: float
) -> None:
    """
    At the limits, what was seen, or more of it, has exactly the probability of a miss.
    """
    count = round(part * total)
    low, high = share_limits(count, total, miss)

    assert 0 <= low <= count / total <= high <= 1
    if count:
        assert miss == pytest.approx(1 - below(count - 1, total, low), rel=1e-4)
    if count < total:
        assert miss == pytest.approx(below(count, total, high), rel=1e-4)


@pytest.mark.parametrize(("total", "q"), [(1, 0.5), (20, 0.5), (70, 0.9), (89, 0.95), (300, 0.95)])
def test_ranks_hold_the_quantile(total: int, q: float) -> None:
    """
    The ranks are those of the binomial sum; where no rank is sure there is none.
    """
    low, high = rank_limits(total, q, 0.01)
    sums = [below(k, total, q) for k in range(total + 1)]
    sure_below = [k for k in range(total + 1) if sums[k] <= 0.01]
    sure_above = [k for k in range(1, total + 1) if 1 - sums[k - 1] <= 0.01]

    assert (math.floor(low + 1e-6) if low >= 0 else -1) == max(sure_below, default=-1)
    assert (math.ceil(high - 1e-6) if high < math.inf else math.inf) == min(
        sure_above, default=math.inf
    )


@pytest.mark.parametrize("given_", [(1, 0, 0.1), (3, 2, 0.1), (-1, 2, 0.1), (1, 2, 0.5)])
def test_what_is_no_share_is_refused(given_: tuple[float, float, float]) -> None:
    """
    Nothing of nothing has no limits, nor has more than all.
    """
    with pytest.raises(SampleError, match="want a share"):
        share_limits(*given_)
