"""
The rules of other tools, by their own code where it can be imported.

Each says whether head is told as a regression, from what the tool itself would have measured:
launches by themselves, one after the other. Times in seconds; more is worse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from asv.commands.compare import _is_result_better
from asv_runner.statistics import compute_stats
from numpy.typing import NDArray
from otava.analysis import compute_change_points
from pytest_benchmark.utils import parse_compare_fail
from scipy.stats import mannwhitneyu

Array = NDArray[np.floating]
Rule = Callable[[Array, Array], bool]
"""Given (launches, samples) of base and of head: is it a regression?"""

_RESAMPLES: Final = 2_000
"""Criterion takes 100,000; at p < .05 the hundredth part says the same."""

_ASV_SAMPLES: Final = 10
"""asv's default ``repeat``: up to ten samples a process, here of 10 ms each (``sample_time``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    A tool's rule with what it measures.

    Attributes:
        rule: Judges launches.
        launches: Processes of each side.
        calls: Calls that it measures in each, after *warm_up_calls* that it discards.
        earlier: Whether base was measured some minutes before.
        sees: ``samples`` of ten calls each; ``calls``: mean, least and median of single ones.
    """

    rule: Rule
    launches: int
    calls: int = 1_000
    warm_up_calls: int = 0
    earlier: bool = False
    sees: Literal["samples", "calls"] = "samples"


def asv_compare(factor: float) -> Rule:
    """
    Return what ``asv compare --factor`` marks as worse, by asv's own code.

    Ten samples of 10 ms from each process; Mann-Whitney at .002, or intervals of 99 % that
    do not overlap, and the medians apart by the factor.
    """

    def rule(base: Array, head: Array) -> bool:
        a, b = _asv_samples(base), _asv_samples(head)
        a_value, a_stats = compute_stats(a, 1)
        b_value, b_stats = compute_stats(b, 1)
        return bool(_is_result_better(a_value, b_value, (a_stats, a), (b_stats, b), factor))

    return rule


def _asv_samples(launches: Array) -> list[float]:
    # Of ten calls' means to 10 ms: five of them, 50 calls. The first ten are what asv takes.
    samples = launches[:, : 5 * _ASV_SAMPLES].reshape(len(launches), _ASV_SAMPLES, 5)
    return [float(value) for value in samples.mean(-1).ravel()]


def pytest_benchmark(expression: str) -> Rule:
    """Return what ``--benchmark-compare-fail=EXPRESSION`` fails, by pytest-benchmark's own code."""
    check = parse_compare_fail(expression)
    column = ("mean", "min", "median").index(check.field)

    def rule(base: Array, head: Array) -> bool:
        before, after = float(base[:, column].mean()), float(head[:, column].mean())
        return check.fails({check.field: after}, {check.field: before}) is not None

    return rule


def mann_whitney(factor: float) -> Rule:
    """Return Mann-Whitney at .05 on all samples, with the medians apart by *factor*."""

    def rule(base: Array, head: Array) -> bool:
        apart = np.median(head) > np.median(base) * factor
        return bool(apart and mannwhitneyu(base.ravel(), head.ravel()).pvalue < 0.05)

    return rule


def criterion(noise_ratio: float) -> Rule:
    """
    Return what criterion.rs calls "regressed": a bootstrap test at .05, and beyond noise.

    Source: criterion.rs book, *Analysis process*; src/analysis/compare.rs and report.rs
    (compare_to_threshold): the whole interval of 95 % of the relative change of means is
    above the noise threshold, 1 % by default.
    """

    def rule(base: Array, head: Array) -> bool:
        dice = np.random.default_rng(7)
        before, after = base.ravel().astype(float), head.ravel().astype(float)
        if not _differ(before, after, dice):
            return False
        changes = _means(after, dice) / _means(before, dice) - 1
        return bool(np.quantile(changes, 0.025) > noise_ratio)

    return rule


def _means(values: Array, dice: np.random.Generator) -> Array:
    return values[dice.integers(0, len(values), (_RESAMPLES, len(values)))].mean(-1)


def _differ(before: Array, after: Array, dice: np.random.Generator) -> bool:
    """Bootstrap of Welch's t from both samples mixed, as criterion.rs does."""
    mixed = np.concatenate([before, after])
    pick = dice.integers(0, len(mixed), (_RESAMPLES, len(mixed)))
    drawn = mixed[pick]
    null = _welch(drawn[:, : len(before)], drawn[:, len(before) :])
    observed = _welch(before[None], after[None])[0]
    # Two-tailed as in criterion.rs: twice the smaller tail.
    below = float((null < observed).mean())
    return 2 * min(below, 1 - below) < 0.05


def _welch(a: Array, b: Array) -> Array:
    error = np.sqrt(a.var(-1, ddof=1) / a.shape[-1] + b.var(-1, ddof=1) / b.shape[-1])
    return np.divide(a.mean(-1) - b.mean(-1), error, out=np.zeros(len(a)), where=error > 0)


def otava(magnitude: float, p_max: float = 0.001) -> Rule:
    """
    Return whether Apache Otava sees a change for the worse where head begins.

    The series holds one value a launch, its mean: those of base and then those of head.
    """

    def rule(base: Array, head: Array) -> bool:
        series = [*base.mean(-1).tolist(), *head.mean(-1).tolist()]
        found, _ = compute_change_points(
            series, window_len=50, max_pvalue=p_max, min_magnitude=magnitude
        )
        return any(
            abs(point.index - len(base)) <= 1 and point.stats.mean_2 > point.stats.mean_1
            for point in found
        )

    return rule


PEERS: Final[Mapping[str, Peer]] = {
    "asv compare 1.15, 2 processes, back to back": Peer(
        rule=asv_compare(1.15), launches=2, calls=500, warm_up_calls=400
    ),
    "asv compare 1.15, baseline measured earlier": Peer(
        rule=asv_compare(1.15), launches=2, calls=500, warm_up_calls=400, earlier=True
    ),
    "asv compare 1.1 (default), 2 processes": Peer(
        rule=asv_compare(1.1), launches=2, calls=500, warm_up_calls=400
    ),
    "asv compare 1.15, 4 processes": Peer(
        rule=asv_compare(1.15), launches=4, calls=500, warm_up_calls=400
    ),
    "pytest-benchmark mean:15%": Peer(rule=pytest_benchmark("mean:15%"), launches=1, sees="calls"),
    "pytest-benchmark min:15%": Peer(rule=pytest_benchmark("min:15%"), launches=1, sees="calls"),
    "pytest-benchmark median:15%": Peer(
        rule=pytest_benchmark("median:15%"), launches=1, sees="calls"
    ),
    "pytest-benchmark median:15%, baseline measured earlier": Peer(
        rule=pytest_benchmark("median:15%"), launches=1, sees="calls", earlier=True
    ),
    "criterion, noise 1 % (default)": Peer(rule=criterion(0.01), launches=1, warm_up_calls=400),
    "criterion, noise 15 %": Peer(rule=criterion(0.15), launches=1, warm_up_calls=400),
    "Mann-Whitney p < .05": Peer(rule=mann_whitney(1.0), launches=2, warm_up_calls=400),
    "Mann-Whitney p < .05 and 15 %": Peer(rule=mann_whitney(1.15), launches=2, warm_up_calls=400),
    "Apache Otava p < .001": Peer(rule=otava(0.0), launches=5, warm_up_calls=100),
    "Apache Otava p < .001 and 15 %": Peer(rule=otava(0.15), launches=5, warm_up_calls=100),
}
"""By name, each with its own design; all on the wall clock, which they use by default."""
