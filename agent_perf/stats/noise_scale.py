"""
How noisy a series is, found without knowing where it changes its level.

Every scale here comes from differences of neighbours, so that a step counts once however high
it is, and from medians, so that once is not enough to matter.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_QUANTILES: Final = ((0.5, 0.6745), (0.75, 1.1503), (0.9, 1.6449))
"""Of |difference|, with the same quantile of |standard normal|. A rounded series repeats its
values, and then its median difference is 0: the first quantile that is not, tells."""

_BLOCK: Final = 8
_BLOCKS_MIN: Final = 6
_SPIKE_SCALES: Final = 4.0


def difference_scale(levels: Array) -> float:
    """
    Return the standard deviation of one point around its level, from first differences.

    Args:
        levels: n >= 2 values.

    Returns:
        In the unit of *levels*; 0 if fewer than a tenth of the values differ from the one before.

    Source: von Neumann et al., *Annals of Mathematical Statistics* 12 (1941), for differences;
    Hampel, *JASA* 69 (1974), for the median.
    """
    moves = np.sort(np.abs(np.diff(levels)))
    for share, normal in _QUANTILES:
        move = float(moves[int(share * (len(moves) - 1))])
        if move > 0:
            return move / (normal * math.sqrt(2))
    return 0.0


def long_run_scale(levels: Array, scale: float) -> float:
    """
    Return the standard deviation that a long mean goes by: sqrt(n) times that of a mean of n.

    With independent noise that is *scale*. Where neighbours go together (a warm machine, a
    random walk), means of blocks differ more, and a step must be larger to be believed.

    Args:
        levels: Without spikes.
        scale: From difference_scale.

    Returns:
        At least *scale*; *scale* itself if the series has fewer than 48 points.

    Source: Carlstein, *Annals of Statistics* 14 (1986), non-overlapping blocks; with the
    median of differences in place of the variance.
    """
    count = len(levels) // _BLOCK * _BLOCK
    if count < _BLOCKS_MIN * _BLOCK:
        return scale
    # Blocks from either end, so that a series and its reverse come to the same.
    ends = (levels[:count], levels[len(levels) - count :])
    moves = np.concatenate([np.diff(end.reshape(-1, _BLOCK).mean(axis=1)) for end in ends])
    spread = float(np.median(np.abs(moves - np.median(moves))))
    return max(scale, spread / (_QUANTILES[0][1] * math.sqrt(2)) * math.sqrt(_BLOCK))


def without_spikes(levels: Array, scale: float) -> Array:
    """
    Return *levels* with one or two outliers in a row replaced by the median around them.

    Args:
        levels: n >= 1 values.
        scale: Of one point; an outlier is farther than four of it from the median of five.
    """
    around = np.concatenate([np.repeat(levels[:1], 2), levels, np.repeat(levels[-1:], 2)])
    windows = np.lib.stride_tricks.sliding_window_view(around, 5)
    middle = np.partition(windows, 2, axis=1)[:, 2]
    return np.where(np.abs(levels - middle) > _SPIKE_SCALES * scale, middle, levels)
