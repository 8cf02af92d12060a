"""
Our own stored runs as a history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from agent_perf.errors import NothingMeasuredError
from agent_perf.history.processes import map_in_processes
from agent_perf.history.store import ResultStore
from agent_perf.history.targets import Targets
from agent_perf.history.tracks import History, Track
from agent_perf.records import Evidence, Metric, Run, Tier
from agent_perf.repository import Commit
from agent_perf.stats import summarize

_COMMITS_PER_TASK: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Digest:
    """What a history needs of a run."""

    commit: str
    benchmark: str
    python: str
    edition: str
    packages: Mapping[str, str]
    targets: Mapping[str, float]
    metrics: tuple[Metric, ...]
    evidence: Evidence


def read_run_history(
    store: ResultStore, commits: Sequence[Commit], targets: Targets, *, jobs: int | None = None
) -> History:
    """
    Return what is stored of *commits*: every metric of every run, exact but at tier live.

    Runs under another Python, harness, scenario file or charge of CPU time are tracks of
    their own: a difference between them is nobody's commit.

    Args:
        store: Where the runs are.
        commits: Oldest first.
        targets: Which targets hold.
        jobs: Processes that read; one per core if None.

    Raises:
        NothingMeasuredError: If nothing is stored of any of them.
    """
    ids = [commit.id for commit in commits]
    tasks = [ids[i : i + _COMMITS_PER_TASK] for i in range(0, len(ids), _COMMITS_PER_TASK)]
    digests: list[_Digest] = []
    notes: list[str] = []
    for found, damaged in map_in_processes(partial(_read, store), tasks, jobs):
        digests += found
        notes += damaged
    if not digests:
        first, last = ids[0][:8], ids[-1][:8]
        raise NothingMeasuredError(
            f"no stored runs from {first} to {last}; measure them with "
            f"`agent-perf run {first}..{last}`, or name asv's results with --asv"
        )
    positions = {commit: index for index, commit in enumerate(ids)}
    several = len({digest.python for digest in digests}) > 1
    return History(
        commits=tuple(commits),
        tracks=_tracks(digests, positions, targets, several=several),
        surroundings=_surroundings(digests, positions, several=several),
        notes=tuple(notes),
    )


def _read(store: ResultStore, commits: Sequence[str]) -> tuple[list[_Digest], list[str]]:
    """Return the digests of all runs of *commits*; it runs in a process of its own."""
    digests: list[_Digest] = []
    damaged: list[str] = []
    for commit in commits:
        shelf = store.load(commit)
        digests += [_digest(run) for run in shelf.runs.values() if run.latency_ns]
        damaged += shelf.damaged
    return digests, damaged


def _digest(run: Run) -> _Digest:
    environment = run.environment
    return _Digest(
        commit=run.commit,
        benchmark=run.benchmark,
        python=f"py{environment.python}",
        edition=(
            f"{environment.harness}-{environment.scenario}-{environment.cpu}-{environment.tables}"
        ),
        packages=environment.packages,
        targets=run.targets,
        metrics=summarize(run),
        # In real time, what differs need not differ because of the commit.
        evidence=Evidence.SAMPLED if run.tier is Tier.LIVE else Evidence.EXACT,
    )


def _tracks(
    digests: Iterable[_Digest], positions: Mapping[str, int], targets: Targets, *, several: bool
) -> tuple[Track, ...]:
    cells: dict[tuple[str, str, str, str], dict[int, float]] = {}
    units: dict[str, str] = {}
    declared: dict[str, Mapping[str, float]] = {}
    evidence: dict[str, Evidence] = {}
    for digest in digests:
        home = digest.python if several else ""
        declared[digest.benchmark] = digest.targets
        evidence[digest.benchmark] = digest.evidence
        for metric in digest.metrics:
            units[metric.name] = metric.unit
            key = (digest.benchmark, metric.name, home, digest.edition)
            cells.setdefault(key, {})[positions[digest.commit]] = metric.value
    allowed = {name: targets(name, own) for name, own in declared.items()}
    tracks = []
    for (benchmark, metric_name, home, edition), found in sorted(cells.items()):
        values = np.full(len(positions), np.nan)
        values[list(found)] = list(found.values())
        target = allowed[benchmark].get(metric_name)
        tracks.append(
            Track(
                benchmark=benchmark,
                metric=metric_name,
                unit=units[metric_name],
                evidence=evidence[benchmark],
                home=home,
                edition=edition,
                values=values,
                target=target,
            )
        )
    return tuple(tracks)


def _surroundings(
    digests: Iterable[_Digest], positions: Mapping[str, int], *, several: bool
) -> dict[str, dict[int, Mapping[str, str]]]:
    """Return the packages that most runs of a commit had."""
    votes: dict[tuple[str, int], Counter[tuple[tuple[str, str], ...]]] = {}
    for digest in digests:
        place = (digest.python if several else "", positions[digest.commit])
        packages = tuple(sorted(digest.packages.items()))
        votes.setdefault(place, Counter())[packages] += 1
    found: dict[str, dict[int, Mapping[str, str]]] = {}
    for (home, position), counter in votes.items():
        found.setdefault(home, {})[position] = dict(counter.most_common(1)[0][0])
    return found
