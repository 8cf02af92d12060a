"""
What runs on a worker of Dask: it tells what it is, takes files, and measures.

These functions are found by their names where the worker is, so it must have agent-perf.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.errors import AgentPerfError, RepositoryError
from agent_perf.fleet.assignment import Assignment, Presence
from agent_perf.fleet.likeness import installation
from agent_perf.fleet.source import Source, find_repository_of, keep
from agent_perf.records import Failure
from agent_perf.scrubbing import harmless
from agent_perf.suite import Event, Tree, lay_out, measure_tree

if TYPE_CHECKING:
    from distributed import Worker

TOPIC: Final = "agent-perf"
"""Of Dask's events. The scheduler keeps the last thousand of a topic, so there is only one."""

_TICK_S: Final = 0.25
"""How soon it is noticed that an answer is not wanted any more."""


async def present(source: bytes, dask_worker: Worker | None = None) -> bytes:
    """Return what this worker is, and whether it has the files of *source*."""
    assert dask_worker is not None
    wanted = decoder_of(Source).decode(source)
    kept = _kept(dask_worker)

    def look() -> Presence:
        found = find_repository_of(wanted, wanted.commits, kept)
        return Presence(installation=installation(), has_source=found is not None)

    # Beside the loop, which has to answer the scheduler meanwhile.
    return msgspec.json.encode(await asyncio.to_thread(look))


async def receive(
    source: bytes, part: bytes, is_first: bool, is_last: bool, dask_worker: Worker | None = None
) -> None:
    """Take the next *part* of what is sent of *source*; with the last, unpack it."""
    assert dask_worker is not None
    wanted = decoder_of(Source).decode(source)
    kept = _kept(dask_worker)

    def take() -> None:
        kept.mkdir(parents=True, exist_ok=True)
        arriving = kept / f"{wanted.digest}.part"
        with arriving.open("wb" if is_first else "ab") as file:
            file.write(part)
        if is_last:
            sent = arriving.read_bytes()
            arriving.unlink()
            keep(wanted, sent, kept)

    await asyncio.to_thread(take)


def carry_out(assignment: bytes) -> int:
    """
    Measure what *assignment* says, tell each event as it happens, and return their number.

    It stops early, and returns -1, if the client does not want the answer any more or is gone,
    or if this worker is about to end, as it does without a scheduler.
    """
    from distributed import get_worker

    worker = get_worker()
    wanted = decoder_of(Assignment).decode(assignment)
    told_count = 0
    with _wanted_still(worker) as stop:
        for event in _measure(wanted, _kept(worker), stop):
            data = zlib.compress(msgspec.json.encode(event), 1)
            worker.log_event(TOPIC, {"part": wanted.part, "event": data})
            told_count += 1
    return -1 if stop.is_set() else told_count


def _measure(wanted: Assignment, kept: Path, stop: threading.Event) -> Iterator[Event]:
    # In the worker's own folder, which its nanny removes when the worker is killed.
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="agent-perf-", dir=kept) as folder:
        try:
            tree = _lay_out(wanted, kept, Path(folder) / "tree")
        except AgentPerfError as error:
            name = wanted.source.benchmarks
            failure = Failure(
                benchmark=name,
                commit=wanted.commit,
                category="import",
                message=harmless(str(error)),
            )
            yield Event(kind="failed", names=(name,), failure=failure)
            return
        events = measure_tree(
            tree,
            package=wanted.source.benchmarks,
            time_limit_s=wanted.time_limit_s,
            stored=wanted.stored,
            only=wanted.only,
            leave=wanted.leave,
            imports=wanted.imports,
            cpu=wanted.cpu,
            tier=wanted.tier,
            stop=stop,
            environ=wanted.environ,
        )
        with closing(events):
            yield from events


def _lay_out(wanted: Assignment, kept: Path, folder: Path) -> Tree:
    repository = find_repository_of(wanted.source, (wanted.commit,), kept)
    if repository is None:
        raise RepositoryError(
            f"the files of {wanted.source.root} are gone from this worker, or have changed; "
            "run it again"
        )
    return lay_out(repository, wanted.commit, wanted.source.config, folder)


@contextmanager
def _wanted_still(worker: Worker) -> Iterator[threading.Event]:
    """Give an event that is set once nobody waits for the task that runs here."""
    stop = threading.Event()
    over = threading.Event()
    key = worker.get_current_task()

    def watch() -> None:
        while not over.wait(_TICK_S):
            task = worker.state.tasks.get(key)
            is_closing = worker.status.name not in {"init", "running", "paused"}
            if task is None or task.state == "cancelled" or is_closing:
                stop.set()
                return

    watcher = threading.Thread(target=watch, name="agent-perf-watch", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        over.set()
        watcher.join()


def _kept(worker: Worker) -> Path:
    # Dask removes this folder when the worker ends.
    return Path(worker.local_directory) / "agent-perf"
