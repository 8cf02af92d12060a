"""
Events waiting to be sent, in order within each channel.

While some of a channel's events are on their way, its others wait, so that a retry
cannot overtake. Channels do not wait for each other: whose oldest event has waited
longest goes first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from heapq import heappop, heappush, heapreplace
from math import inf
from typing import Final, Generic, Protocol, TypeAlias, TypeVar


class Queued(Protocol):
    """What the queue must know of an event."""

    @property
    def channel(self) -> str:
        """Events of one channel keep their order."""

    @property
    def size_bytes(self) -> int:
        """How much of a batch it takes."""


E = TypeVar("E", bound=Queued)

_SPARE_MAX: Final = 256


Entry: TypeAlias = tuple[float, int, int, E, Hashable | None]
"""
An event in the queue: when it was pushed, its number among all, its size, the event itself, and
what its publisher knows it by. A plain tuple, for one is made per event.
"""


class Batch(Generic[E]):
    """
    Entries taken from the queue together.

    Attributes:
        entries: Those, at least one.
        events: Their events.
        done: How many of them, from the first on, are delivered or given up.
        doubtful: How many of those that follow may have been delivered by this batch.
        doubts: The numbers of those that may have been delivered by an earlier one.
    """

    __slots__ = ("done", "doubtful", "doubts", "entries", "events", "lines")

    def __init__(
        self, entries: list[Entry[E]], lines: list[_Line[E]], doubts: frozenset[int]
    ) -> None:
        self.entries = entries
        self.events = [entry[3] for entry in entries]
        self.lines = lines
        self.doubts = doubts
        self.done = 0
        self.doubtful = 0

    @property
    def rest(self) -> list[Entry[E]]:
        """Those that are not done."""
        return self.entries[self.done :]

    def all_doubts(self) -> set[int]:
        """Return the numbers of those in `rest` that may have been delivered."""
        doubts = {entry[1] for entry in self.rest[: self.doubtful]}
        return doubts.union(entry[1] for entry in self.rest if entry[1] in self.doubts)


class ChannelQueue(Generic[E]):
    """
    A queue of events by channel.

    Pushing and taking an event take O(log channels) or less, dropping one O(events on their
    way).

    Attributes:
        pushed: Events pushed since the beginning.
        total: Events held.
        ready_count: Those that could be taken now: their channel has none on its way.
        ready_bytes: Their size.
        doubts: The numbers of those put back that may have been delivered.

    Example::

        queue.push(event, now_s)
        batch = queue.take(10, 64_000)  # send it, and then:
        queue.release(batch)
    """

    def __init__(self) -> None:
        self.total = 0
        self.ready_count = 0
        self.ready_bytes = 0
        self._lines: dict[str, _Line[E]] = {}
        # One entry for each line that is neither empty nor busy, by its oldest event.
        self._ready: list[tuple[float, int, _Line[E]]] = []
        self._out: set[Batch[E]] = set()
        # Not in their entries: hardly one has a doubt, and each would pay for it.
        self.doubts: frozenset[int] = frozenset()
        # Empty lines: a deque takes a microsecond to make, and channels come and go.
        self._spare: list[_Line[E]] = []
        self.pushed = 0

    @property
    def oldest_s(self) -> float:
        """When the oldest event that could be taken now was pushed; inf if there is none."""
        return self._ready[0][0] if self._ready else inf

    @property
    def oldest(self) -> float:
        """The number of that event; inf if there is none."""
        return self._ready[0][1] if self._ready else inf

    @property
    def oldest_of_all(self) -> float:
        """The number of the oldest event that waits, for its channel too; inf if none does."""
        return self._oldest_line().events[0][1] if self.total else inf

    def push(self, event: E, now_s: float, key: Hashable | None = None) -> None:
        """Add *event* behind the others of its channel; *now_s* must not go backwards."""
        channel = event.channel
        line = self._lines.get(channel)
        if line is None:
            line = self._spare.pop() if self._spare else _Line()
            line.channel = channel
            self._lines[channel] = line
        self.pushed = order = self.pushed + 1
        size_bytes = event.size_bytes
        events = line.events
        events.append((now_s, order, size_bytes, event, key))
        line.size_bytes += size_bytes
        self.total += 1
        if not line.busy:
            self.ready_count += 1
            self.ready_bytes += size_bytes
            if len(events) == 1:
                heappush(self._ready, (now_s, order, line))

    def take(self, count_max: int, bytes_max: int) -> Batch[E] | None:
        """
        Remove and return the oldest events, and make their channels wait; None if none is ready.

        Args:
            count_max: As many at most, >= 1.
            bytes_max: As large at most; but one event at least, whatever its size.
        """
        batch: list[Entry[E]] = []
        lines: list[_Line[E]] = []
        ready, room_bytes = self._ready, bytes_max
        while ready and len(batch) < count_max:
            line = ready[0][2]
            events = line.events
            if batch and events[0][2] > room_bytes:
                break
            heappop(ready)
            self.ready_count -= len(events)
            self.ready_bytes -= line.size_bytes
            line.busy = True
            lines.append(line)
            while events and len(batch) < count_max:
                size_bytes = events[0][2]
                if batch and size_bytes > room_bytes:
                    break
                batch.append(events.popleft())
                line.size_bytes -= size_bytes
                room_bytes -= size_bytes
        self.total -= len(batch)
        if not batch:
            return None
        doubts = self.doubts
        if doubts:
            doubts = doubts.intersection([entry[1] for entry in batch])
            self.doubts -= doubts
        taken = Batch(batch, lines, doubts)
        self._out.add(taken)
        return taken

    def release(self, batch: Batch[E]) -> None:
        """Let the channels of *batch* go on; it was sent, given up, or put back."""
        self._out.discard(batch)
        for line in batch.lines:
            line.busy = False
            events = line.events
            if not events:
                self._remove(line)
                continue
            self.ready_count += len(events)
            self.ready_bytes += line.size_bytes
            heappush(self._ready, (events[0][0], events[0][1], line))

    def put_back(self, batch: Batch[E]) -> None:
        """Put what is not done of *batch* before the others; it is still to be released."""
        self.doubts |= batch.all_doubts()
        for entry in reversed(batch.rest):
            line = self._lines[entry[3].channel]
            line.events.appendleft(entry)
            line.size_bytes += entry[2]
            self.total += 1

    def drop_oldest(self) -> Entry[E]:
        """Remove and return the oldest event that waits, of whatever channel; there is one."""
        line = self._oldest_line()
        entry = line.events.popleft()
        line.size_bytes -= entry[2]
        self.total -= 1
        if self.doubts:
            self.doubts -= {entry[1]}
        if line.busy:
            return entry
        self.ready_count -= 1
        self.ready_bytes -= entry[2]
        if line.events:
            heapreplace(self._ready, (line.events[0][0], line.events[0][1], line))
        else:
            heappop(self._ready)
            self._remove(line)
        return entry

    def clear(self) -> list[Entry[E]]:
        """Remove and return all that wait, in the order in which they were pushed."""
        entries = [entry for line in self._lines.values() for entry in line.events]
        for line in self._lines.values():
            line.events.clear()
            line.size_bytes = 0
        self._lines = {line.channel: line for line in self._busy_lines()}
        self._ready.clear()
        self.total = self.ready_count = self.ready_bytes = 0
        self.doubts = frozenset()
        return sorted(entries, key=lambda entry: entry[1])

    def _remove(self, line: _Line[E]) -> None:
        del self._lines[line.channel]
        if len(self._spare) < _SPARE_MAX:
            self._spare.append(line)

    def _busy_lines(self) -> Iterator[_Line[E]]:
        # No more of them than events on their way.
        return (line for batch in self._out for line in batch.lines)

    def _oldest_line(self) -> _Line[E]:
        lines = [line for line in self._busy_lines() if line.events]
        if self._ready:
            lines.append(self._ready[0][2])
        return min(lines, key=lambda line: line.events[0][1])


class _Line(Generic[E]):
    __slots__ = ("busy", "channel", "events", "size_bytes")

    def __init__(self) -> None:
        self.channel = ""
        self.events: deque[Entry[E]] = deque()
        self.size_bytes = 0
        self.busy = False
