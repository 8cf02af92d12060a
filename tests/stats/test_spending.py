import math
from itertools import pairwise

import numpy as np
import pytest

from agent_perf.errors import SampleError
from agent_perf.stats import LOOKS, look_levels


def test_one_look_spends_all() -> None:
    """
    Looked at once, an interval has the level that it should.
    """
    assert (0.01,) == pytest.approx(look_levels(0.01, (30,)), rel=1e-9)


def test_two_looks_by_the_other_integral() -> None:
    """
    Of two looks at n and 2 n, the first spends .01 / sqrt(2), and at both they come to .01.

    P(first or second) by direct integration over the first: Φ of what is left to go.
    """
    first, second = look_levels(0.01, (7, 14))
    a, b = _quantile(first), _quantile(second)
    grid = np.linspace(-9, a, 200_001)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    later = np.array([_above(z) for z in (b * math.sqrt(2) - grid[::100])])
    both = float(np.trapezoid(density[::100] * later, grid[::100]))

    assert 0.01 / math.sqrt(2) == pytest.approx(first, rel=1e-9)
    assert 0.01 - first == pytest.approx(both, rel=1e-4)


def test_looks_together_miss_as_often_as_they_should() -> None:
    """
    Of 60,000 seeded walks, a share of 2 % crosses a bound of 2 % at one of our looks or more.
    """
    rng = np.random.default_rng(3)
    walks = rng.normal(size=(60_000, LOOKS[-1])).cumsum(axis=1)
    crossed = np.zeros(len(walks), dtype=bool)
    for look, level in zip(LOOKS, look_levels(0.02, LOOKS), strict=True):
        crossed |= walks[:, look - 1] > _quantile(level) * math.sqrt(look)

    # The standard error of the share is 0.0006.
    assert 0.02 == pytest.approx(crossed.mean(), abs=0.0015)


def test_surer_in_all_is_surer_at_each_look() -> None:
    """
    A smaller error in all leaves less to each look, and every look less than all.
    """
    levels = [look_levels(miss, LOOKS) for miss in (0.15, 0.01, 0.001, 0.0001)]

    for more, less in pairwise(levels):
        assert all(one > other for one, other in zip(more, less, strict=True))
    assert all(max(found) < miss for found, miss in zip(levels, (0.15, 0.01), strict=False))


@pytest.mark.parametrize(
    ("miss", "looks"),
    [(0.0, (5,)), (0.5, (5,)), (0.01, ()), (0.01, (0, 5)), (0.01, (5, 5)), (0.01, (8, 5))],
)
def test_refusals(miss: float, looks: tuple[int, ...]) -> None:
    """
    What is no probability, or no ascending number of rounds, is refused.
    """
    with pytest.raises(SampleError, match="want"):
        look_levels(miss, looks)


def _above(z: float) -> float:
    return math.erfc(z / math.sqrt(2)) / 2


def _quantile(above: float) -> float:
    low, high = 0.0, 10.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _above(middle) > above else (low, middle)
    return (low + high) / 2
