"""
The samples of the study: from every call to what the rules are given, kept in small files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from agent_perf.suite.blocks import round_statistics

FOLDER: Final = Path(__file__).parent / "samples"
CLOCKS: Final = ("cpu", "wall")
STATISTICS: Final = ("median", "p95")
HEADS: Final = ("same", "+5", "+10", "+15", "+20", "+30", "tail")
LAUNCHES: Final = ("base", *HEADS)
SOLO_SAMPLES: Final = 100
"""Means of ten calls each, 2 ms: what peers see of a launch by itself."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """
    What one condition gave; times in seconds, axes in the order of the constants.

    Attributes:
        pairs: Statistics of equal code: (rounds, workload, clock, statistic, base and head).
        fans: Likewise of every variant: (rounds, head, workload, clock, statistic, side).
        pair_busy: Share of each round of *pairs* in which some task waited for a CPU, and
            share of stolen time: (rounds, workload, 2).
        fan_busy: Likewise of *fans*.
        solos: Wall time of launches by themselves: (cycle, launch, workload, sample).
        solo_calls: Mean, least and median single call of these: (cycle, launch, workload, 3).
        at_s: When each cycle began, in seconds since the epoch.
        spent_s: Real seconds that pairs, fans and solos took in all, process starts included.
    """

    pairs: Array
    fans: Array
    pair_busy: Array
    fan_busy: Array
    solos: Array
    solo_calls: Array
    at_s: NDArray[np.float64]
    spent_s: NDArray[np.float64]

    @classmethod
    def load(cls, condition: str, folder: Path = FOLDER) -> Self:
        """Return the samples of *condition*, ``quiet`` or ``noisy``."""
        with np.load(folder / f"{condition}.npz") as stored:
            return cls(**{field.name: stored[field.name] for field in fields(cls)})

    def save(self, condition: str, folder: Path = FOLDER) -> Path:
        """Keep the samples; return where."""
        path = folder / f"{condition}.npz"
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(path, allow_pickle=False, **arrays)
        return path

    def rounds(self, head: str) -> Array:
        """Return (rounds, workload, clock, statistic, side) of base against *head*."""
        found = self.fans[:, HEADS.index(head)]
        return self._joined(self.pairs, found) if head == "same" else found

    def busy(self, head: str) -> Array:
        """Return (rounds, workload, pressure and steal) of the same rounds."""
        return self._joined(self.pair_busy, self.fan_busy) if head == "same" else self.fan_busy

    def _joined(self, pairs: Array, fans: Array) -> Array:
        """Return the rounds of each cycle: its pairs, then its fans."""
        cycles = len(self.at_s)
        parts = [part.reshape(cycles, -1, *part.shape[1:]) for part in (pairs, fans)]
        return np.concatenate(parts, axis=1).reshape(-1, *pairs.shape[1:])

    def round_s(self) -> float:
        """Return the real seconds of a round of one benchmark, its share of starts included."""
        return float(self.spent_s[0] / (self.pairs.shape[0] * self.pairs.shape[1]))


def condensed(cycles: Iterable[Path]) -> Samples:
    """Return what the files of a collection come to, in order."""
    parts = [_condensed(path) for path in cycles]
    if not parts:
        raise SystemExit("nothing collected; run: tox -e study -- collect")
    joined = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Samples)
        if field.name != "spent_s"
    }
    return Samples(**joined, spent_s=sum(part.spent_s for part in parts))


def _condensed(path: Path) -> Samples:
    with np.load(path) as raw:
        solos = raw["solos"][0] * 1e-9
        return Samples(
            pairs=np.stack([_statistics(one[:, 0], one[:, 1]) for one in raw["pairs"]]),
            fans=np.stack(
                [
                    [_statistics(one[:, 0], one[:, head]) for head in range(1, len(LAUNCHES))]
                    for one in raw["fans"]
                ]
            ).astype(np.float32),
            pair_busy=_busy(raw["pair_machine"]),
            fan_busy=_busy(raw["fan_machine"]),
            solos=solos.reshape(*solos.shape[:2], SOLO_SAMPLES, -1)
            .mean(-1)[None]
            .astype(np.float32),
            solo_calls=np.stack(
                [solos.mean(-1), solos.min(-1), np.median(solos, axis=-1)], axis=-1
            )[None].astype(np.float32),
            at_s=raw["at_s"].reshape(1),
            spent_s=raw["spent_s"],
        )


def _statistics(base: NDArray[np.int32], head: NDArray[np.int32]) -> Array:
    """Return (workload, clock, statistic, side) of (clock, workload, block, call) nanoseconds."""
    found = np.zeros((base.shape[1], len(CLOCKS), len(STATISTICS), 2), np.float32)
    # Collected as wall, CPU.
    for clock, source in enumerate((1, 0)):
        for workload in range(base.shape[1]):
            statistics = round_statistics(
                (base[source, workload] * 1e-9).tolist(), (head[source, workload] * 1e-9).tolist()
            )
            found[workload, clock] = [statistics[name] for name in STATISTICS]
    return found


def _busy(machine: NDArray[np.float64]) -> Array:
    elapsed_s, waited_s, stolen_s, _ = np.moveaxis(machine, -1, 0)
    return np.stack([waited_s / elapsed_s, stolen_s / elapsed_s], axis=-1).astype(np.float32)
