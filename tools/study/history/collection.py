"""
The collections that methods are tuned on and told of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tools.study.history.archives import ARCHIVES, Archive, read_histories
from tools.study.history.series import (
    NOISES,
    WINDOW,
    Collection,
    Labelled,
    halves,
    made,
    planted_and_null,
    quiet_windows,
)

TUNE_SEED: Final = 20_251
TELL_SEED: Final = 20_262
_OWN: Final = Path(__file__).parents[3] / "tests" / "tools" / "history" / "noise.npz"
_OWN_TIMES: Final = 6
"""There are few windows of our own noise: each is used so often, with other changes planted."""
_WINDOWS_MIN: Final = 100
"""Archives with fewer quiet windows are told of together."""


def real_collections(data: Path, count: int) -> tuple[Collection, ...]:
    """
    Return collections of real noise: *count* windows each, or as many as there are.

    Args:
        data: Folder with clones of the archives; windows are kept there once found.
        count: Windows in a collection, half of them with changes planted.
    """
    collections = []
    rest: list[Labelled] = []
    for archive in ARCHIVES:
        tune, tell = _windows(archive, data)
        if archive.tune:
            series = planted_and_null(tune, count // 2, TUNE_SEED)
            collections.append(
                Collection(name=f"{archive.name}, tuning half", series=series, tune=True)
            )
        elif len(tell) + len(tune) < _WINDOWS_MIN:
            rest += (*tune, *tell)
            continue
        else:
            tell = (*tune, *tell)
        series = planted_and_null(tell, count, TELL_SEED)
        collections.append(Collection(name=archive.name, series=series))
    series = planted_and_null(rest, count, TELL_SEED)
    collections.append(Collection(name="empymod-bench, kedro", series=series))
    own = planted_and_null(own_windows() * _OWN_TIMES, count, TELL_SEED)
    return (*collections, Collection(name="own noise", series=own))


def own_windows() -> tuple[Labelled, ...]:
    """Return what noise.py collected, all of it: nothing changed, so none is chosen."""
    with np.load(_OWN) as arrays:
        series = [arrays[key] for key in arrays.files]
    return tuple(
        Labelled(values=part, weights=np.full(WINDOW, math.nan))
        for values in series
        for part in np.split(values, range(WINDOW, len(values), WINDOW))
        if len(part) == WINDOW
    )


def made_collections(count: int) -> tuple[Collection, ...]:
    """Return collections of made noise: *count* series of each kind, to tune on and to tell of."""
    return tuple(
        Collection(
            name=kind + (", tuning" if tune else ""), series=made(kind, count, seed), tune=tune
        )
        for seed, tune in ((TUNE_SEED, True), (TELL_SEED, False))
        for kind in NOISES
    )


def _windows(archive: Archive, data: Path) -> tuple[tuple[Labelled, ...], tuple[Labelled, ...]]:
    """Return the quiet windows of both halves of the benchmarks."""
    kept = data / f"{archive.name}-{archive.commit[:12]}-quiet.npz"
    if not kept.exists():
        parts = [quiet_windows(part) for part in halves(read_histories(archive, data, WINDOW))]
        np.savez_compressed(
            kept,
            **{
                f"{field}{half}": np.array([getattr(one, field) for one in part])
                for half, part in enumerate(parts)
                for field in ("values", "weights")
            },
        )
    with np.load(kept) as arrays:
        tune, tell = (
            _labelled(arrays[f"values{half}"], arrays[f"weights{half}"]) for half in (0, 1)
        )
    return tune, tell


def _labelled(values: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> tuple[Labelled, ...]:
    return tuple(
        Labelled(values=one, weights=weight) for one, weight in zip(values, weights, strict=True)
    )
