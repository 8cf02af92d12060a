"""
Series of which it is known where they change: quiet stretches of real histories, real noise
of our own and made noise, each with changes planted or with none.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.study.history.archives import History

Array = NDArray[np.float64]

WINDOW: Final = 200
"""Commits in a window of a real history."""
LENGTH: Final = 300
"""Points of a made series."""
RATIOS: Final = (0.05, 0.10, 0.15, 0.20, 0.30)
"""Sizes of planted changes."""

_UP_RATIO: Final = 0.65
"""Share of planted changes that slow down; histories have more of those."""
_MARGIN: Final = 15
"""Points before the first change, between changes, and after the last."""
_QUIET_RATIO: Final = 0.02
_FLAT: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """
    A series and where it changes.

    Attributes:
        values: n > 0 values, oldest first.
        weights: n weights as asv keeps them beside; NaN where there is none.
        changes: First index of each new level, ascending; empty if nothing was planted.
        ratios: Sizes of the changes, signed, one for each.
    """

    values: Array
    weights: Array
    changes: tuple[int, ...] = ()
    ratios: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """
    Series of one kind.

    Attributes:
        name: As the page tells it.
        series: With and without changes.
        tune: Whether methods may be tuned on it.
    """

    name: str
    series: tuple[Labelled, ...]
    tune: bool = False


def quiet_windows(histories: Iterable[History]) -> tuple[Labelled, ...]:
    """Return the windows of *histories* in which nothing seems to have happened: see is_quiet."""
    windows = []
    for history in histories:
        for start in range(0, len(history.values) - WINDOW + 1, WINDOW):
            part = slice(start, start + WINDOW)
            if is_quiet(history.values[part]):
                windows.append(Labelled(values=history.values[part], weights=history.weights[part]))
    return tuple(windows)


def is_quiet(values: Array) -> bool:
    """
    Return whether WINDOW *values* seem to have one level, by a rule that knows no detector.

    Medians of blocks of 40, of blocks of 20, and of the first and the last 10 and 5 values each
    lie within 2 % of that of all, or no farther from it than four of their standard errors by
    the scatter of single points. A window whose values hardly scatter is not counted as noise.
    """
    levels = np.log(values)
    levels -= np.median(levels)
    moves = np.diff(levels)
    noise = float(np.median(np.abs(moves - np.median(moves)))) / 0.6745 / math.sqrt(2)
    if noise <= _FLAT:
        return False
    parts = [*levels.reshape(-1, 40), *levels.reshape(-1, 20)]
    parts += [part for count in (10, 5) for part in (levels[:count], levels[-count:])]
    return all(
        abs(float(np.median(part)))
        <= max(math.log1p(_QUIET_RATIO), 4 * 1.2533 * noise / math.sqrt(len(part)))
        for part in parts
    )


def halves(histories: Iterable[History]) -> tuple[list[History], list[History]]:
    """Return the histories to tune on and those to tell of: a benchmark is in one half only."""
    parts: tuple[list[History], list[History]] = ([], [])
    for history in histories:
        family = history.benchmark.partition("(")[0]
        parts[zlib.crc32(family.encode()) % 2].append(history)
    return parts


def planted_and_null(
    windows: Sequence[Labelled], count: int, seed: int, changes_max: int = 2
) -> tuple[Labelled, ...]:
    """
    Return *count* windows drawn without replacement, changes planted into every other one.

    Args:
        windows: Without changes.
        count: At most; fewer if there are fewer windows.
        seed: Of the draw.
        changes_max: Each planted window gets 1 to so many.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(windows))[:count]
    return tuple(
        _planted(windows[index], draw, changes_max) if place % 2 == 0 else windows[index]
        for place, index in enumerate(order)
    )


def made(kind: str, count: int, seed: int) -> tuple[Labelled, ...]:
    """
    Return *count* made series of *kind*, every other one with 1 to 5 changes planted.

    Args:
        kind: A key of NOISES.
        count: How many.
        seed: Of all draws.
    """
    draw = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    series = []
    for place in range(count):
        values = 100 * np.exp(NOISES[kind](draw))
        if kind == "quantised":
            values = np.round(values / 2) * 2
        quiet = Labelled(values=values, weights=np.full(LENGTH, math.nan))
        series.append(_planted(quiet, draw, 5) if place % 2 == 0 else quiet)
    return tuple(series)


def _planted(quiet: Labelled, draw: np.random.Generator, changes_max: int) -> Labelled:
    length = len(quiet.values)
    count = int(draw.integers(1, changes_max + 1))
    # As many draws as places are left when the margins are taken out, then the margins put back.
    room = length - 2 * _MARGIN - (count - 1) * (_MARGIN - 1)
    places = np.sort(draw.choice(room, count, replace=False))
    changes = tuple(int(place) + _MARGIN + i * (_MARGIN - 1) for i, place in enumerate(places))
    sizes = draw.choice(RATIOS, count)
    signs = np.where(draw.random(count) < _UP_RATIO, 1, -1)
    factors = np.ones(length)
    for change, size, sign in zip(changes, sizes, signs, strict=True):
        factors[change:] *= (1 + size) ** sign
    return Labelled(
        values=quiet.values * factors,
        # An interval grows with its value, so its weight shrinks.
        weights=quiet.weights / factors,
        changes=changes,
        ratios=tuple(
            float((1 + size) ** sign - 1) for size, sign in zip(sizes, signs, strict=True)
        ),
    )


def _gaussian(spread: float, draw: np.random.Generator) -> Array:
    return draw.normal(0, spread, LENGTH)


def _heavy(draw: np.random.Generator) -> Array:
    """Student's t with 3 degrees, and 3 % of the points far above."""
    spikes = (draw.random(LENGTH) < 0.03) * draw.uniform(0.15, 0.7, LENGTH)
    tails: Array = draw.standard_t(3, LENGTH) * 0.02 + spikes
    return tails


def _autoregressive(draw: np.random.Generator) -> Array:
    """Each point keeps 0.6 of the one before."""
    shocks = draw.normal(0, 0.02, LENGTH)
    for i in range(1, LENGTH):
        shocks[i] += 0.6 * shocks[i - 1]
    return shocks


def _bimodal(draw: np.random.Generator) -> Array:
    return draw.normal(0, 0.015, LENGTH) + (draw.random(LENGTH) < 0.3) * 0.08


def _drift(draw: np.random.Generator) -> Array:
    """Four per cent in 300 commits, each of them too little to be a change."""
    return draw.normal(0, 0.02, LENGTH) + np.linspace(0, 0.04, LENGTH)


def _busy(draw: np.random.Generator) -> Array:
    """Two spells of 3 to 8 points at which the machine was 10 to 40 % slower."""
    noise = draw.normal(0, 0.02, LENGTH)
    for start in draw.choice(LENGTH - 10, 2, replace=False):
        noise[start : start + int(draw.integers(3, 9))] += draw.uniform(0.1, 0.35)
    return noise


NOISES: Final = {
    "gaussian 2 %": lambda draw: _gaussian(0.02, draw),
    "gaussian 5 %": lambda draw: _gaussian(0.05, draw),
    "heavy tails": _heavy,
    "AR(1)": _autoregressive,
    "bimodal": _bimodal,
    "drift": _drift,
    "busy spells": _busy,
    "quantised": lambda draw: _gaussian(0.01, draw),
}
