"""
What the start page draws: of all that asv kept, the metrics that people ask about.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from agent_perf.history import History, Track
from agent_perf.records import Change, Findings
from agent_perf.report import Exhibit, metric_label

_PLACE: Final = re.compile(r"\.track_(latency|work)\((\d+), '([^']+)'\)\Z")
_DRAWN: Final = "latency.p95"
_NOT_DRAWN: Final = ("latency.", "work.")
_METRICS: Final = {"time": "CPU time", "memory": "peak memory", "value": "value"}


Benchmarks = Mapping[str, Mapping[str, Any]]
"""asv's own table: name to ``params``, ``param_names`` and the like."""


def make_exhibits(
    history: History, findings: Findings, benchmarks: Benchmarks
) -> tuple[Exhibit, ...]:
    """
    Return what to draw of *history*: of scenarios P95 and what has a target, and all others.

    Args:
        history: What asv kept.
        findings: What was found along it.
        benchmarks: What asv knows of them.
    """
    positions = {commit.id: place for place, commit in enumerate(history.commits)}
    changes: dict[tuple[str, str, str], dict[int, Change]] = {}
    for event in findings.events:
        for one in event.changes:
            key = (one.benchmark, one.metric, one.home)
            changes.setdefault(key, {})[positions[event.commit]] = one
    groups: dict[tuple[str, str, str], list[Track]] = {}
    for track in history.tracks:
        groups.setdefault((track.benchmark, track.metric, track.home), []).append(track)
    addresses = graph_addresses(benchmarks)
    exhibits = []
    for key, tracks in groups.items():
        name, metric = called(key[0], key[1], benchmarks)
        newest = max(tracks, key=_newest)
        if metric.startswith(_NOT_DRAWN) and metric != _DRAWN and newest.target is None:
            continue
        exhibits.append(
            Exhibit(
                name=f"{name} [{key[2]}]" if key[2] else name,
                metric=_METRICS.get(metric, metric_label(metric)),
                tracks=tuple(sorted(tracks, key=_newest)),
                changes=_of_newest(changes.get(key, {}), newest),
                href=addresses.get(key[0], ""),
            )
        )
    return tuple(exhibits)


def track_names(history: History, benchmarks: Benchmarks) -> dict[str, str]:
    """Return benchmark as *history* calls it to words for it and its metric."""
    found = {}
    for track in history.tracks:
        name, metric = called(track.benchmark, track.metric, benchmarks)
        found[track.benchmark] = f"{name}, {_METRICS.get(metric, metric_label(metric))}"
    return found


def called(label: str, metric: str, benchmarks: Benchmarks) -> tuple[str, str]:
    """
    Return benchmark and metric as our own reports call them.

    Args:
        label: As asv calls it: ``agent.Chat.track_latency(200, 'p95')``.
        metric: As its track calls it.
        benchmarks: What asv knows of them.

    Returns:
        ``agent.chat@200`` and ``latency.p95``; of what is no scenario's, both as they were.
    """
    place = _PLACE.search(label)
    entry = benchmarks.get(label.partition("(")[0], {})
    if place is None or not entry.get("scenario"):
        return label, metric
    family, users, name = place.groups()
    return f"{entry['scenario']}@{users}", f"{family}.{name}"


def graph_addresses(benchmarks: Benchmarks) -> dict[str, str]:
    """Return benchmark with its parameters to the address of asv's graph of it."""
    found = {}
    for name, entry in benchmarks.items():
        params: Sequence[Sequence[str]] = entry.get("params") or []
        names: Sequence[str] = entry.get("param_names") or []
        for choice in itertools.product(*params):
            label = f"{name}({', '.join(choice)})" if choice else name
            # As asv's own list of benchmarks writes them.
            asked = "&".join(
                f"{quote(f'p-{key}', safe='')}={quote(value, safe='')}"
                for key, value in zip(names, choice, strict=False)
            )
            found[label] = f"index.html#{quote(name, safe='')}" + (f"?{asked}" if asked else "")
    return found


def _of_newest(changes: Mapping[int, Change], track: Track) -> dict[int, Change]:
    """Return the changes that lie on *track*: those of older editions have other levels."""
    known = np.flatnonzero(~np.isnan(track.values))
    return {place: one for place, one in changes.items() if known[0] < place <= known[-1]}


def _newest(track: Track) -> tuple[int, str]:
    return int(np.flatnonzero(~np.isnan(track.values))[-1]), track.edition
