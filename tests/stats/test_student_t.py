import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.stats import t_quantile


@pytest.mark.parametrize(
    ("freedom", "q95", "q975", "q99", "q9995"),
    [
        (1, 6.314, 12.706, 31.821, 636.619),
        (2, 2.920, 4.303, 6.965, 31.599),
        (3, 2.353, 3.182, 4.541, 12.924),
        (5, 2.015, 2.571, 3.365, 6.869),
        (10, 1.812, 2.228, 2.764, 4.587),
        (17, 1.740, 2.110, 2.567, 3.965),
        (30, 1.697, 2.042, 2.457, 3.646),
        (120, 1.658, 1.980, 2.358, 3.373),
    ],
)
def test_agrees_with_the_table(
    freedom: int, q95: float, q975: float, q99: float, q9995: float
) -> None:
    """
    Quantiles agree with the printed table to its three digits.

    Source: Fisher & Yates, *Statistical Tables*, table III; all but the last column also in
    NIST/SEMATECH, *e-Handbook of Statistical Methods*, 1.3.6.7.2.
    """
    assert q95 == round(t_quantile(0.95, freedom), 3)
    assert q975 == round(t_quantile(0.975, freedom), 3)
    assert q99 == round(t_quantile(0.99, freedom), 3)
    assert q9995 == round(t_quantile(0.9995, freedom), 3)


@given(probability=st.floats(0.0005, 0.9995))
def test_closed_forms(probability: float) -> None:
    """
    One degree is Cauchy's distribution, and two have a root for a quantile.
    """
    two = (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))

    assert math.tan(math.pi * (probability - 0.5)) == pytest.approx(
        t_quantile(probability, 1), rel=1e-9, abs=1e-12
    )
    assert two == pytest.approx(t_quantile(probability, 2), rel=1e-9, abs=1e-12)


@given(probability=st.floats(0.001, 0.999), freedom=st.integers(1, 200))
def test_symmetry(probability: float, freedom: int) -> None:
    """
    What lies below -t has the probability of what lies above t.
    """
    assert -t_quantile(1 - probability, freedom) == pytest.approx(
        t_quantile(probability, freedom), rel=1e-9, abs=1e-9
    )


@given(freedom=st.integers(1, 60), low=st.floats(0.001, 0.999), high=st.floats(0.001, 0.999))
def test_monotone(freedom: int, low: float, high: float) -> None:
    """
    Quantiles rise with the probability, and above the median fall with the freedom.
    """
    low, high = sorted((low, high))

    assert t_quantile(low, freedom) <= t_quantile(high, freedom)
    assert t_quantile(0.998, freedom + 1) < t_quantile(0.998, freedom)


def test_many_degrees_are_normal() -> None:
    """
    With 100,000 degrees the 97.5 % quantile is the normal distribution's z = 1.959964,
    and the first term of its expansion in 1 / n, (z³ + z) / 4n.

    Source: Abramowitz & Stegun, 26.7.5.
    """
    normal = 1.959963985

    assert normal + (normal**3 + normal) / 400_000 == pytest.approx(
        t_quantile(0.975, 100_000), abs=1e-8
    )


@pytest.mark.parametrize(
    ("probability", "freedom"), [(0.0, 3), (1.0, 3), (math.nan, 3), (-0.1, 3), (0.9, 0)]
)
def test_no_such_quantile(probability: float, freedom: int) -> None:
    """
    Arguments out of range are refused by name.
    """
    with pytest.raises(SampleError, match=f"{freedom} degrees"):
        t_quantile(probability, freedom)
