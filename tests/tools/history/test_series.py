"""Series with planted changes: what was planted is what is said to be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tools.study.history.archives import History
from tools.study.history.series import (
    LENGTH,
    NOISES,
    RATIOS,
    WINDOW,
    Labelled,
    halves,
    is_quiet,
    made,
    planted_and_null,
    quiet_windows,
)


def noise(seed: int) -> np.ndarray:
    """One window of 1 % noise around 100."""
    return 100 * np.exp(np.random.default_rng(seed).normal(0, 0.01, WINDOW))


def history(benchmark: str, values: np.ndarray) -> History:
    """A history of *values*, one a second."""
    return History(
        archive="made",
        machine="m",
        benchmark=benchmark,
        dates_ms=np.arange(len(values)) * 1_000,
        values=values,
        weights=np.full(len(values), math.nan),
    )


def test_planted_changes_are_where_and_as_large_as_said() -> None:
    """Divided by what was there before, a planted series is steps at its changes, no more."""
    windows = [Labelled(values=noise(i), weights=np.ones(WINDOW)) for i in range(40)]
    by_level = {one.values[0]: one for one in windows}

    for one in planted_and_null(windows, 40, seed=3):
        before = by_level[one.values[0]]
        factors = np.round(one.values / before.values, 9)
        steps = np.flatnonzero(np.diff(factors)) + 1
        moves = factors[steps] / factors[steps - 1]
        bounds = np.diff([0, *one.changes, WINDOW])

        assert one.changes == tuple(steps)
        assert np.allclose(moves - 1, one.ratios)
        assert all(round(max(move, 1 / move) - 1, 6) in RATIOS for move in moves)
        assert min(bounds) >= 15
        assert np.allclose(one.weights * factors, 1)


def test_half_of_the_series_are_left_as_they_were() -> None:
    """Every other series has nothing planted, and two draws with one seed are the same."""
    windows = [Labelled(values=noise(i), weights=np.ones(WINDOW)) for i in range(9)]
    first, second = (planted_and_null(windows, 6, seed=4) for _ in range(2))

    assert [True, False] * 3 == [bool(one.changes) for one in first]
    assert [one.changes for one in first] == [one.changes for one in second]
    assert {one.values[0] for one in first[1::2]} < {one.values[0] for one in windows}


@pytest.mark.parametrize("place", [5, 15, 75, 185, 195])
def test_a_step_makes_a_window_unquiet(place: int) -> None:
    """A step of 10 % makes a window unquiet wherever it is, and noise alone does not."""
    step = np.where(np.arange(WINDOW) >= place, 1.1, 1.0)

    assert is_quiet(noise(5))
    assert not is_quiet(noise(5) * step)
    assert not is_quiet(np.full(WINDOW, 3.0))


def test_windows_do_not_overlap_and_halves_share_no_benchmark() -> None:
    """Two and a half windows of quiet are two; parameters of one benchmark stay together."""
    values = np.concatenate([noise(1), noise(2), noise(3)[: WINDOW // 2]])
    histories = [history(f"a.B.time_{i % 9}({i})", values) for i in range(36)]
    parts = halves(histories)
    families = [{one.benchmark.partition("(")[0] for one in part} for part in parts]

    assert 2 == len(quiet_windows([histories[0]]))
    assert families[0].isdisjoint(families[1])
    assert all(families)


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_made_series_are_the_same_each_time(kind: str) -> None:
    """One seed, one series; another seed, another; all positive."""
    first, again, other = (made(kind, 2, seed) for seed in (1, 1, 2))

    assert np.array_equal(first[1].values, again[1].values)
    assert not np.array_equal(first[1].values, other[1].values)
    assert LENGTH == len(first[0].values)
    assert first[0].values.min() > 0
