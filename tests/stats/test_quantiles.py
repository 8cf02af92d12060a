from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.stats import nearest_rank, samples_needed


def test_ranks_by_hand() -> None:
    """
    Ranks are ceil(q n), counted from 1.
    """
    ordered = range(1, 101)

    assert 50 == nearest_rank(ordered, "0.5")
    assert 95 == nearest_rank(ordered, "0.95")
    assert 99 == nearest_rank(ordered, "0.99")
    assert 2 == nearest_rank((1, 2, 3), "0.5")
    assert 2 == nearest_rank((1, 2, 3, 4), "0.5")


def test_p95_of_twenty_is_not_the_maximum() -> None:
    """
    The P95 of 20 samples is the 19th; an index of int(20 * .95) would give the 20th.
    """
    ordered = range(1, 21)

    assert 19 == nearest_rank(ordered, "0.95")
    assert 20 == ordered[int(20 * 0.95)]


def test_ranks_are_exact_where_floats_are_not() -> None:
    """
    7 % of 100 is rank 7, although 0.07 * 100 is a little more than 7.
    """
    assert 0.07 * 100 > 7
    assert 7 == nearest_rank(range(1, 101), "0.07")
    assert 7 == nearest_rank(range(1, 101), Fraction(7, 100))


@pytest.mark.parametrize(
    ("q", "needed"), [("0.5", 1), ("0.9", 10), ("0.95", 20), ("0.99", 100), ("0.999", 1000)]
)
def test_a_tail_needs_samples(q: str, needed: int) -> None:
    """
    A quantile is refused for one sample fewer than carry it, and given for enough.
    """
    assert needed == samples_needed(q)
    assert 0 < nearest_rank(range(1, needed + 1), q)
    with pytest.raises(TooFewSamplesError, match=f"want at least {needed}"):
        nearest_rank(range(1, needed), q)


def test_nothing_has_no_median() -> None:
    """
    No samples, no quantile, not even the median.
    """
    with pytest.raises(TooFewSamplesError, match="of 0 samples"):
        nearest_rank((), "0.5")


@pytest.mark.parametrize("q", ["0", "1", "1.5", "-0.1", "p95", "1/0", ""])
def test_no_quantile(q: str) -> None:
    """
    Whatever lies outside of (0, 1), or is no number, is refused by name.
    """
    with pytest.raises(SampleError, match="want 0 < q < 1"):
        nearest_rank(range(1000), q)


def test_floats_are_refused() -> None:
    """
    A float is no exact share, and the message says how to write it.
    """
    with pytest.raises(SampleError, match=r'write it as "0\.95"'):
        nearest_rank(range(1000), 0.95)  # type: ignore[arg-type]


@given(
    values=st.lists(st.integers(0, 10**12), min_size=50, max_size=100),
    per_mille=st.integers(1, 980),
)
def test_agrees_with_counting(values: list[int], per_mille: int) -> None:
    """
    It is the smallest observation that at least a share q of all do not exceed.
    """
    q = Fraction(per_mille, 1000)
    ordered = sorted(values)
    slow = min(v for v in values if sum(w <= v for w in values) >= q * len(values))

    assert slow == nearest_rank(ordered, q)


@given(values=st.lists(st.integers(), min_size=20), low=st.integers(1, 95), high=st.integers(1, 95))
def test_monotone_in_q(values: list[int], low: int, high: int) -> None:
    """
    A higher quantile is never smaller.
    """
    ordered = sorted(values)
    low, high = sorted((low, high))

    assert nearest_rank(ordered, Fraction(low, 100)) <= nearest_rank(ordered, Fraction(high, 100))
