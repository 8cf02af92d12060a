"""
What was seen of both services in a step, in cells of latency and batches of time.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from agent_perf.stats import Side

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_CELLS_PER_OCTAVE: Final = 256
"""Cells of 0.27 %: what an interval of ± 10 % does not notice."""

_LEAST_S: Final = 1e-5


def sides(
    at_s: Floats, latency_s: Floats, failed: Flags, is_candidate: Flags, batches: int, end_s: float
) -> tuple[Side, Side]:
    """
    Return what was seen of the stable service and of the candidate, in *batches* of equal time.

    A request that failed counts as slower than any that was answered: an error is no fast answer.

    Args:
        at_s: When each request was due, since the step began, below *end_s*.
        latency_s: Of each.
        failed: Whether it failed.
        is_candidate: Whether the candidate was asked.
        batches: Into how many.
        end_s: Where the last batch ends.
    """
    cells = np.ceil(np.log2(np.maximum(latency_s, _LEAST_S) / _LEAST_S) * _CELLS_PER_OCTAVE)
    bounds = np.unique(np.concatenate((cells[~failed], cells[~failed] - 1)))
    edges = (*(_LEAST_S * 2.0 ** (bounds / _CELLS_PER_OCTAVE)).tolist(), math.inf)
    cell = np.where(failed, len(bounds), np.searchsorted(bounds, cells))
    batch = np.minimum((at_s / end_s * batches).astype(int), batches - 1)
    found = []
    for side in (~is_candidate, is_candidate):
        flat = np.bincount(batch[side] * len(edges) + cell[side], minlength=batches * len(edges))
        counts = flat.reshape(batches, len(edges)).astype(np.float64)
        bad = np.bincount(batch[side & failed], minlength=batches).astype(np.float64)
        found.append(Side(edges=edges, counts=counts, failed=bad))
    stable, candidate = found
    return stable, candidate
