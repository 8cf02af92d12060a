"""Unit tables: gaps between arrivals, with a mean of one second."""

import math
from itertools import pairwise

import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim import U53, Draws, LatencyTable, default_tables, request_scope

UNITS = sorted(name for name in default_tables() if name.startswith("unit."))


def moments(table: LatencyTable) -> tuple[float, float]:
    """Return mean and coefficient of variation of what *table* gives, both exact integrals."""
    first = second = 0
    steps = zip(pairwise(table.grid), pairwise(table.value_ns), strict=True)
    for (low, high), (a, b) in steps:
        first += (high - low) * (a + b)
        second += (high - low) * (a * a + a * b + b * b)
    mean = first / (2 * U53)
    return mean, math.sqrt(second / (3 * U53) - mean**2) / mean


@pytest.mark.parametrize("name", UNITS)
def test_the_mean_gap_is_one_second(name: str) -> None:
    """
    Interpolated, a unit table's mean is one second within a nanosecond: rates are true.
    """
    mean, _ = moments(default_tables()[name])

    assert abs(mean - 1e9) < 1


@pytest.mark.parametrize(
    ("name", "variation"),
    [
        ("unit.exponential", 1.0),
        ("unit.gamma.cv0.5", 0.5),
        ("unit.gamma.cv2", 2.0),
        ("unit.gamma.cv4", 4.0),
    ],
)
def test_gaps_vary_as_named(name: str, variation: float) -> None:
    """
    The coefficient of variation is the one in the name within 1 %: tails end at 1 - 1e-6.
    """
    assert variation == pytest.approx(moments(default_tables()[name])[1], rel=0.01)


def test_quantiles_of_the_exponential_are_the_logarithms() -> None:
    """
    The median gap is ln 2 and the P99 ln 100 seconds, within the table's 0.1 and 0.5 %.
    """
    table = default_tables()["unit.exponential"]

    assert math.log(2) * 1e9 == pytest.approx(table.at(U53 // 2), rel=1e-3)
    assert math.log(100) * 1e9 == pytest.approx(table.at(U53 - U53 // 100), rel=5e-3)


def test_a_gap_can_be_asked_for_by_request() -> None:
    """
    ns_for gives the first draw of a request without taking it, whoever asks.
    """
    draws = Draws(7)
    with request_scope(3):
        taken = draws.ns("arrival", "unit.exponential")

    assert taken == draws.ns_for("arrival", 3, "unit.exponential")
    with pytest.raises(ConfigError, match="no latency table 'nothing'"):
        draws.ns_for("arrival", 3, "nothing")
