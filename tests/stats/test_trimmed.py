import math
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError, TooFewSamplesError
from agent_perf.stats import TrimmedMean, t_quantile, trimmed_mean

finite = st.floats(-10, 10)

T_2_975 = 0.95 / math.sqrt(2 * 0.975 * 0.025)
"""The 97.5 % quantile with two degrees of freedom, 4.303, in closed form."""


def test_by_hand() -> None:
    """
    Of 1, 2, 3, 3, 3, 3, 4, 90 the outer two go: centre 3, winsorised 2 2 3 3 3 3 4 4.

    Their squares about 3 sum to 4, so the standard error is sqrt(4 / (6 * 5)).
    """
    found = trimmed_mean((90, 3, 3, 1, 4, 2, 3, 3))

    assert TrimmedMean(centre=3, error=math.sqrt(4 / 30), freedom=5) == found


def test_few_values_are_not_trimmed() -> None:
    """
    Of 1, 2, 6 the mean is 3 and its error sqrt((4 + 1 + 9) / (3 * 2)), with Student's t.
    """
    found = trimmed_mean((6, 1, 2))

    assert TrimmedMean(centre=3, error=math.sqrt(14 / 6), freedom=2) == found
    assert T_2_975 * math.sqrt(14 / 6) == pytest.approx(found.reach(0.025), rel=1e-12)


@given(values=st.lists(finite, min_size=8, max_size=30))
def test_agrees_with_the_slow_way(values: list[float]) -> None:
    """
    It agrees with the textbook: s_w / ((1 - 2 γ) sqrt(n)), with γ the share really cut.
    """
    count, ordered = len(values), sorted(values)
    cut = math.floor(0.2 * count)
    middle = ordered[cut : count - cut]
    winsorised = [min(max(v, middle[0]), middle[-1]) for v in ordered]
    # With h = n - 2 g kept, sqrt(Σ / (h (h - 1))) is s_w sqrt((n - 1) / (h (h - 1))).
    error = stdev(winsorised) * math.sqrt((count - 1) / (len(middle) * (len(middle) - 1)))
    found = trimmed_mean(values)

    assert mean(middle) == pytest.approx(found.centre, abs=1e-9)
    assert error == pytest.approx(found.error, abs=1e-9)
    assert len(middle) - 1 == found.freedom
    assert error * t_quantile(0.99, len(middle) - 1) == pytest.approx(found.reach(0.01), abs=1e-6)


@given(values=st.lists(finite, min_size=7, max_size=30), wild=st.floats(-1e6, 1e6))
def test_one_wild_round_is_bounded(values: list[float], wild: float) -> None:
    """
    One round gone wrong leaves the centre inside the range of the others.
    """
    found = trimmed_mean([wild, *values])

    assert min(values) - 1e-9 <= found.centre <= max(values) + 1e-9


@given(values=st.lists(finite, min_size=2, max_size=30))
def test_mirror(values: list[float]) -> None:
    """
    Negated values have the negated centre, and the same error.
    """
    found, mirrored = trimmed_mean(values), trimmed_mean([-value for value in values])

    assert -mirrored.centre == pytest.approx(found.centre, abs=1e-9)
    assert mirrored.error == pytest.approx(found.error, abs=1e-9)


def test_equal_values_leave_no_doubt() -> None:
    """
    Values without spread have an interval of nothing, however sure it should be.
    """
    found = trimmed_mean([0.25] * 8)

    assert (0.25, 0) == (found.centre, found.error)
    assert 0 == found.reach(0.002) == found.reach(1e-300)


def test_refusals() -> None:
    """
    One value tells nothing of its error, and what is no number is refused.
    """
    with pytest.raises(TooFewSamplesError, match="1 observations"):
        trimmed_mean([1.0])
    with pytest.raises(SampleError, match="nan"):
        trimmed_mean([1.0, 2.0, 3.0, 4.0, math.nan])
