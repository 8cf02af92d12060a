"""
Long series drawn with few points that still show what the long ones do.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray


def thin(values: NDArray[np.float64], kept: Collection[int], points_max: int) -> tuple[int, ...]:
    """
    Return the positions of *values* to draw, ascending.

    The first and the newest value are among them, all of *kept* that have a value, and of
    each stretch the smallest and the largest: an outlier of one commit stays visible.

    Args:
        values: One per commit, oldest first; NaN where there is none.
        kept: Positions to draw in any case.
        points_max: So many points at most, >= 4; more only if *kept* alone are more.
    """
    known = np.flatnonzero(~np.isnan(values))
    if len(known) <= points_max:
        return tuple(known.tolist())
    chosen = {int(known[0]), int(known[-1]), *(set(kept) & set(known.tolist()))}
    # The extremes of all belong to some stretch, so there is always one.
    for stretch in np.array_split(known, max(1, (points_max - len(chosen)) // 2)):
        part = values[stretch]
        chosen |= {int(stretch[part.argmin()]), int(stretch[part.argmax()])}
    return tuple(sorted(chosen))
