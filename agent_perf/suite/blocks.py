"""
From the blocks of a round to its statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Final

from agent_perf.stats import samples_needed

Block = Sequence[float]
"""Seconds per call, of calls one right after the other; all > 0."""

Pair = tuple[float, float]
"""A statistic of base and of head."""


def round_statistics(base: Sequence[Block], head: Sequence[Block]) -> dict[str, Pair]:
    """
    Return the statistics of base and head over a round, free of the machine's drift, in s.

    Each pair of blocks ran within some milliseconds: whatever the machine's speed was
    then, both had it. Dividing the pair by the geometric mean of its two medians takes
    that speed out and leaves their ratio as it was; the round's own typical speed is put
    back at the end, so that the result is in seconds again.

    Args:
        base: Blocks in the order they ran; at least one.
        head: Likewise; paired with *base*.

    Returns:
        ``median`` and ``mean``, and ``p95`` if there are calls enough for one: of fewer
        than 20 it would be the slowest call under another name.
    """
    speeds = [math.sqrt(median(b) * median(h)) for b, h in zip(base, head, strict=True)]
    typical_s = median(speeds)
    sides = [_normalised(blocks, speeds) for blocks in (base, head)]
    return {
        name: (of(sides[0]) * typical_s, of(sides[1]) * typical_s)
        for name, of, needed in _STATISTICS
        if min(map(len, sides)) >= needed
    }


def block_changes(base: Sequence[Block], head: Sequence[Block]) -> tuple[float, ...]:
    """
    Return log(head / base) of the medians of each pair of blocks.

    Args:
        base: As for round_statistics.
        head: Likewise.
    """
    return tuple(math.log(median(h) / median(b)) for b, h in zip(base, head, strict=True))


def _normalised(blocks: Sequence[Block], speeds: Sequence[float]) -> list[float]:
    """Return all calls in ascending order, each divided by the speed of its pair of blocks."""
    pairs = zip(blocks, speeds, strict=True)
    return sorted(call_s / speed for block, speed in pairs for call_s in block)


def _p95(ordered: Sequence[float]) -> float:
    """Return the element of rank ceil(0.95 n), in integers, as stats.nearest_rank does."""
    return ordered[-(-19 * len(ordered) // 20) - 1]


_STATISTICS: Final[tuple[tuple[str, Callable[[Sequence[float]], float], int], ...]] = (
    ("median", median, 1),
    ("mean", fmean, 1),
    ("p95", _p95, samples_needed("0.95")),
)
"""Name, what it is of calls in ascending order, and how many of them it needs."""
