"""
``agent-perf resources record`` and ``show``: what somebody's process takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from agent_perf import codec
from agent_perf.cli.output import print_json, say, warn
from agent_perf.cli.resource_text import resource_lines
from agent_perf.errors import BrokenError, UsageError
from agent_perf.measure import (
    PostgresActivity,
    ResourceSampler,
    is_process_stopped,
    record_command,
)
from agent_perf.measure.resource_sampler import Gauge
from agent_perf.records import ResourceRun

_LOOK_EVERY_S: Final = 1.0
"""How often a process that goes on is looked at: was it stopped?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOptions:
    """How a process is sampled; the attributes are the options of the verbs."""

    name: str = "process"
    interval_s: float = 0.5
    for_s: float | None = None
    db_ports: tuple[int, ...] = ()
    db_url: str | None = None
    db_pool_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions(ProcessOptions):
    """What is recorded, and where it goes; likewise."""

    pid: int | None = None
    requests: int | None = None
    folder: Path
    form: str = "text"


def record_process(command: Sequence[str], options: RecordOptions) -> int:
    """
    Sample *command* or a running process, print and keep what it took; return the exit code.

    Raises:
        UsageError: If there is neither a command nor a process, or both.
        BrokenError: If the command failed by itself.
        StoreError: If the recording cannot be written.
    """
    if bool(command) == (options.pid is not None):
        raise UsageError("want a command after `--`, or --pid PID of one that runs; not both")
    path = free_path(options.folder, options.name)
    pid = options.pid
    run = record_once(command, options) if pid is None else _watch(pid, options)
    run = replace(run, requests=options.requests)
    _show(run, options.form)
    codec.write_atomic(path, codec.dump_resource_run(run))
    say(f"written to {path}")
    if run.end.startswith(("exit ", "signal ")) and run.end != "exit 0":
        raise BrokenError(f"the command ended with {run.end}: what it took is not what it takes")
    return 0


def show_recording(path: Path, form: str) -> int:
    """
    Print the recording in *path*; return the exit code, 0.

    Raises:
        StoreError: If it is no recording.
    """
    _show(codec.load_resource_run(codec.read_file(path), str(path)), form)
    return 0


def record_once(command: Sequence[str], options: ProcessOptions) -> ResourceRun:
    """Return what *command* took; errors as in measure.record_command."""
    with _gauges(options.db_url) as gauges:
        return record_command(
            command,
            name=options.name,
            interval_s=options.interval_s,
            for_s=options.for_s,
            ports=options.db_ports,
            gauges=gauges,
            db_pool_size=options.db_pool_size,
            on_stopped=_say_stopped,
        )


def free_path(folder: Path, name: str) -> Path:
    """
    Return where the next recording called *name* is kept: no file is overwritten.

    Raises:
        UsageError: If *name* is no file's name.
    """
    if not name or not name.isprintable() or "/" in name or name.startswith("."):
        raise UsageError(f"name {name!r}; want what can be a file's name, as server")
    number = 1
    while (path := folder / f"{name}-{number}.json").exists():
        number += 1
    return path


def _watch(pid: int, options: RecordOptions) -> ResourceRun:
    with (
        _gauges(options.db_url) as gauges,
        ResourceSampler(
            pid,
            name=options.name,
            command=f"process {pid}",
            interval_s=options.interval_s,
            ports=options.db_ports,
            gauges=gauges,
            db_pool_size=options.db_pool_size,
        ) as sampler,
    ):
        say(f"looking at process {pid} until it ends or Ctrl-C")
        try:
            _await_end(sampler, pid, options.for_s)
        except KeyboardInterrupt:
            # That is how people say that they have seen enough; the rest is to be kept.
            say("")
    return sampler.result()


def _await_end(sampler: ResourceSampler, pid: int, for_s: float | None) -> None:
    """Wait for the end of process *pid*, and tell of each time that it is stopped."""
    deadline_s = math.inf if for_s is None else time.monotonic() + for_s
    was_stopped = False
    while (left_s := deadline_s - time.monotonic()) > 0:
        is_stopped = is_process_stopped(pid)
        if is_stopped and not was_stopped:
            _say_stopped(pid)
        was_stopped = is_stopped
        if sampler.wait(min(left_s, _LOOK_EVERY_S)):
            return


def _say_stopped(pid: int) -> None:
    warn(
        f"process {pid} is stopped (by Ctrl-Z, a debugger, or because it reads a terminal in the "
        f"background): it takes nothing until it goes on; `kill -CONT {pid}` lets it"
    )


@contextmanager
def _gauges(db_url: str | None) -> Iterator[Mapping[str, Gauge]]:
    if db_url is None:
        yield {}
        return
    with PostgresActivity(db_url) as activity:
        yield {"db_connections": activity}


def _show(run: ResourceRun, form: str) -> None:
    if form == "json":
        print_json(run)
        return
    for line in resource_lines(run):
        click.echo(line)
