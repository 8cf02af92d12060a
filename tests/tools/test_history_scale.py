"""The tool that measures histories of a thousand benchmarks, on a small one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent_perf.history import find_changes, read_asv_history
from tools.history_scale import make_history, make_levels, make_values, write_folder


@pytest.mark.slow
def test_files_and_memory_give_the_same(tmp_path: Path) -> None:
    """
    A folder of 700 commits and 60 benchmarks is read back to the digit, and analysed to the
    same events as from memory; the changes are where they were made, nearly all of them.
    """
    values = make_values(60, 700)
    write_folder(values, tmp_path)
    history = read_asv_history(tmp_path)
    read = np.stack(
        [
            track.values
            for track in sorted(history.tracks, key=lambda t: int(t.benchmark.split("_")[-1]))
        ]
    )

    np.testing.assert_array_equal(values, read)
    assert [event.commit for event in find_changes(make_history(values)).events] == [
        event.commit for event in find_changes(history).events
    ]


@pytest.mark.slow
def test_planted_changes_are_found() -> None:
    """
    Along 10,000 commits, of the changes that are a hundred commits or more from others, at
    least 95 in 100 are found within ten commits, and few others are told.
    """
    values = make_values(20, 10_000)
    findings = find_changes(make_history(values), jobs=1)
    found: dict[str, list[int]] = {}
    for event in findings.events:
        for change in event.changes:
            found.setdefault(change.benchmark, []).append(int(event.commit, 16))
    planted = hits = told = 0
    for row in range(20):
        ends = np.flatnonzero(np.diff(make_levels(row, 10_000))) + 1
        places = np.array(found.get(f"suite.time_{row}", [-10_000]))
        gaps = np.diff([0, *ends, 10_000])
        clear = [end for end, *near in zip(ends, gaps, gaps[1:], strict=False) if min(near) >= 100]
        planted += len(clear)
        hits += sum(abs(places - end).min() <= 10 for end in clear)
        told += sum(
            abs(ends - place).min() > 10 if len(ends) else 1 for place in places if place > 0
        )

    assert planted > 100
    assert hits >= 0.95 * planted
    assert told <= 0.02 * planted
