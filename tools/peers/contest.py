"""
How one thing that several libraries can do is measured: in turn, in one process, in CPU time.

Contestants take turns in shuffled order, a block of calls each, with the garbage collector off.
What is told is the ratio of a peer's block to ours of the same round: what the machine does
meanwhile, it does to both.
"""

from __future__ import annotations

import gc
import inspect
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

Contestant = Callable[[int], Awaitable[None] | None]
"""Does the operation as often as it is told."""

OURS: Final = "agent-perf"
ROUNDS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """
    One operation, and who can do it.

    Attributes:
        title: What is done; of one section, no two are the same.
        contestants: Name to what does it; one of them is OURS.
        calls: Operations in a block; so many that a block takes a millisecond or more.
        rounds: Blocks of each.
        want: Peer to the least ratio, its time by ours, that is asked for. Of all others
            that are not in *unequal* at least 1 is.
        unequal: Peer to what it does not do, or does beyond: told, and no ratio asked for.
        before: Called before each block, outside of the time taken.
    """

    title: str
    contestants: Mapping[str, Contestant]
    calls: int
    rounds: int = ROUNDS
    want: Mapping[str, float] = field(default_factory=dict)
    unequal: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Awaitable[None] | None] | None = None

    def __post_init__(self) -> None:
        unknown = (self.want.keys() | self.unequal.keys()) - self.contestants.keys()
        if unknown or OURS not in self.contestants:
            raise ValueError(f"{self.title}: {sorted(unknown)} unknown, or {OURS} missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    How a contestant did.

    Attributes:
        best_ns: CPU time per operation in its best block.
        ratio: Median over the rounds of its time by ours; above 1 we are faster.
        low: Lower quartile of it.
        high: Upper quartile of it.
        want: Least ratio asked for; None: none is.
        note: Why not.
    """

    best_ns: float
    ratio: float
    low: float
    high: float
    want: float | None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the ratio is less than was asked for."""
        # Two decimals are what the table shows, and all that a busy machine allows.
        return self.want is not None and round(self.ratio, 2) < self.want


async def measure(contest: Contest) -> dict[str, Place]:
    """Return name to place, ours first, then the fastest first."""
    names = list(contest.contestants)
    rows: list[dict[str, float]] = []
    for run in contest.contestants.values():
        await _settled(contest.before() if contest.before else None)
        await _settled(run(max(1, contest.calls // 5)))
    shuffle = random.Random(17)
    # Collections between blocks are to look at what blocks left, not at all that is imported.
    gc.collect()
    gc.freeze()
    try:
        for _ in range(contest.rounds):
            shuffle.shuffle(names)
            rows.append({name: await _block_ns(contest, name) for name in names})
    finally:
        gc.unfreeze()
    places = {name: _place(contest, name, rows) for name in names}
    return dict(sorted(places.items(), key=lambda item: (item[0] != OURS, item[1].best_ns)))


async def _block_ns(contest: Contest, name: str) -> float:
    await _settled(contest.before() if contest.before else None)
    run = contest.contestants[name]
    gc.collect()
    gc.disable()
    try:
        begin_ns = time.process_time_ns()
        await _settled(run(contest.calls))
        return (time.process_time_ns() - begin_ns) / contest.calls
    finally:
        gc.enable()


async def _settled(result: Awaitable[None] | None) -> None:
    if inspect.isawaitable(result):
        await result


def _place(contest: Contest, name: str, rows: list[dict[str, float]]) -> Place:
    ratios = [row[name] / row[OURS] for row in rows]
    low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
    asked = name != OURS and name not in contest.unequal
    return Place(
        best_ns=min(row[name] for row in rows),
        ratio=ratio,
        low=low,
        high=high,
        want=contest.want.get(name, 1.0) if asked else contest.want.get(name),
        note=contest.unequal.get(name, ""),
    )
