"""
Finds the first step at which two runs of one benchmark part.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.suite.selftest.log import STRETCH, Entry
from agent_perf.suite.selftest.probing import Prober
from agent_perf.suite.selftest.surroundings import Surroundings
from agent_perf.suite.selftest.worker import Report

_COMMON_SHOWN: Final = 5
_TRIES: Final = 3
"""After so many runs that each part somewhere else, the whole log is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """
    Where two runs part.

    Attributes:
        index: Position in the log.
        one: What the first run did there; None: it had ended.
        other: Likewise the second.
        common: The last entries that both share, oldest first.
        asked: Where the runs asked for the machine's own state up to there, latest last.
    """

    index: int
    one: Entry | None
    other: Entry | None
    common: tuple[Entry, ...]
    asked: tuple[Entry, ...]


def find_divergence(
    prober: Prober, arounds: tuple[Surroundings, Surroundings], reports: tuple[Report, Report]
) -> Divergence | None:
    """
    Return where runs in two surroundings part; None if they no longer do.

    Args:
        prober: Runs them again.
        arounds: Where they differ.
        reports: Of one benchmark, from there.

    Each run leaves a chained hash every 256 entries. The first that differs tells the
    stretch to take down in full, and to that end both are run again: by chance they may
    part elsewhere then, and the stretch is looked for anew.
    """
    keep = (0, 0)
    for attempt in range(_TRIES + 1):
        stretch = first_difference(reports[0].checkpoints, reports[1].checkpoints)
        if stretch is None:
            return _without_steps(reports[0], reports[1])
        first, last = stretch * STRETCH, (stretch + 1) * STRETCH
        if keep[0] <= first and last <= keep[1]:
            return compare_entries(reports[0].entries, reports[1].entries, first)
        # One stretch more before it, for what both share.
        keep = (max(0, first - STRETCH), last) if attempt < _TRIES - 1 else (0, sys.maxsize)
        reports = prober.both(arounds, reports[0].benchmark, keep=keep)
    raise AssertionError("a whole log holds every stretch")


def first_difference(one: Sequence[str], other: Sequence[str]) -> int | None:
    """
    Return the index of the first checkpoint that differs, by binary search; None if none does.

    The hashes are chained: after one that differs, all differ.
    """
    common_count = min(len(one), len(other))
    index = bisect_left(range(common_count), True, key=lambda i: one[i] != other[i])
    return None if index == common_count and len(one) == len(other) else index


def compare_entries(one: Sequence[Entry], other: Sequence[Entry], start: int) -> Divergence:
    """Return where two stretches part that are known to differ from index *start* on."""
    mine, yours = _by_index(one), _by_index(other)
    index = start
    while (
        index in mine
        and index in yours
        and (mine[index].at_ns, mine[index].text) == (yours[index].at_ns, yours[index].text)
    ):
        index += 1
    common = [mine[i] for i in range(index - _COMMON_SHOWN, index) if i in mine]
    asked = [e for e in (*one, *other) if e.kind == "asked" and e.index <= index]
    return Divergence(
        index=index,
        one=mine.get(index),
        other=yours.get(index),
        common=tuple(common),
        asked=tuple(sorted(asked, key=lambda entry: entry.index)),
    )


def _by_index(entries: Sequence[Entry]) -> dict[int, Entry]:
    return {entry.index: entry for entry in entries if entry.kind != "asked"}


def _without_steps(one: Report, other: Report) -> Divergence | None:
    if one.same_as(other):
        return None
    return Divergence(index=one.count, one=None, other=None, common=(), asked=())
