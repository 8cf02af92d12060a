"""
A file to which an evaluation writes what it will pay, then what it paid for.

Each line is one JSON object. A call is written down with its bound before it is made; what
came of it, and what it cost, is one line after. What is left open by a crash counts as spent.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from agent_perf.errors import ConfigError, StoreError

_FORMAT: Final = 1
_RUN_ID: Final = re.compile(r"[\w.-]{1,100}")


class Header(msgspec.Struct, frozen=True, tag="run", tag_field="t"):
    """The first line: whose file it is."""

    run_id: str
    configuration: str
    format: int = _FORMAT


class Reserved(msgspec.Struct, frozen=True, tag="call", tag_field="t"):
    """A paid call is about to be made."""

    call: int
    bound_pico: int


class Done(msgspec.Struct, frozen=True, tag="done", tag_field="t", omit_defaults=True):
    """
    What a step came to.

    Attributes:
        step: Whose it is: the system's or a judge's.
        calls: The paid calls that it made; none of them is open any more.
        cost_pico: What they cost, in picodollars.
        assumed_pico: The part of it that is the most it may have been.
        tokens: Read, written, and of those read: cached and stored; see Usage.
        latencies_s: Seconds of each call that was made.
        failed: Calls that failed among them.
        found: Items out of the cache.
        items: Example, digest of the attempt, and the answer or judgement.
    """

    step: str
    calls: tuple[int, ...] = ()
    cost_pico: int = 0
    assumed_pico: int = 0
    tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    latencies_s: tuple[float, ...] = ()
    failed: int = 0
    found: int = 0
    items: tuple[Item, ...] = ()


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One result: a text, or a score with whether it passed and why."""

    example: str
    digest: str
    text: str
    score: float = -1.0
    passed: bool = False


_Line = Header | Reserved | Done
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


class Journal:
    """
    The file of one run, ``folder/run_id.jsonl``.

    What was written survives the death of the process at once, and that of the machine
    from the next ``fsync`` on.

    Attributes:
        path: The file.
        is_broken: Whether it could not be written.

    Args:
        folder: Made if it is not there.
        run_id: Letters, digits, ``_``, ``.`` and ``-``. An evaluation under the same id goes on
            where the one before it ended, if judges and system are the same.
        fsync_lines: Lines after which the file is synced, >= 1: 1 for each line, at some
            milliseconds each; None: only at the end.

    Example::

        journal = Journal(Path("evaluations"), "refunds-2026-11")
    """

    def __init__(self, folder: Path, run_id: str, *, fsync_lines: int | None = 100) -> None:
        if not _RUN_ID.fullmatch(run_id) or run_id.strip(".") == "":
            raise ConfigError(f"run_id={run_id!r}; want letters, digits, '_', '.' and '-'")
        if fsync_lines is not None and fsync_lines < 1:
            raise ConfigError(f"fsync_lines={fsync_lines}; want >= 1, or None")
        self._run_id = run_id
        self.path = folder / f"{run_id}.jsonl"
        self._fsync_lines = fsync_lines
        self._unsynced = 0
        self._file: int | None = None
        self._size_bytes = 0
        self.is_broken = False

    def open(self, configuration: str) -> Iterator[Reserved | Done]:
        """
        Open the file for writing, and give what it holds.

        Raises:
            ConfigError: If it is of another *configuration*.
            StoreError: If it cannot be opened or read, is damaged before its last line, or
                another run is writing it.
        """
        if self._file is not None:
            raise StoreError(f"{self.path}: another evaluation writes it; wait for its end")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            data = self._read(self._file)
        except BlockingIOError as error:
            self.close()
            raise StoreError(
                f"{self.path}: another evaluation writes it; wait, or take another run id"
            ) from error
        except OSError as error:
            self.close()
            raise StoreError(f"{self.path}: {error.strerror}; see to it, or move it") from error
        try:
            return self._begin(self._file, data, configuration)
        except BaseException:
            self.close()
            raise

    def append(self, line: Reserved | Done) -> None:
        """
        Write *line*; it is there when this returns.

        Raises:
            StoreError: If it cannot be written: it is not there then, nor half of it.
        """
        self._write(_encode(line) + b"\n")
        self._unsynced += 1
        if self._fsync_lines is not None and self._unsynced >= self._fsync_lines:
            self.sync()

    def sync(self) -> None:
        """Wait until the disk has what was written."""
        if self._file is not None and self._unsynced:
            os.fsync(self._file)
            self._unsynced = 0

    def close(self) -> None:
        """Sync and close the file; again, nothing."""
        if self._file is not None:
            try:
                self.sync()
            finally:
                os.close(self._file)
                self._file = None

    def _begin(self, file: int, data: bytes, configuration: str) -> Iterator[Reserved | Done]:
        whole = data[: data.rfind(b"\n") + 1]
        self._size_bytes = len(whole)
        if len(whole) < len(data):
            # The last line was torn by a crash: its calls stay open, and count as spent.
            os.ftruncate(file, len(whole))
        header = Header(run_id=self._run_id, configuration=configuration)
        if not whole:
            self._write(_encode(header) + b"\n")
            self._unsynced += 1
            return iter(())
        lines = whole.splitlines()
        found = self._parse(lines[0], 1)
        if not isinstance(found, Header) or found.format != _FORMAT:
            raise StoreError(f"{self.path}: not a journal of this version; move it away")
        if found != header:
            raise ConfigError(
                f"{self.path} is of run {found.run_id!r} with other judges or another system; "
                "take another run id, or go back to the ones before"
            )
        return (self._body(line, number) for number, line in enumerate(lines[1:], 2))

    def _body(self, line: bytes, number: int) -> Reserved | Done:
        parsed = self._parse(line, number)
        if isinstance(parsed, Header):
            raise StoreError(f"{self.path}, line {number}: a second header; move it away")
        return parsed

    def _parse(self, line: bytes, number: int) -> _Line:
        try:
            parsed: _Line = _decode(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(
                f"{self.path}, line {number} is damaged: {error}; move the file away"
            ) from error
        return parsed

    def _write(self, data: bytes) -> None:
        assert self._file is not None, "the journal is not open"
        try:
            written = os.pwrite(self._file, data, self._size_bytes)
            reason = "the disk took a part of a line"
        except OSError as error:
            written, reason = 0, str(error.strerror)
        if written < len(data):
            self.is_broken = True
            # Half a line would make the next one unreadable.
            os.ftruncate(self._file, self._size_bytes)
            raise StoreError(f"{self.path}: {reason}; nothing is paid for that cannot be saved")
        self._size_bytes += len(data)

    @staticmethod
    def _read(file: int) -> bytes:
        chunks = []
        while chunk := os.read(file, 1 << 20):
            chunks.append(chunk)
        return b"".join(chunks)
