"""
Events that were accepted and not delivered, and a file to keep them in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent_perf.components.errors import InvalidEventError
from agent_perf.components.events.event import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """
    What a batcher had when it was stopped.

    Published again in the order of `events`, each channel keeps its own.

    Attributes:
        in_doubt: Sent, and without a clear answer: they may have been delivered.
        unsent: Certainly not delivered; in the order of their channels.
    """

    in_doubt: tuple[Event, ...] = ()
    unsent: tuple[Event, ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """All of them."""
        return self.in_doubt + self.unsent

    def __len__(self) -> int:
        return len(self.in_doubt) + len(self.unsent)


class EventFile:
    """
    Keeps events in a file, one JSON document per line, until they are delivered.

    For one process at a time.

    Args:
        path: Where; its folder exists.

    Example::

        kept = EventFile("/var/lib/app/events.jsonl")
        async with EventBatcher(client.send_batch, spill=kept.save) as events:
            with kept.replay() as before:
                for event in before:
                    events.publish_event(event)
                await events.flush()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._decoder = msgspec.json.Decoder(Event)
        # Those read in a replay that did not end well: they are in the file still. By
        # identity, for two events may be equal.
        self._lent: dict[int, Event] = {}

    def save(self, leftovers: Leftovers | Sequence[Event]) -> None:
        """
        Add events to the file, and return when the disk has them.

        Those that are in it still, for their replay did not end, are not added again.

        Raises:
            OSError: If it cannot be written.
        """
        events = leftovers.events if isinstance(leftovers, Leftovers) else leftovers
        lines = b"".join(
            msgspec.json.encode(event) + b"\n" for event in events if id(event) not in self._lent
        )
        if not lines:
            return
        is_new = not self._path.exists()
        with self._path.open("a+b") as file:
            file.seek(0)
            # What a crash left half written was never promised to be there.
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            self._sync_folder()

    @contextmanager
    def replay(self) -> Iterator[tuple[Event, ...]]:
        """
        Give what was saved, in its order; at the end of the block it is removed.

        After an error, and if the process ends in the block, all of it stays: flush in the
        block, and an event comes twice rather than not at all. A line that a crash left half
        written is left out.

        Raises:
            InvalidEventError: If a line is damaged; the file stays.
        """
        content = self._path.read_bytes() if self._path.exists() else b""
        content = content[: content.rfind(b"\n") + 1]
        events = tuple(map(self._read, enumerate(content.splitlines(), 1)))
        self._lent = {id(event): event for event in events}
        yield events
        self._remove(len(content))
        self._lent = {}

    def _read(self, numbered: tuple[int, bytes]) -> Event:
        number, line = numbered
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidEventError(f"{self._path}, line {number}: {error}") from error

    def _remove(self, size_bytes: int) -> None:
        """Remove the first *size_bytes*; what was saved meanwhile stays."""
        if not self._path.exists():
            return
        rest = self._path.read_bytes()[size_bytes:]
        if not rest:
            self._path.unlink()
            return
        # Either the old file is there or the new one, never half of it.
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            file.write(rest)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._sync_folder()

    def _sync_folder(self) -> None:
        if os.name == "posix":
            # The file's name is the folder's to keep.
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
