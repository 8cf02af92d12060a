"""
Runs methods over collections: what they find, how well, and how long it takes.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from tools.study.history.methods import OURS, Found, Method
from tools.study.history.scores import Score, score
from tools.study.history.series import Collection, Labelled

_PEERS: Final = ("asv", "apache-otava", "ruptures")
_TIMED_ROUNDS: Final = 3


@dataclass(slots=True)
class Findings:
    """
    What peers found, kept in a file: it depends on nothing but their versions and the series.

    Ours is never kept: it is what changes.
    """

    file: Path
    _kept: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._kept = json.loads(self.file.read_text()) if self.file.exists() else {}

    def of(self, method: Method, series: Sequence[Labelled]) -> list[Found]:
        """Return what *method* finds in each of *series*."""
        if method.name == OURS:
            return [method.find(one) for one in series]
        found = []
        for one in series:
            key = _key(method, one)
            if key not in self._kept:
                self._kept[key] = list(method.find(one))
            found.append(tuple(self._kept[key]))
        return found

    def save(self) -> None:
        """Write the file anew."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self._kept))
        new.replace(self.file)


def versions() -> str:
    """Return names and versions of the peers that are installed."""
    return ", ".join(f"{name} {version(name)}" for name in _PEERS)


def scores_of(
    methods: Iterable[Method], collections: Sequence[Collection], findings: Findings
) -> dict[str, dict[str, Score]]:
    """Return name of method to name of collection to score; print while it goes on."""
    scores: dict[str, dict[str, Score]] = {}
    for method in methods:
        row = scores[method.name] = {}
        for one in collections:
            row[one.name] = score(one.series, findings.of(method, one.series))
        findings.save()
        cells = " ".join(f"{found.f1:.3f}/{found.null_ratio:.1%}" for found in row.values())
        print(f"  {method.name:28} {cells}", flush=True)
    return scores


def best_settings(
    methods: Iterable[Method], collections: Sequence[Collection], findings: Findings
) -> dict[str, Method]:
    """Return for each family the method whose F1 is highest, as a mean over *collections*."""
    by_name = {method.name: method for method in methods}
    scores = scores_of(by_name.values(), collections, findings)
    best: dict[str, Method] = {}
    for name, method in by_name.items():
        rival = best.get(method.family)
        if method.family and (rival is None or _mean(scores[name]) > _mean(scores[rival.name])):
            best[method.family] = method
    return best


def times_ms(methods: Sequence[Method], series: Sequence[Labelled]) -> dict[str, float]:
    """
    Return name of method to ms of CPU a series: the median over *series* of the best round.

    All methods take turns on each series, so that what disturbs one disturbs the next as well.
    """
    times: dict[str, list[float]] = {method.name: [] for method in methods}
    for one in series:
        rounds: dict[str, list[float]] = {method.name: [] for method in methods}
        for _ in range(_TIMED_ROUNDS):
            for method in methods:
                start_s = time.process_time()
                method.find(one)
                rounds[method.name].append(time.process_time() - start_s)
        for name, taken in rounds.items():
            times[name].append(min(taken) * 1e3)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _key(method: Method, series: Labelled) -> str:
    data = series.values.tobytes() + series.weights.tobytes()
    text = f"{method.name} {versions()}".encode()
    return hashlib.blake2b(data + text, digest_size=12).hexdigest()


def _mean(row: Mapping[str, Score]) -> float:
    return statistics.fmean(one.f1 for one in row.values())
