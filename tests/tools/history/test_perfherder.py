"""Perfherder's rule, written anew, says what Mozilla's own does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tools.study.history.perfherder import alerts


def series(step: float, at: int = 30, count: int = 60) -> np.ndarray:
    """Alternating 99 and 101, times 1 + *step* from *at* on."""
    values = 100 + np.where(np.arange(count) % 2, 1.0, -1.0)
    return np.where(np.arange(count) >= at, values * (1 + step), values)


def test_a_step_is_one_alert_at_its_place() -> None:
    """Up or down, by 10 % in 1 % noise."""
    assert (30,) == alerts(series(0.1))
    assert (30,) == alerts(series(-0.1))


@pytest.mark.parametrize(("step", "found"), [(0.0, ()), (0.018, ()), (0.04, (30,))])
def test_what_is_below_two_per_cent_is_no_alert(step: float, found: tuple[int, ...]) -> None:
    """However clear the difference is."""
    values = np.where(np.arange(60) >= 30, 100 * (1 + step), 100.0)

    assert found == alerts(values)


def test_ends_are_never_told() -> None:
    """Twelve points before and after are wanted."""
    assert (12,) == alerts(series(0.5, at=12))
    assert () == alerts(series(0.5, at=11, count=23))
    assert () == alerts(series(0.5, at=50))


def test_t_by_hand() -> None:
    """Weights fall linearly from the place; variances are plain, divided by n - 1 and by n."""
    before, after = [1.0] * 11 + [2.0], [4.0] * 11 + [5.0]
    # Twelve on either side: weights 12/12 at the place down to 1/12, in sum 6.5.
    means = 1 + 1 / 6.5, 4 + (1 / 12) / 6.5
    spread = [
        sum((value - mean) ** 2 for value in part) / 11 / 12
        for part, mean in zip((before, after), means, strict=True)
    ]
    t = (means[1] - means[0]) / math.sqrt(sum(spread))
    values = np.array(before + after)

    assert (12,) == alerts(values, t_min=t - 1e-9)
    assert () == alerts(values, t_min=t + 1e-9)
