"""
Measures what a machine adds: a tree against itself, in interleaved rounds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from agent_perf.records import Failure, MetricNoise
from agent_perf.stats import NOISE_ROUNDS_MIN, metric_noise, rounds_needed
from agent_perf.suite.duet import DuetPlan, RoundNote, run_duets
from agent_perf.suite.duet_round import Measured
from agent_perf.suite.noise_schedule import sampled_rounds
from agent_perf.suite.tree import Tree

_ROUNDS: Final = 12
"""With so many, the noise found is within 45 % of the true one in 19 of 20 normal cases."""

_BENCHMARKS_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class NoisePlan:
    """
    What is measured against itself, and for how long.

    Attributes:
        tree: The tree.
        package: The benchmark package.
        only: Patterns of benchmark names; empty: all, of which a dozen is taken.
        time_budget_s: Real seconds after which no round is begun.
        time_limit_s: Real seconds for one answer of a side.
    """

    tree: Tree
    package: str
    only: tuple[str, ...] = ()
    time_budget_s: float
    time_limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFindings:
    """
    What came of it.

    Attributes:
        metrics: The noisiest first.
        failures: What gave no value.
        found_count: Benchmarks that there are.
        unmeasured: Benchmarks that had too few rounds for an answer.
        spent_s: Real seconds that the rounds took.
        interrupted: Whether somebody ended it before its time.
    """

    metrics: tuple[MetricNoise, ...]
    failures: tuple[Failure, ...]
    found_count: int
    unmeasured: tuple[str, ...]
    spent_s: float
    interrupted: bool


def measure_noise(plan: NoisePlan, *, on_round: Callable[[RoundNote], None]) -> NoiseFindings:
    """
    Return how much the metrics of equal code differ from round to round.

    Args:
        plan: What is measured.
        on_round: Told of each round before it begins.
    """
    parts: defaultdict[str, list[Measured]] = defaultdict(list)
    duets = run_duets(
        DuetPlan(
            base=plan.tree,
            head=plan.tree,
            package=plan.package,
            only=plan.only,
            time_budget_s=plan.time_budget_s,
            time_limit_s=plan.time_limit_s,
        ),
        schedule=sampled_rounds(
            _ROUNDS, benchmarks_max=_BENCHMARKS_MAX, time_budget_s=plan.time_budget_s
        ),
        on_round=on_round,
        on_measured=lambda one: parts[one.item.name].append(one),
    )
    enough = [duet for duet in duets.runs if len(duet.base) >= NOISE_ROUNDS_MIN]
    # One round of a benchmark that was then dropped for lack of time promised nothing.
    begun = {duet.benchmark for duet in duets.runs if len(duet.base) > 1}
    metrics = [
        metric_noise(
            duet,
            rounds_needed,
            block_changes=[one.block_changes for one in parts[duet.benchmark]],
            round_s=fmean(one.spent_s for one in parts[duet.benchmark]),
        )
        for duet in enough
    ]
    return NoiseFindings(
        metrics=tuple(sorted(metrics, key=lambda one: one.noise_ratio, reverse=True)),
        failures=duets.failures,
        found_count=len({duet.benchmark for duet in duets.runs}),
        unmeasured=tuple(sorted(begun - {duet.benchmark for duet in enough})),
        spent_s=duets.spent_s,
        interrupted=duets.interrupted,
    )
