"""
One round of a group of benchmarks: a fresh process of either side, taking turns in blocks.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.records import Failure, RoundConditions
from agent_perf.suite.blocks import Block, Pair, block_changes, round_statistics
from agent_perf.suite.conditions import conditions_between, read_counters
from agent_perf.suite.duet_worker import Answer, Demand
from agent_perf.suite.lanes import Group, Item
from agent_perf.suite.side import Side, SideBroken
from agent_perf.suite.tree import Tree

_BLOCK_S: Final = 0.004
"""Time of a block: short, for what the machine does in it must hit both sides alike."""

_ROUND_S: Final = 0.06
"""Time of a benchmark's blocks in a round, of either side, where 20 calls take no longer."""

_TAIL_S: Final = 0.2
"""Time that 20 calls may take, so that there is a P95."""

_TAIL_CALLS: Final = 20
_CALLS_MAX: Final = 200
_BLOCK_CALLS_MAX: Final = 10
_BLOCKS_MIN: Final = 5

SideName = Literal["base", "head"]
Sides = Mapping[SideName, Side]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How a benchmark is measured in every round: repetitions, calls of a block, blocks."""

    number: int
    calls: int
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a lane is to do in a round.

    Attributes:
        base: Tree of the base.
        head: Tree of the head.
        package: The benchmark package.
        groups: What to measure, one group after the other.
        sizes: Of the benchmarks measured before.
        cost_s: What their last round took.
        deadline_s: On the monotonic clock: what would end after it is not begun.
        time_limit_s: Real seconds for one answer of a side.
        seed: Of the order of turns and of hashes.
        core: Where both sides run, once they have imported their benchmarks.
    """

    base: Tree
    head: Tree
    package: str
    groups: tuple[Group, ...]
    sizes: Mapping[str, Size]
    cost_s: Mapping[str, float]
    deadline_s: float
    time_limit_s: float
    seed: int
    core: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    One round of one benchmark.

    Attributes:
        item: The benchmark.
        statistics: Metric to its value of base and head, in seconds or bytes; empty if it
            failed.
        failure: Why there is no value; None if there is one.
        size: How it was measured; None for memory, or if that is not known yet.
        conditions: What the machine did meanwhile; None if it failed.
        spent_s: Real seconds that it took.
        block_changes: log(head / base) of the medians of each pair of blocks; empty for memory.
    """

    item: Item
    statistics: Mapping[str, Pair]
    failure: Failure | None = None
    size: Size | None = None
    conditions: RoundConditions | None = None
    spent_s: float
    block_changes: tuple[float, ...] = ()


def measure_round(order: Order, stop: threading.Event) -> Iterator[Measured]:
    """
    Yield the round of each benchmark in *order* for which the time suffices.

    Args:
        order: What to do.
        stop: When set, the processes are ended and nothing more is yielded.
    """
    dice = random.Random(order.seed)
    for group in order.groups:
        if time.monotonic() >= order.deadline_s:
            return
        with fresh_sides(order, group, dice.randrange(1, 1 << 32), stop) as sides:
            yield from _measure_group(order, group, sides, dice, stop)


@contextmanager
def fresh_sides(
    order: Order, group: Group, hash_seed: int, stop: threading.Event
) -> Iterator[dict[SideName, Side]]:
    """Give a process of either side, importing the files of *group*; all of them if it is empty."""
    sides: dict[SideName, Side] = {
        "base": Side(order.base, order.package, order.time_limit_s, hash_seed, stop),
        "head": Side(order.head, order.package, order.time_limit_s, hash_seed, stop),
    }
    try:
        for side in sides.values():
            # Both import at the same time, which takes longer than all that follows.
            side.start([item.name for item in group])
        yield sides
    finally:
        for side in sides.values():
            side.stop()


def size_of(number: int, call_s: float) -> Size:
    """
    Return how to measure what takes *call_s* seconds in *number* repetitions.

    Up to 200 calls of what is short, at least 20 of what takes up to 10 ms, so that there
    is a P95, and never fewer than 5.
    """
    calls = int(_ROUND_S / call_s)
    if _TAIL_CALLS * call_s <= _TAIL_S:
        calls = max(calls, _TAIL_CALLS)
    calls = min(max(calls, _BLOCKS_MIN), _CALLS_MAX)
    in_block = max(1, min(_BLOCK_CALLS_MAX, int(_BLOCK_S / call_s), calls // _BLOCKS_MIN))
    return Size(number=number, calls=in_block, blocks=-(-calls // in_block))


def _measure_group(
    order: Order, group: Group, sides: Sides, dice: random.Random, stop: threading.Event
) -> Iterator[Measured]:
    broken: tuple[SideName, SideBroken] | None = None
    for side_name, side in sides.items():
        try:
            side.found()
            side.pin(order.core)
        except SideBroken as error:
            broken = side_name, error
            break
    for item in group:
        if stop.is_set() or _too_late(order, item):
            return
        if broken is not None:
            yield _failed(order, item, *broken, spent_s=0.0)
            continue
        start = read_counters()
        turn = _Turn(order=order, item=item, sides=sides, dice=dice)
        try:
            statistics, switches_count = turn.peaks() if item.kind == "memory" else turn.times()
        except SideBroken as error:
            if not stop.is_set():
                yield _failed(order, item, turn.asked, error, time.monotonic() - start.at_s)
            continue
        end = read_counters()
        yield Measured(
            item=item,
            statistics=statistics,
            size=turn.size,
            conditions=conditions_between(start, end, switches_count),
            spent_s=end.at_s - start.at_s,
            block_changes=turn.block_changes,
        )


def _too_late(order: Order, item: Item) -> bool:
    return time.monotonic() + order.cost_s.get(item.name, 0.0) > order.deadline_s


def _failed(
    order: Order, item: Item, side_name: SideName, error: SideBroken, spent_s: float
) -> Measured:
    tree = order.base if side_name == "base" else order.head
    failure = Failure(
        benchmark=item.name,
        commit=tree.commit,
        category=error.category,
        message=str(error),
        traceback=error.traceback,
    )
    return Measured(item=item, statistics={}, failure=failure, spent_s=spent_s)


class _Turn:
    """A benchmark's part of a round; knows which side was asked last, should it not answer."""

    def __init__(self, *, order: Order, item: Item, sides: Sides, dice: random.Random) -> None:
        self.asked: SideName = "base"
        self.size = order.sizes.get(item.name)
        self.block_changes: tuple[float, ...] = ()
        self._item = item
        self._sides = sides
        self._dice = dice
        self._time_limit_s = order.time_limit_s

    def times(self) -> tuple[dict[str, Pair], int]:
        """Return the statistics of interleaved blocks, and the context switches meanwhile."""
        blocks: dict[SideName, list[Block]] = {"base": [], "head": []}
        switches_count = 0
        for side_name in self._order():
            number = self.size.number if self.size else 0
            answer = self._ask(side_name, Demand(kind="ready", name=self._item.name, number=number))
            self.size = self.size or size_of(answer.number, answer.call_s[0])
            switches_count -= answer.switches_count
        assert self.size is not None
        block = Demand(
            kind="block", name=self._item.name, calls=self.size.calls, number=self.size.number
        )
        done = Demand(kind="done", name=self._item.name)
        for _ in range(self.size.blocks):
            for side_name in self._order():
                blocks[side_name].append(self._ask(side_name, block).call_s)
        for side_name in self._order():
            switches_count += self._ask(side_name, done).switches_count
        self.block_changes = block_changes(blocks["base"], blocks["head"])
        return {
            f"{self._item.kind}.{name}": pair
            for name, pair in round_statistics(blocks["base"], blocks["head"]).items()
        }, max(0, switches_count)

    def peaks(self) -> tuple[dict[str, Pair], None]:
        """Return the peaks of a fork of either side; switches do not matter to them."""
        peak: dict[SideName, float] = {}
        for side_name in self._order():
            demand = Demand(kind="peak", name=self._item.name, time_limit_s=self._time_limit_s)
            peak[side_name] = float(self._ask(side_name, demand).peak_bytes)
        return {"memory.peak": (peak["base"], peak["head"])}, None

    def _order(self) -> list[SideName]:
        names: list[SideName] = ["base", "head"]
        self._dice.shuffle(names)
        return names

    def _ask(self, side_name: SideName, demand: Demand) -> Answer:
        self.asked = side_name
        return self._sides[side_name].ask(demand)
