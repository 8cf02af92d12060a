from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.report.thinning import thin

_VALUES = st.lists(
    st.one_of(st.floats(-1e9, 1e9), st.just(float("nan"))), min_size=1, max_size=400
).filter(lambda values: not all(np.isnan(values)))


def test_few_values_all_stay() -> None:
    """
    What is short enough is drawn whole, without the places where nothing was measured.
    """
    assert (0, 2, 3) == thin(np.array([5.0, np.nan, 4.0, 4.0]), (), 4)


@given(values=_VALUES, kept=st.sets(st.integers(0, 399), max_size=6), points_max=st.integers(4, 60))
def test_nothing_that_matters_is_lost(values: list[float], kept: set[int], points_max: int) -> None:
    """
    However few points are left, the oldest and the newest, both extremes and what is to be
    kept are among them, in order; no more than asked but for what must stay.
    """
    array = np.array(values)
    known = np.flatnonzero(~np.isnan(array)).tolist()
    chosen = thin(array, kept, points_max)
    drawn = array[list(chosen)]

    assert sorted(set(chosen)) == list(chosen)
    assert {known[0], known[-1], *(kept & set(known))} <= set(chosen) <= set(known)
    assert (np.nanmin(array), np.nanmax(array)) == (drawn.min(), drawn.max())
    assert len(chosen) <= max(points_max, len(kept) + 4)
