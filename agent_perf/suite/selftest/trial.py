"""
Runs every scenario in plain and in hostile surroundings, and tells what diverges.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent_perf.suite.selftest.bisection import Divergence, find_divergence
from agent_perf.suite.selftest.causes import Cause, find_cause
from agent_perf.suite.selftest.probing import Prober
from agent_perf.suite.selftest.surroundings import PLAIN, Surroundings, hostile
from agent_perf.suite.selftest.worker import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    What became of one benchmark.

    Attributes:
        benchmark: Its name.
        report: From plain surroundings.
        diverged_in: The first surroundings in which it went another way; None: in none.
        results_differ: Whether it came to something else there, or only took other steps.
        divergence: Where the two part; None if they did not when run again.
        cause: Likely; None if it does not diverge.
        ties: Metric to its value as scheduled and its most distant one with timers of one
            instant in another order; those that are equal are left out.
    """

    benchmark: str
    report: Report
    diverged_in: Surroundings | None = None
    results_differ: bool = False
    divergence: Divergence | None = None
    cause: Cause | None = None
    ties: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def broken(self) -> bool:
        """Whether there is no result to compare."""
        return self.report.broken or bool(self.report.error)


def try_scenarios(
    prober: Prober,
    only: Sequence[str] = (),
    *,
    times: int = 2,
    busy: bool = True,
    ties: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Trial, ...]:
    """
    Return what became of each benchmark that matches, in *times* fresh processes.

    Args:
        prober: Runs them.
        only: Patterns of benchmark or scenario names; empty: all.
        times: Processes, >= 2: one plain, the others hostile.
        busy: Whether cores may be kept busy.
        ties: With how many other orders of ties each is run, >= 0.
        tell: Called with what begins, for people.

    Raises:
        BrokenError: If a process as a whole failed.
    """
    tell("plain")
    plain = prober.probe(PLAIN, only)
    parted: dict[str, tuple[Surroundings, Report]] = {}
    one_sided: dict[str, Report] = {}
    for number in range(1, times):
        around = hostile(number, busy=busy)
        tell(around.describe())
        there = prober.probe(around, only)
        one_sided = {**_one_sided(plain, there, around), **one_sided}
        for name, report in there.items():
            if name in plain and name not in parted and not report.same_as(plain[name]):
                parted[name] = around, report
    moved = _ties(prober, plain, only, ties, tell)
    return (
        *(
            _trial(prober, report, parted.get(name), moved[name], tell)
            for name, report in plain.items()
            if name not in one_sided
        ),
        *(Trial(benchmark=name, report=report) for name, report in one_sided.items()),
    )


def _one_sided(
    plain: Mapping[str, Report], there: Mapping[str, Report], around: Surroundings
) -> dict[str, Report]:
    """Return, as broken, what is in plain surroundings only, or only in others."""
    found = {
        name: report.error or "is there only" for name, report in there.items() if name not in plain
    }
    for name, report in plain.items():
        if name not in there and not report.broken:
            found[name] = "is not there"
    return {
        name: Report(benchmark=name, error=f"{what} with {around.describe()}", broken=True)
        for name, what in found.items()
    }


def _trial(
    prober: Prober,
    plain: Report,
    parted: tuple[Surroundings, Report] | None,
    moved: Mapping[str, tuple[float, float]],
    tell: Callable[[str], None],
) -> Trial:
    if parted is None or plain.broken:
        return Trial(benchmark=plain.benchmark, report=plain, ties=moved)
    around, report = parted
    tell(f"bisect {plain.benchmark}")
    divergence = find_divergence(prober, (PLAIN, around), (plain, report))
    return Trial(
        benchmark=plain.benchmark,
        report=plain,
        diverged_in=around,
        results_differ=_result(report) != _result(plain),
        divergence=divergence,
        cause=find_cause(prober, plain.benchmark, divergence, around),
        ties=moved,
    )


def _result(report: Report) -> tuple[str, str]:
    return report.error, report.result_digest


def _ties(
    prober: Prober,
    plain: Mapping[str, Report],
    only: Sequence[str],
    ties: int,
    tell: Callable[[str], None],
) -> dict[str, dict[str, tuple[float, float]]]:
    moved: dict[str, dict[str, tuple[float, float]]] = {name: {} for name in plain}
    for tie_seed in range(1, ties + 1):
        tell(f"ties in order {tie_seed}")
        for name, report in prober.probe(PLAIN, only, tie_seed=tie_seed).items():
            for metric, value in report.metrics.items() if name in plain else ():
                before = plain[name].metrics.get(metric, value)
                _, furthest = moved[name].get(metric, (before, before))
                if abs(value - before) > abs(furthest - before):
                    moved[name][metric] = (before, value)
    return moved
