"""
Writes and prints what a load, or a search for capacity, came to.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from agent_perf import codec
from agent_perf.cli.load_text import capacity_lines, load_lines, target_lines
from agent_perf.cli.output import plain, print_json, say
from agent_perf.cli.session_notes import note_files
from agent_perf.filenames import file_name
from agent_perf.gate import (
    capacity_bottlenecks,
    exit_code,
    find_bottlenecks,
    judge_capacity,
    judge_load,
)
from agent_perf.records import Bottleneck, Capacity, LoadDecision, LoadRun
from agent_perf.report import (
    Command,
    View,
    build_capacity_view,
    build_load_view,
    draw_load,
    write_reports,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """
    How and where to tell what a load came to.

    Attributes:
        folder: Where files go, ``reports/load``.
        title: Of the project.
        form: ``text`` or ``json``.
        undecided: What is no answer ends with, ``fail`` or ``pass``.
        commands: What to type next.
    """

    folder: Path
    title: str
    form: str
    undecided: str
    commands: tuple[Command, ...] = ()


def tell_load(run: LoadRun, telling: Telling) -> int:
    """
    Print *run*, write its record, its picture and its report, return the exit code.

    Raises:
        StoreError: If the folder cannot be written; what was measured is printed before.
    """
    decision, bottlenecks = judge_load(run), find_bottlenecks(run)
    view = build_load_view(
        run, decision, bottlenecks, title=telling.title, commands=telling.commands
    )
    name = file_name("+".join(run.scenarios))
    # Printed first: a folder that cannot be written must not cost the result.
    if telling.form == "json":
        print_json(view.document)
    else:
        lines = (*load_lines(run, _width()), *target_lines(decision))
        _print(lines, decision, bottlenecks)
    codec.write_atomic(telling.folder / f"{name}.json", codec.dump_load_run(run))
    codec.write_atomic(telling.folder / f"{name}.svg", draw_load(run).encode())
    _write(telling.folder / name, view, telling.form, decision)
    return exit_code(decision, telling.undecided)


def tell_capacity(capacity: Capacity, telling: Telling) -> int:
    """Do the like with what a search found."""
    decision, bottlenecks = judge_capacity(capacity), capacity_bottlenecks(capacity)
    view = build_capacity_view(
        capacity, decision, bottlenecks, title=telling.title, commands=telling.commands
    )
    name = f"{file_name(capacity.scenario)}.capacity"
    if telling.form == "json":
        print_json(view.document)
    else:
        _print(capacity_lines(capacity), decision, bottlenecks)
    codec.write_atomic(telling.folder / f"{name}.json", codec.dump_capacity(capacity))
    _write(telling.folder / name, view, telling.form, decision)
    return exit_code(decision, telling.undecided)


def _width() -> int | None:
    """Return the columns of the terminal that is printed to; None if it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print(lines: Iterable[str], decision: LoadDecision, bottlenecks: Sequence[Bottleneck]) -> None:
    for line in (*lines, *(f"WHY {one.text}" for one in bottlenecks), *decision.lines):
        click.echo(plain(line))


def _write(folder: Path, view: View, form: str, decision: LoadDecision) -> None:
    if form == "json":
        for line in decision.lines:
            say(line)
    for note in decision.notes:
        say(f"note: {note}")
    paths = write_reports(folder, view)
    note_files(paths)
    say(f"report: {paths[0]}")
