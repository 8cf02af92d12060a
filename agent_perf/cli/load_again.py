"""
``agent-perf report FILE.json``: the report of a load that was measured before.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from agent_perf import codec
from agent_perf.cli.load_report import Telling, tell_capacity, tell_load
from agent_perf.cli.project import open_project
from agent_perf.errors import StoreError
from agent_perf.report import Command

_SCHEMAS: Final = frozenset({"load_run", "capacity"})


def is_load_file(path: Path) -> bool:
    """Return whether *path* says that it holds what `load` measured."""
    return path.is_file() and codec.schema_of(codec.read_file(path)) in _SCHEMAS


def report_load_file(path: Path, *, reports: Path | None, form: str) -> int:
    """
    Write the report of the load, or the search, in *path* again; return its exit code.

    Args:
        path: What `load` wrote, as ``reports/load/shop.answer.json``.
        reports: Folder of reports; the project's if None.
        form: ``text`` or ``json``.

    Raises:
        StoreError: If it holds neither a load nor a search.
    """
    project = open_project(Path.cwd(), needs_benchmarks=False)
    data = codec.read_file(path)
    again = Command(purpose="Write this again", line=f"agent-perf report {shlex.quote(str(path))}")
    telling = Telling(
        folder=(reports or project.root / project.config.reports) / "load",
        title=project.root.name,
        form=form,
        undecided=project.config.undecided,
        commands=(again,),
    )
    match codec.schema_of(data):
        case "load_run":
            return tell_load(codec.load_load_run(data, str(path)), telling)
        case "capacity":
            return tell_capacity(codec.load_capacity(data, str(path)), telling)
    raise StoreError(f"{path} holds {codec.schema_of(data)!r}; want 'load_run' or 'capacity'")
