"""
What other tools have measured, judged: a process is the unit, for calls within one are alike.
Of a load, likewise, it is the whole run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.gate.decision import judge
from agent_perf.gate.lines import harmless
from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.gate.timed_sides import TimedSides, counted, doubts, in_order
from agent_perf.gate.timed_targets import held_targets
from agent_perf.records import (
    Comparison,
    Decision,
    DuetRun,
    Evidence,
    Failure,
    TimingFile,
    Verdict,
    metric_unit,
)
from agent_perf.stats import LOOKS, open_confirmations, open_duets

PROCESSES_ADVISED: Final = 10
"""
A side, at least: the first of them find a regression, the others confirm it.

With noise of 1 % between pairs, 10 found 194 of 200 slow-downs by 20 % at a limit of 15 %, and
8 found 121 (seeded simulation, tests/gate/test_timings_study.py).
"""


def timed_duets(sides: TimedSides, policy: Policy) -> tuple[DuetRun, ...]:
    """
    Return each metric of each benchmark as rounds: a round is a process of either side.

    The first process of the base that has it is paired with the first of the head, and so
    on. They are taken as a duet would have measured them: once the first ones call a metric
    regressed, what comes after is their confirmation.

    Raises:
        ConfigError: If a metric is limited to ``+0``.
    """
    base, head = _times(sides.base), _times(sides.head)
    duets = (_duet(name, base[name], head[name]) for name in base if name in head)
    return tuple(with_confirmation(duet, policy.limit_of(duet)) for duet in duets)


def judge_timings(sides: TimedSides, duets: Sequence[DuetRun], policy: Policy) -> Decision:
    """
    Return what becomes of the head, as gate.judge does.

    A benchmark that gave no value in one of its processes or runs, as one whose requests all
    failed, has failed.

    Args:
        sides: What was measured.
        duets: What timed_duets made of it.
        policy: Limits, targets and waivers.

    Raises:
        NothingMeasuredError: If no file of the head holds a benchmark.
        UsageError: If base and head have none in common.
        ConfigError: If a metric is limited to ``+0``.
    """
    if not any(file.timings for file in sides.head):
        raise NothingMeasuredError(
            "no file of the head holds a benchmark: nothing ran, or, with pytest-benchmark, "
            "--benchmark-disable or xdist was set, or every test failed"
        )
    _check_names(sides)
    steady = [duet for duet in duets if _is_steady(duet)]
    enough = [duet for duet in duets if len(duet.base) >= LOOKS[0] and duet not in steady]
    few = [duet for duet in duets if len(duet.base) < LOOKS[0] and duet not in steady]
    held = held_targets(sides.head, policy)
    decision = judge(
        (),
        (),
        enough,
        tuple(_failures(sides)),
        # Targets are looked at here, for they hold for few processes, too.
        replace(policy, targets={}),
        base_label=sides.labels[0],
        head_label=sides.labels[1],
        prejudged=Prejudged(
            comparisons=(
                *(_equal(duet, policy) for duet in steady),
                *(_too_few(duet, policy, sides.round_word) for duet in few),
                *_lone(sides, policy),
            ),
            breaches=held.breaches,
            unanswered=held.unanswered,
        ),
    )
    return replace(decision, warnings=(*doubts(sides), *held.untold, *decision.warnings))


def _check_names(sides: TimedSides) -> None:
    """Refuse sides that have nothing in common: to judge nothing is no pass."""
    base, head = (
        {timing.benchmark for file in files for timing in file.timings}
        for files in (sides.base, sides.head)
    )
    if base and not base & head:
        raise UsageError(
            f"base and head have no benchmark in common: {harmless(min(base))} is in "
            f"{sides.base[0].source}, {harmless(min(head))} in {sides.head[0].source}; give both "
            "sides the same names"
        )


def _failures(sides: TimedSides) -> Iterator[Failure]:
    """Yield what gave no value, once for each benchmark of a side."""
    for label, files in zip(sides.labels, (sides.base, sides.head), strict=True):
        told: set[str] = set()
        for file in files:
            for timing in file.timings:
                if timing.failure and timing.benchmark not in told:
                    told.add(timing.benchmark)
                    yield Failure(
                        benchmark=timing.benchmark,
                        commit=label,
                        category="failed",
                        message=f"{timing.failure} ({file.source})",
                    )


def _is_steady(duet: DuetRun) -> bool:
    """Return whether *duet* is of a share that is the same everywhere, as of no errors."""
    return duet.unit == "ratio" and len({*duet.base, *duet.head}) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """What one process gave: *value*, as time per call, of so many calls."""

    value: float
    call_count: int


def _times(files: Sequence[TimingFile]) -> dict[tuple[str, str], list[_Process]]:
    """Return what each process gave, by benchmark and metric, in order of time."""
    found: dict[tuple[str, str], list[_Process]] = {}
    for file in in_order(files):
        for timing in file.timings:
            for metric, value in timing.metrics.items():
                found.setdefault((timing.benchmark, metric), []).append(
                    _Process(value=value, call_count=timing.call_count)
                )
    return found


def _duet(name: tuple[str, str], base: Sequence[_Process], head: Sequence[_Process]) -> DuetRun:
    benchmark, metric = name
    pairs = list(zip(base, head, strict=False))
    return DuetRun(
        benchmark=benchmark,
        metric=metric,
        unit=metric_unit(metric),
        base=tuple(before.value for before, _ in pairs),
        head=tuple(after.value for _, after in pairs),
        calls_per_round=min(one.call_count for pair in pairs for one in pair),
    )


def with_confirmation(duet: DuetRun, limit_ratio: float | None) -> DuetRun:
    """Return *duet* with the rounds after a suspicion as its confirmation; else as it is."""
    for look in LOOKS:
        if look >= len(duet.base):
            break
        first = replace(duet, base=duet.base[:look], head=duet.head[:look])
        if open_duets([first], [limit_ratio]):
            continue
        if open_confirmations([first], [limit_ratio]):
            fresh = replace(duet, base=duet.base[look:], head=duet.head[look:])
            return replace(first, confirmation=fresh)
        break
    return duet


def _equal(duet: DuetRun, policy: Policy) -> Comparison:
    value = duet.base[0]
    found = _comparison(
        duet.benchmark,
        duet.metric,
        (value, value),
        Verdict.UNCHANGED,
        "the same on both sides",
        policy,
        len(duet.base),
    )
    return replace(found, interval=(0.0, 0.0) if len(duet.base) >= LOOKS[0] else None)


def _too_few(duet: DuetRun, policy: Policy, word: str) -> Comparison:
    count = len(duet.base)
    base, head = median(duet.base), median(duet.head)
    return _comparison(
        duet.benchmark,
        duet.metric,
        (base, head),
        Verdict.UNDECIDED,
        f"{counted(count, word)} a side: how much {counted(2, word)[2:]} of the same code differ "
        f"is not known from that; time {PROCESSES_ADVISED} a side, in turns",
        policy,
        count,
    )


def _lone(sides: TimedSides, policy: Policy) -> Iterator[Comparison]:
    """Yield what only one side has."""
    base, head = _times(sides.base), _times(sides.head)
    for name in (*base, *(name for name in head if name not in base)):
        if name in base and name in head:
            continue
        processes = base.get(name) or head[name]
        value = median(one.value for one in processes)
        missing = name in base
        yield _comparison(
            *name,
            (value, None) if missing else (None, value),
            Verdict.MISSING if missing else Verdict.NEW,
            f"the {'head' if missing else 'base'} has no such metric"
            if sides.base
            else "there is no base: held to targets alone",
            policy,
            len(processes),
        )


def _comparison(
    benchmark: str,
    metric: str,
    values: tuple[float | None, float | None],
    verdict: Verdict,
    reason: str,
    policy: Policy,
    count: int,
) -> Comparison:
    base, head = values
    return Comparison(
        benchmark=benchmark,
        metric=metric,
        unit=metric_unit(metric),
        evidence=Evidence.SAMPLED,
        base=base,
        head=head,
        change_ratio=_change(base, head),
        interval=None,
        limit_ratio=policy.limit(benchmark, metric).ratio,
        verdict=verdict,
        reason=reason,
        sample_count=count,
    )


def _change(base: float | None, head: float | None) -> float | None:
    if base is None or head is None:
        return None
    if base == 0:
        return math.inf if head else 0.0
    return head / base - 1
