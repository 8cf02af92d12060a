"""
The one place that knows our file formats, and how a file is written safely.

Every file is JSON with ``schema`` (what it is) and ``schema_version``. A reader refuses
what is cut, foreign or newer than itself, and says which.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from agent_perf.decoding import decoder_of
from agent_perf.errors import SampleError, StoreError
from agent_perf.records import (
    CalibratedTables,
    Capacity,
    Cassette,
    CommandRun,
    Decision,
    DuetRun,
    Failure,
    LoadRun,
    MachineNoise,
    ResourceRun,
    Run,
    Session,
    Step,
)
from agent_perf.whole_files import read_whole

SCHEMA_VERSION: Final = 1

T = TypeVar("T")


class _Header(msgspec.Struct):
    schema: str = ""
    schema_version: int = 0


class _File(msgspec.Struct):
    schema: str
    schema_version: int
    data: msgspec.Raw


class BaselineFile(msgspec.Struct, frozen=True, kw_only=True):
    """
    A named baseline as it is kept.

    Attributes:
        name: As in its file name.
        commit: What was measured.
        runs: One per benchmark, by name.
    """

    name: str
    commit: str
    runs: tuple[Run, ...]


def dump_run(run: Run) -> bytes:
    """Return *run* as a file's content."""
    return _dump("run", run)


def load_run(data: bytes, source: str) -> Run:
    """
    Return the run in a file's content.

    Args:
        data: The content.
        source: Where it was read, for messages.

    Raises:
        StoreError: If the content is cut, of another kind, or of a newer schema.
    """
    return _load("run", data, source, Run)


def dump_load_run(run: LoadRun) -> bytes:
    """Return what a load came to as a file's content."""
    return _dump("load_run", run)


def load_load_run(data: bytes, source: str) -> LoadRun:
    """Return what a load came to from a file's content; errors as in load_run."""
    return _load("load_run", data, source, LoadRun)


def dump_resource_run(run: ResourceRun) -> bytes:
    """Return what a process took as a file's content."""
    return _dump("resource_run", run)


def load_resource_run(data: bytes, source: str) -> ResourceRun:
    """Return what a process took from a file's content; errors as in load_run."""
    return _load("resource_run", data, source, ResourceRun)


def dump_command_run(run: CommandRun) -> bytes:
    """Return the executions of a command as a file's content."""
    return _dump("command_run", run)


def load_command_run(data: bytes, source: str) -> CommandRun:
    """Return the executions of a command from a file's content; errors as in load_run."""
    return _load("command_run", data, source, CommandRun)


def dump_capacity(capacity: Capacity) -> bytes:
    """Return what a search for the highest rate found as a file's content."""
    return _dump("capacity", capacity)


def load_capacity(data: bytes, source: str) -> Capacity:
    """Return what a search found from a file's content; errors as in load_run."""
    return _load("capacity", data, source, Capacity)


def dump_failure(failure: Failure) -> bytes:
    """Return *failure* as a file's content."""
    return _dump("failure", failure)


def load_failure(data: bytes, source: str) -> Failure:
    """Return the failure in a file's content; errors as in load_run."""
    return _load("failure", data, source, Failure)


def dump_decision(decision: Decision) -> bytes:
    """Return *decision* as a file's content."""
    return _dump("decision", decision)


def load_decision(data: bytes, source: str) -> Decision:
    """Return the decision in a file's content; errors as in load_run."""
    return _load("decision", data, source, Decision)


def dump_baseline(baseline: BaselineFile) -> bytes:
    """Return *baseline* as a file's content."""
    return _dump("baseline", baseline)


def load_baseline(data: bytes, source: str) -> BaselineFile:
    """Return the baseline in a file's content; errors as in load_run."""
    return _load("baseline", data, source, BaselineFile)


def dump_steps(steps: Sequence[Step]) -> bytes:
    """Return the steps of a history as a file's content."""
    return _dump("steps", tuple(steps))


def load_steps(data: bytes, source: str) -> tuple[Step, ...]:
    """Return the steps in a file's content; errors as in load_run."""
    return _load("steps", data, source, tuple[Step, ...])


