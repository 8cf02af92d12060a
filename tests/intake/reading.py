"""Files that the real tools wrote, and files by hand, read by our door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent_perf.intake import read_timings
from agent_perf.records import Timing, TimingFile

FILES = Path(__file__).parent / "files"


def real(name: str) -> tuple[TimingFile, ...]:
    """What we make of the file *name*, as its tool wrote it."""
    return read_timings(FILES / name)


def content(name: str) -> Any:
    """The same as JSON."""
    return json.loads((FILES / name).read_text())


def only(files: tuple[TimingFile, ...]) -> TimingFile:
    (file,) = files
    return file


def by_name(file: TimingFile) -> dict[str, Timing]:
    return {timing.benchmark: timing for timing in file.timings}


def reread(folder: Path, value: Any) -> tuple[TimingFile, ...]:
    """What we make of *value*, written as JSON."""
    path = folder / "changed.json"
    path.write_text(json.dumps(value))
    return read_timings(path)
