"""
What other tools have timed, judged: a process is the unit, for calls within one are alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from agent_perf.errors import NothingMeasuredError
from agent_perf.gate.decision import judge
from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.gate.timed_sides import TimedSides, doubts, in_order
from agent_perf.records import (
    Comparison,
    Decision,
    DuetRun,
    Evidence,
    TimingFile,
    Verdict,
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

    Args:
        sides: What was timed.
        duets: What timed_duets made of it.
        policy: Limits, targets and waivers.

    Raises:
        NothingMeasuredError: If no file of the head holds a benchmark.
        ConfigError: If a metric is limited to ``+0``.
    """
    if not any(file.timings for file in sides.head):
        raise NothingMeasuredError(
            "no file of the head holds a benchmark: pytest-benchmark writes none with "
            "--benchmark-disable, with xdist, or where every test failed"
        )
    enough = [duet for duet in duets if len(duet.base) >= LOOKS[0]]
    few = [duet for duet in duets if len(duet.base) < LOOKS[0]]
    decision = judge(
        (),
        (),
        enough,
        (),
        policy,
        base_label=sides.labels[0],
        head_label=sides.labels[1],
        prejudged=Prejudged(
            comparisons=(*(_too_few(duet, policy) for duet in few), *_lone(sides, policy))
        ),
    )
    return replace(decision, warnings=(*doubts(sides), *decision.warnings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """What one process gave: *time_s* per call, of so many calls."""

    time_s: float
    call_count: int


def _times(files: Sequence[TimingFile]) -> dict[tuple[str, str], list[_Process]]:
    """Return what each process gave, by benchmark and metric, in order of time."""
    found: dict[tuple[str, str], list[_Process]] = {}
    for file in in_order(files):
        for timing in file.timings:
            for metric, time_s in timing.metrics.items():
                found.setdefault((timing.benchmark, metric), []).append(
                    _Process(time_s=time_s, call_count=timing.call_count)
                )
    return found


def _duet(name: tuple[str, str], base: Sequence[_Process], head: Sequence[_Process]) -> DuetRun:
    benchmark, metric = name
    pairs = list(zip(base, head, strict=False))
    return DuetRun(
        benchmark=benchmark,
        metric=metric,
        unit="s",
        base=tuple(before.time_s for before, _ in pairs),
        head=tuple(after.time_s for _, after in pairs),
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


def _too_few(duet: DuetRun, policy: Policy) -> Comparison:
    count = len(duet.base)
    base, head = median(duet.base), median(duet.head)
    processes = "1 process" if count == 1 else f"{count} processes"
    return _comparison(
        duet.benchmark,
        duet.metric,
        (base, head),
        Verdict.UNDECIDED,
        f"{processes} a side: how much processes of the same code differ is not known from "
        f"that; time {PROCESSES_ADVISED} a side, in turns",
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
        time_s = median(one.time_s for one in processes)
        missing = name in base
        yield _comparison(
            *name,
            (time_s, None) if missing else (None, time_s),
            Verdict.MISSING if missing else Verdict.NEW,
            f"the {'head' if missing else 'base'} has no such metric",
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
        unit="s",
        evidence=Evidence.SAMPLED,
        base=base,
        head=head,
        change_ratio=None if base is None or head is None else head / base - 1,
        interval=None,
        limit_ratio=policy.limit(benchmark, metric).ratio,
        verdict=verdict,
        reason=reason,
        sample_count=count,
    )
