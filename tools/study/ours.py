"""
Our own rule on the samples: the product's code, given rounds as a comparison would measure them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agent_perf.records import DuetRun, RoundConditions, Verdict
from agent_perf.stats import LOOKS, judge_duets, open_confirmations, open_duets
from tools.study.samples import STATISTICS

LIMIT: Final = 0.15
CALLS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """
    Rounds of one benchmark, in the order in which they are taken.

    Attributes:
        clock: ``cpu`` or ``wall``.
        values: (rounds, statistic, base and head) seconds.
        busy: (rounds, pressure and steal) shares.
    """

    clock: str
    values: NDArray[np.floating]
    busy: NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a benchmark came to.

    Attributes:
        verdicts: Of its median and its P95.
        rounds: Rounds measured, those of the confirmation included.
    """

    verdicts: tuple[Verdict, ...]
    rounds: int

    @property
    def regressed(self) -> bool:
        """Whether one of its metrics has regressed."""
        return Verdict.REGRESSED in self.verdicts

    @property
    def undecided(self) -> bool:
        """Whether one of its metrics is undecided, and none has regressed."""
        return Verdict.UNDECIDED in self.verdicts and not self.regressed


def judge_suite(streams: Sequence[Stream]) -> list[Outcome]:
    """
    Return what became of the benchmarks of one suite, median and P95 of each, limit 15 %.

    First rounds until none is open, then fresh ones for what is suspected, as the product
    does without an end of time. A benchmark's fresh rounds are the next of its stream.
    """
    width = len(STATISTICS)
    duets = [
        _without_rounds(f"benchmark {number}", stream.clock, name)
        for number, stream in enumerate(streams)
        for name in STATISTICS
    ]
    limits = [LIMIT] * len(duets)
    for look in LOOKS:
        for index in open_duets(duets, limits):
            stream = streams[index // width]
            duets[index] = _rounds(duets[index], stream, index % width, slice(0, look))
    first_rounds = [_most(duets, at, width) for at in range(len(streams))]
    for look in LOOKS:
        for index in open_confirmations(duets, limits):
            begin = first_rounds[index // width]
            stream = streams[index // width]
            fresh = _rounds(duets[index], stream, index % width, slice(begin, begin + look))
            duets[index] = replace(duets[index], confirmation=fresh)
    confirmations = [duet.confirmation or _none(duet) for duet in duets]
    comparisons = judge_duets(duets, limits).comparisons
    return [
        Outcome(
            verdicts=tuple(one.verdict for one in comparisons[at * width : (at + 1) * width]),
            rounds=first_rounds[at] + _most(confirmations, at, width),
        )
        for at in range(len(streams))
    ]


def _most(duets: Sequence[DuetRun], at: int, width: int) -> int:
    return max(len(duet.base) for duet in duets[at * width : (at + 1) * width])


def _without_rounds(benchmark: str, clock: str, statistic: str) -> DuetRun:
    return DuetRun(
        benchmark=benchmark,
        metric=f"{clock}.{statistic}",
        unit="s",
        base=(),
        head=(),
        calls_per_round=CALLS,
    )


def _none(duet: DuetRun) -> DuetRun:
    return replace(duet, base=(), head=(), conditions=(), confirmation=None)


def _rounds(duet: DuetRun, stream: Stream, at: int, part: slice) -> DuetRun:
    base, head = stream.values[part, at].T.tolist()
    # Two clocks, read one after the other, may come to a little more than the whole.
    conditions = tuple(
        RoundConditions(pressure_ratio=min(1.0, pressure), steal_ratio=min(1.0, steal))
        for pressure, steal in stream.busy[part].tolist()
    )
    return replace(
        duet, base=tuple(base), head=tuple(head), conditions=conditions, confirmation=None
    )
