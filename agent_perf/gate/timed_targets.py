"""
What another tool has measured of the head, against targets: one run is enough to miss one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from agent_perf.gate.default_targets import SUBJECT_TARGETS
from agent_perf.gate.lines import harmless
from agent_perf.gate.pairing import undecided
from agent_perf.gate.policy import Policy
from agent_perf.gate.target import misses
from agent_perf.records import Breach, Comparison, Evidence, Timing, TimingFile, metric_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTargets:
    """
    What became of the targets of a head.

    Attributes:
        breaches: Those that it misses, in the median of its processes or runs.
        unanswered: Those that the project set, and that no file tells of.
        kept: Benchmark to metric to target: those that hold.
        untold: Of the targets that hold for any service, those that no file tells of.
    """

    breaches: tuple[Breach, ...] = ()
    unanswered: tuple[Comparison, ...] = ()
    kept: Mapping[str, Mapping[str, float]]
    untold: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the head was held to any target at all."""
        return bool(self.breaches or self.unanswered or self.kept)


def held_targets(files: Sequence[TimingFile], policy: Policy) -> HeldTargets:
    """
    Return what became of each target that the project set, or that holds for any service.

    Args:
        files: Of the head.
        policy: Its targets come before those of SUBJECT_TARGETS and of the tool.
    """
    breaches: list[Breach] = []
    unanswered: list[Comparison] = []
    kept: dict[str, dict[str, float]] = {}
    untold: list[str] = []
    for name, timings in _by_benchmark(files).items():
        if any(timing.failure for timing in timings):
            # It gave no value, and that is told.
            continue
        own = policy.targets_for(name, {})
        for metric, limit in {**_declared(timings[0]), **own}.items():
            values = [one.metrics[metric] for one in timings if metric in one.metrics]
            if not values:
                reason = _lacking(timings, metric)
                if metric in own:
                    unanswered.append(_unanswered(name, metric, reason))
                elif any(metric in one.withheld for one in timings):
                    untold.append(f"{harmless(name)} is not held to {metric}: {reason}")
                continue
            observed = median(values)
            if misses(metric, observed, limit):
                breaches.append(_breach(name, metric, observed, limit))
            else:
                kept.setdefault(name, {})[metric] = limit
    return HeldTargets(
        breaches=tuple(breaches),
        unanswered=tuple(unanswered),
        kept=kept,
        untold=tuple(untold),
    )


def _declared(timing: Timing) -> dict[str, float]:
    return {**SUBJECT_TARGETS[timing.subject], **timing.targets}


def _by_benchmark(files: Sequence[TimingFile]) -> dict[str, list[Timing]]:
    found: dict[str, list[Timing]] = {}
    for file in files:
        for timing in file.timings:
            found.setdefault(timing.benchmark, []).append(timing)
    return found


def _lacking(timings: Sequence[Timing], metric: str) -> str:
    reasons = [one.withheld[metric] for one in timings if metric in one.withheld]
    if reasons:
        return reasons[0]
    known = ", ".join(sorted({name for one in timings for name in one.metrics}))
    return f"no file has it; they have {known or 'nothing'}"


def _unanswered(benchmark: str, metric: str, reason: str) -> Comparison:
    return replace(undecided(benchmark, metric, reason), evidence=Evidence.SAMPLED)


def _breach(benchmark: str, metric: str, observed: float, limit: float) -> Breach:
    return Breach(
        benchmark=benchmark,
        metric=metric,
        unit=metric_unit(metric),
        observed=observed,
        limit=limit,
    )
