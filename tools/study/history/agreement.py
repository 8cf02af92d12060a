"""
Whole histories that two machines measured: a change in the code shows on both, noise on one.

Nothing is planted here, and nothing chosen: what one machine tells is held against what the other
tells at the same time. A machine may rightly differ (a cache, an instruction that only one of
them has), so the share confirmed has a ceiling below one; it is the same for every method.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.study.history.archives import Archive, History, read_histories
from tools.study.history.scores import matched
from tools.study.history.series import Array, Labelled, halves

_SHIFTS: Final = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Shares of its length by which one history is turned against the other, to see chance alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """
    What a method finds on two machines.

    Attributes:
        found: Places found on either machine.
        confirmed: How many of them have a partner on the other.
        by_chance: How many would, were the histories not of the same time; a mean.
    """

    found: int
    confirmed: int
    by_chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    One benchmark on two machines.

    Attributes:
        here: As the machine saw it that measured fewer commits.
        there: As the other saw it.
        places: For each commit of *there*, where its date falls among those of *here*.
    """

    here: Labelled
    there: Labelled
    places: NDArray[np.int64]


def read_pairs(archive: Archive, data: Path, length_min: int) -> tuple[Pair, ...]:
    """
    Return benchmarks of *archive* that two machines measured with one Python.

    Only what both machines cover in time is kept. Where methods may be tuned on half of the
    archive, only the other half is returned.

    Args:
        archive: Which one.
        data: Folder with clones; pairs are kept there once found.
        length_min: Smallest number of commits on either machine.

    Raises:
        StoreError: If the clone is not there.
    """
    kept = data / f"{archive.name}-{archive.commit[:12]}-pairs.npz"
    if not kept.exists():
        tune, tell = halves(read_histories(archive, data, length_min))
        rows = _paired(tell if archive.tune else [*tune, *tell], length_min)
        arrays = {
            f"{i:05}{side}": row
            for i, pair in enumerate(rows)
            for side, row in zip("ht", pair, strict=True)
        }
        np.savez_compressed(kept, **arrays)  # type: ignore[arg-type]
    with np.load(kept) as arrays:
        rows = [(arrays[key], arrays[key[:-1] + "t"]) for key in arrays.files if key.endswith("h")]
    return tuple(
        Pair(
            here=Labelled(values=here[1], weights=here[2]),
            there=Labelled(values=there[1], weights=there[2]),
            places=np.searchsorted(here[0], there[0]),
        )
        for here, there in rows
    )


def agreement(
    pairs: Iterable[Pair], found: Iterable[tuple[Sequence[int], Sequence[int]]]
) -> Agreement:
    """Return how far what was *found* on one machine of each pair is confirmed by the other."""
    total = confirmed = 0
    by_chance = 0.0
    for pair, (here, there) in zip(pairs, found, strict=True):
        count = len(pair.here.values)
        seen = [int(pair.places[place]) for place in there]
        total += len(here) + len(seen)
        confirmed += 2 * len(matched(here, seen))
        for share in _SHIFTS:
            turned = [(place + int(share * count)) % count for place in seen]
            by_chance += 2 * len(matched(here, turned)) / len(_SHIFTS)
    return Agreement(found=total, confirmed=confirmed, by_chance=by_chance)


def _paired(histories: Iterable[History], length_min: int) -> list[tuple[Array, Array]]:
    """Return dates, values and weights of both machines, three rows each."""
    found: dict[tuple[str, str], list[History]] = defaultdict(list)
    for history in histories:
        python = history.machine.rpartition("-")[2]
        found[history.benchmark, python].append(history)
    pairs = []
    for _, both in sorted(found.items()):
        if len(both) == 2:
            start = max(history.dates_ms[0] for history in both)
            end = min(history.dates_ms[-1] for history in both)
            rows = sorted((_rows(history, start, end) for history in both), key=np.size)
            if rows[0].shape[1] >= length_min:
                pairs.append((rows[0], rows[1]))
    return pairs


def _rows(history: History, start_ms: int, end_ms: int) -> Array:
    within = (history.dates_ms >= start_ms) & (history.dates_ms <= end_ms)
    rows: Array = np.array([history.dates_ms, history.values, history.weights])[:, within]
    return rows
