"""
Shows how far a command is, on standard error.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from agent_perf.cli.output import plain
from agent_perf.suite import Event


class LineProgress:
    """One line per commit, for logs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, int] = {}
        self._done: dict[str, int] = {}

    def event(self, commit: str, event: Event) -> None:
        """Print a line when a benchmark failed, and when a commit is through."""
        with self._lock:
            if event.kind == "found":
                self._found[commit] = len(event.names)
                self._done[commit] = 0
            if event.kind == "failed" and event.failure is not None:
                message = event.failure.message.replace("\n", " ")
                self.say(f"{commit[:8]}  {event.failure.benchmark!r} failed: {plain(message)}")
            if event.kind in {"run", "kept", "failed"} and commit in self._found:
                self._done[commit] += 1
                if self._done[commit] == self._found[commit]:
                    count = self._done[commit]
                    self.say(f"{commit[:8]}  {count} benchmark{'s' * (count != 1)} done")

    def say(self, text: str) -> None:
        """Print one line."""
        click.echo(text, err=True)


class BarProgress:
    """A bar per commit, for terminals."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._tasks: dict[str, int] = {}

    def event(self, commit: str, event: Event) -> None:
        """Move the commit's bar."""
        with self._lock:
            if event.kind == "found":
                self._tasks[commit] = self._bars.add_task(commit[:8], total=len(event.names))
            if commit not in self._tasks:
                return
            task = self._bars.tasks[self._tasks[commit]]
            if event.kind == "started":
                self._bars.update(task.id, description=f"{commit[:8]}  {event.names[0]}")
            elif event.kind in {"run", "kept", "failed"}:
                self._bars.advance(task.id)
            if task.finished:
                self._bars.update(task.id, description=f"{commit[:8]}  done")

    def say(self, text: str) -> None:
        """Print one line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)


@contextmanager
def show_progress() -> Iterator[LineProgress | BarProgress]:
    """Give bars on a terminal, and plain lines in logs."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield BarProgress(bars)
