"""
Which files of a folder are results: tools put logs, inputs and tables beside them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent_perf.errors import UsageError

_SUFFIXES: Final = (".json", ".jsonl", ".csv")
_BESIDE: Final = frozenset(
    {
        "machine.json",
        "inputs.json",
        "gpu_telemetry_export.jsonl",
        "server_metrics_export.json",
        "server_metrics_export.jsonl",
    }
)
"""Of asv the machine; of AIPerf what it sent, and what servers told meanwhile."""
_SUMMARY: Final = "profile_export_aiperf.json"
_RECORDS: Final = "profile_export.jsonl"


def result_files(folder: Path) -> tuple[Path, ...]:
    """
    Return the results in *folder*, by name.

    Of AIPerf's two files of one run that is the summary; of Locust's tables the stats.

    Raises:
        UsageError: If there is none.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    names = {path.name for path in files}
    found = tuple(path for path in files if _is_result(path, names))
    if not found:
        raise UsageError(
            f"no result in the folder {folder}: no *.json, *.jsonl or *_stats.csv; name files, or "
            "a folder that has some"
        )
    return found


def _is_result(path: Path, names: set[str]) -> bool:
    if path.name == "benchmarks.json":
        # guidellm's result has the name of asv's index, which lies above its results.
        return not any(path.parent.glob("*/machine.json"))
    if path.name in _BESIDE or path.name.startswith("."):
        return False
    if path.suffix == ".csv":
        return path.name.endswith("_stats.csv")
    return not (path.name == _RECORDS and _SUMMARY in names)
