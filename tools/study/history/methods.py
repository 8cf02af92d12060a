"""
Ways to find changes in a series: ours, and those of others, each by its own code where it has
some that can be called.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from asv.step_detect import detect_regressions, detect_steps
from otava.analysis import compute_change_points
from ruptures import Pelt

from agent_perf.stats import change_points
from tools.study.history.perfherder import alerts
from tools.study.history.series import Labelled

Found = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """
    A way to find changes.

    Attributes:
        name: As the page tells it.
        find: First index of each new level in a series, ascending.
        recommended: Whether these settings are the method's own, or those its users are told;
            others are there to choose the best of on the collections for tuning.
        family: Settings of one family compete to be its best; "" for what has none.
    """

    name: str
    find: Callable[[Labelled], Found]
    recommended: bool = True
    family: str = ""


def _ours(effect_ratio: float | None) -> Callable[[Labelled], Found]:
    def find(series: Labelled) -> Found:
        if effect_ratio is None:
            found = change_points(series.values)
        else:
            found = change_points(series.values, effect_ratio=effect_ratio)
        return tuple(change.index for change in found if change.settled)

    return find


def _asv_steps(threshold: float) -> Callable[[Labelled], Found]:
    """All steps that ``asv publish`` draws, those told that exceed *threshold*."""

    def find(series: Labelled) -> Found:
        steps = _steps(series)
        return tuple(
            after[0]
            for before, after in itertools.pairwise(steps)
            if abs(after[2] / before[2] - 1) > threshold
        )

    return find


def _asv_regressions(series: Labelled) -> Found:
    """The page of regressions that ``asv publish`` writes, with its default of 5 %."""
    _, _, positions = detect_regressions(_steps(series), threshold=0.05)
    return tuple(sorted(right for _, right, _, _ in positions or ()))


def _steps(series: Labelled) -> list[tuple[int, int, float, float, float]]:
    weights = [None if math.isnan(weight) else weight for weight in series.weights.tolist()]
    return list(detect_steps(series.values.tolist(), weights))


def _otava(pvalue: float, magnitude: float) -> Callable[[Labelled], Found]:
    def find(series: Labelled) -> Found:
        found, _ = compute_change_points(
            series.values.tolist(), window_len=50, max_pvalue=pvalue, min_magnitude=magnitude
        )
        return tuple(sorted(int(change.index) for change in found))

    return find


def _pelt(model: str, factor: float, threshold: float) -> Callable[[Labelled], Found]:
    """Penalty *factor* x log n on logarithms in units of their noise."""

    def find(series: Labelled) -> Found:
        levels = np.log(series.values)
        moves = np.abs(np.diff(levels))
        scale = float(np.median(moves)) / 0.6745 / math.sqrt(2) or float(levels.std()) or 1.0
        count = len(levels)
        engine: Any = Pelt(model=model, min_size=5, jump=1).fit((levels / scale)[:, None])
        ends = [0, *engine.predict(pen=factor * math.log(count))]
        middles = [float(np.median(levels[low:high])) for low, high in itertools.pairwise(ends)]
        return tuple(
            cut
            for cut, before, after in zip(ends[1:-1], middles, middles[1:], strict=False)
            if abs(math.expm1(after - before)) > threshold
        )

    return find


def _perfherder(t_min: float, threshold: float) -> Callable[[Labelled], Found]:
    return lambda series: alerts(series.values, t_min, threshold)


def _beyond(threshold: float) -> Callable[[Labelled], Found]:
    """Each commit against the one before."""

    def find(series: Labelled) -> Found:
        ratios = series.values[1:] / series.values[:-1]
        return tuple(int(place) + 1 for place in np.flatnonzero(np.abs(ratios - 1) > threshold))

    return find


OURS: Final = "agent-perf"
METHODS: Final = (
    Method(name=OURS, find=_ours(None), family="agent-perf"),
    Method(name="asv steps > 5 %", find=_asv_steps(0.05), family="asv steps"),
    Method(name="asv regressions (5 %)", find=_asv_regressions),
    Method(name="Otava p .001 (default)", find=_otava(0.001, 0.0), family="Otava"),
    Method(name="Otava p 1e-5", find=_otava(1e-5, 0.0), family="Otava"),
    Method(name="PELT l1, 3 log n, > 3 %", find=_pelt("l1", 3, 0.03)),
    Method(name="PELT l2, 3 log n, > 3 %", find=_pelt("l2", 3, 0.03), family="PELT l2"),
    Method(name="Perfherder t > 7, 2 %", find=_perfherder(7, 0.02), family="Perfherder"),
    Method(name="15 % over the commit before", find=_beyond(0.15), family="simple rule"),
)
# PELT's l1 cost is not tuned: its time is in the table, and this list would take hours.
CANDIDATES: Final = (
    *(
        Method(
            name=f"asv steps > {t:.0%}", find=_asv_steps(t), recommended=False, family="asv steps"
        )
        for t in (0.02, 0.03, 0.04, 0.08)
    ),
    *(
        Method(
            name=f"Otava p {p:g}, > {m:.0%}",
            find=_otava(p, m),
            recommended=False,
            family="Otava",
        )
        for p in (1e-3, 1e-5, 1e-6, 1e-7)
        for m in (0.0, 0.03)
        if (p, m) not in {(1e-3, 0.0), (1e-5, 0.0)}
    ),
    *(
        Method(
            name=f"PELT l2, {factor} log n, > 3 %",
            find=_pelt("l2", factor, 0.03),
            recommended=False,
            family="PELT l2",
        )
        for factor in (6, 12)
    ),
    *(
        Method(
            name=f"Perfherder t > {t}, {ratio:.0%}",
            find=_perfherder(t, ratio),
            recommended=False,
            family="Perfherder",
        )
        for t in (5, 6, 7, 8)
        for ratio in (0.02, 0.03)
        if (t, ratio) != (7, 0.02)
    ),
    *(
        Method(
            name=f"{t:.0%} over the commit before",
            find=_beyond(t),
            recommended=False,
            family="simple rule",
        )
        for t in (0.05, 0.10, 0.20)
    ),
)
