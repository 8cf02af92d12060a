"""Which files of a folder are results."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.errors import UsageError
from agent_perf.intake import result_files


@pytest.mark.parametrize(
    ("names", "results"),
    [
        (("b.json", "a.json", "notes.txt"), ["a.json", "b.json"]),
        (("run_stats.csv", "run_stats_history.csv", "run_failures.csv"), ["run_stats.csv"]),
        (
            ("profile_export_aiperf.json", "profile_export.jsonl", "inputs.json", ".ready.json"),
            ["profile_export_aiperf.json"],
        ),
        (("profile_export.jsonl",), ["profile_export.jsonl"]),
        (("benchmarks.json",), ["benchmarks.json"]),
        (("machine.json", "1f-py3.11.json"), ["1f-py3.11.json"]),
    ],
)
def test_what_lies_beside_is_left_out(
    tmp_path: Path, names: tuple[str, ...], results: list[str]
) -> None:
    """
    Of Locust the stats, of AIPerf the summary rather than its records, of asv no machine.
    """
    for name in names:
        (tmp_path / name).touch()

    assert results == [path.name for path in result_files(tmp_path)]


def test_a_folder_of_asv_holds_folders_of_machines(tmp_path: Path) -> None:
    """
    Its benchmarks.json is an index: results are one folder further.
    """
    (tmp_path / "ci-1").mkdir()
    for name in ("benchmarks.json", "ci-1/machine.json"):
        (tmp_path / name).touch()

    with pytest.raises(UsageError, match="no result in the folder"):
        result_files(tmp_path)
