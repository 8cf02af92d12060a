"""
From the blocks of a round to its two statistics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

Block = Sequence[float]
"""Seconds per call, of calls one right after the other; all > 0."""


def round_medians(base: Sequence[Block], head: Sequence[Block]) -> tuple[float, float]:
    """
    Return the medians of base and head over a round, free of the machine's drift, in s.

    Each pair of blocks ran within some milliseconds: whatever the machine's speed was
    then, both had it. Dividing the pair by the geometric mean of its two medians takes
    that speed out and leaves their ratio as it was; the round's own typical speed is put
    back at the end, so that the result is in seconds again.

    Args:
        base: Blocks in the order they ran; at least one.
        head: Likewise; paired with *base*.
    """
    speeds = [math.sqrt(median(b) * median(h)) for b, h in zip(base, head, strict=True)]
    typical_s = median(speeds)
    return (_median_of(base, speeds) * typical_s, _median_of(head, speeds) * typical_s)


def _median_of(blocks: Sequence[Block], speeds: Sequence[float]) -> float:
    return median(
        call_s / speed for block, speed in zip(blocks, speeds, strict=True) for call_s in block
    )