def dump_duets(duets: Sequence[DuetRun]) -> bytes:
    """Return sampled rounds as a file's content."""
    return _dump("duets", tuple(duets))


def load_duets(data: bytes, source: str) -> tuple[DuetRun, ...]:
    """Return the sampled rounds in a file's content; errors as in load_run."""
    return _load("duets", data, source, tuple[DuetRun, ...])


def dump_cassette(cassette: Cassette) -> bytes:
    """Return *cassette* as a file's content, one line for each chunk."""
    # It is committed and reviewed, so that it is written for people.
    return msgspec.json.format(_dump("cassette", cassette), indent=1) + b"\n"


def load_cassette(data: bytes, source: str) -> Cassette:
    """Return the cassette in a file's content; errors as in load_run."""
    return _load("cassette", data, source, Cassette)


def dump_noise(noise: MachineNoise) -> bytes:
    """Return what a machine adds to measurements as a file's content."""
    return _dump("machine_noise", noise)


def load_noise(data: bytes, source: str) -> MachineNoise:
    """Return what a machine adds from a file's content; errors as in load_run."""
    return _load("machine_noise", data, source, MachineNoise)


def dump_session(session: Session) -> bytes:
    """Return what a command did as a file's content."""
    return _dump("session", session)


def load_session(data: bytes, source: str) -> Session:
    """Return what a command did from a file's content; errors as in load_run."""
    return _load("session", data, source, Session)


def dump_tables(tables: CalibratedTables) -> bytes:
    """Return measured latency tables as a file's content, one line for each list of numbers."""
    # It is committed, and its changes are reviewed.
    numbers = re.compile(rb"\[[\d,\s]+\]")
    text = msgspec.json.format(_dump("latency_tables", tables), indent=1)
    return numbers.sub(lambda found: b"".join(found[0].split()), text) + b"\n"


def load_tables(data: bytes, source: str) -> CalibratedTables:
    """Return measured latency tables from a file's content; errors as in load_run."""
    return _load("latency_tables", data, source, CalibratedTables)


def write_atomic(path: Path, data: bytes) -> None:
    """
    Write *data* to *path* so that a reader sees the old file or the new one, never a part.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:80]}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            # mkstemp lets only its owner read: a report is there to be served.
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
        way_out = (
            "the disk is full: free some space and run again, finished results are kept"
            if error.errno in {errno.ENOSPC, errno.EDQUOT}
            else "make the folder writable, or choose another one"
        )
        raise StoreError(f"cannot write {path}: {error.strerror}; {way_out}") from error


def read_file(path: Path) -> bytes:
    """
    Return the content of *path*.

    Raises:
        StoreError: If it cannot be read, or is larger than anything of ours.
    """
    try:
        return read_whole(path)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def schema_of(data: bytes) -> str:
    """Return what a file says that it holds, as ``load_run``; empty if it says nothing."""
    try:
        return decoder_of(_Header).decode(data).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _dump(schema: str, value: object) -> bytes:
    return msgspec.json.encode({"schema": schema, "schema_version": SCHEMA_VERSION, "data": value})


def _load(schema: str, data: bytes, source: str, kind: type[T]) -> T:
    try:
        header = decoder_of(_Header).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(
            f"{source} is not a whole agent-perf file ({error}; {len(data)} bytes): "
            "it was cut or changed; delete it and measure again"
        ) from error
    if header.schema != schema or header.schema_version < 1:
        raise StoreError(
            f"{source} holds {header.schema or 'something else'!r}; want an agent-perf {schema!r}"
        )
    if header.schema_version > SCHEMA_VERSION:
        raise StoreError(
            f"{source} has schema version {header.schema_version}, and this agent-perf reads up "
            f"to {SCHEMA_VERSION}: upgrade agent-perf, or delete the file and measure again"
        )
    try:
        return decoder_of(kind).decode(decoder_of(_File).decode(data).data)
    except (msgspec.DecodeError, SampleError, RecursionError) as error:
        raise StoreError(
            f"{source} does not hold a valid {schema} ({error}); delete it and measure again"
        ) from error
