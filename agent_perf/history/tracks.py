"""
Histories in columns: one array per metric, one place per commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent_perf.records import Evidence
from agent_perf.repository import Commit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """
    One metric of one benchmark along all commits, measured in one way.

    Attributes:
        benchmark: Its name, with its parameters.
        metric: As in records.Change.
        unit: As in units.format_value.
        evidence: Exact or sampled.
        home: What it was measured on. Values of two homes are never compared.
        edition: Digest of the benchmark and harness. Nor are those of two editions.
        values: One per commit of the history, in *unit*; NaN where there is none.
        target: Worst value allowed, in *unit*; None without one.
    """

    benchmark: str
    metric: str
    unit: str
    evidence: Evidence
    home: str
    edition: str
    values: NDArray[np.float64]
    target: float | None = None

    @property
    def name(self) -> str:
        """How it is called among the others: ``agent.chat@200 latency.p95``."""
        return " ".join(filter(None, (self.benchmark, self.metric, self.home and f"[{self.home}]")))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """
    What was measured along a line of commits.

    Attributes:
        commits: Oldest first.
        tracks: Each with as many values as there are commits.
        surroundings: Home to position of a commit to what was true of it there, by name:
            versions of packages, the machine's processor. May be empty.
        matrix: Requirement to the versions that it was measured at; empty but for asv's.
        notes: What could not be read or placed.
    """

    commits: tuple[Commit, ...]
    tracks: tuple[Track, ...]
    surroundings: Mapping[str, Mapping[int, Mapping[str, str]]] = field(default_factory=dict)
    matrix: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def measured(self) -> NDArray[np.bool_]:
        """Return for each commit whether any track has a value there."""
        found = np.zeros(len(self.commits), dtype=bool)
        for track in self.tracks:
            found |= ~np.isnan(track.values)
        return found
