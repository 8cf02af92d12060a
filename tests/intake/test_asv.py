"""Result files of asv."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.errors import StoreError
from tests.intake.reading import by_name, content, only, real, reread

NAME = "asv-0.6.6/914d6a73-existing.json"


def test_a_result_file_is_one_round() -> None:
    """
    Times are wall times, what was skipped is left out, what failed has failed, and a tracked
    number is told of as not judged.
    """
    file = only(real(NAME))
    timings = by_name(file)
    rows = content(NAME)["results"]

    assert rows["b.time_sum"][0][0] == timings["b.time_sum"].metrics["wall.median"]
    assert (
        rows["b.Sort.time_sort"][0][3]
        == (timings["b.Sort.time_sort(1000, 'reversed')"].metrics["wall.median"])
    )
    assert "b.Sort.time_sort(1000, 'list')" not in timings
    assert {"memory.peak": 30646272.0} == timings["b.peakmem_list"].metrics
    assert {"memory.size": 856.0} == timings["b.mem_list"].metrics
    assert "asv could not run it" == timings["b.time_fails"].failure
    assert ["value"] == list(timings["b.track_size"].withheld)
    assert 10 == timings["b.time_sum"].call_count
    assert content(NAME)["commit_hash"] == file.commit
    assert min(row[3] for row in rows.values()) / 1e3 == file.at_s


def test_an_older_format_is_refused(tmp_path: Path) -> None:
    """
    Format 1 has other rows; asv itself can bring it up to date.
    """
    with pytest.raises(StoreError, match=r"has the format 1; .* so run `asv update`"):
        reread(tmp_path, content(NAME) | {"version": 1})


def test_a_table_of_parameters_without_end_is_no_trap(tmp_path: Path) -> None:
    """
    Ten axes of ten choices are ten thousand million names, of which one value has one.
    """
    changed = content(NAME)
    changed["results"]["b.time_sum"][1] = [[str(n) for n in range(10)]] * 10
    timings = by_name(only(reread(tmp_path, changed)))

    assert f"b.time_sum({', '.join('0' * 10)})" in timings
