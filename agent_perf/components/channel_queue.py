"""
Events waiting to be sent, in order within each channel.

While some of a channel's events are on their way, its others wait, so that a retry
cannot overtake. Channels do not wait for each other: whose oldest event has waited
longest goes first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What the queue must know of an event."""

    @property
    def channel(self) -> str:
        """Events of one channel keep their order."""

    @property
    def size_bytes(self) -> int:
        """How much of a batch it takes."""


E = TypeVar("E", bound=Queued)


class ChannelQueue(Generic[E]):
    """
    A queue of events by channel. All operations take O(log channels) or less per event.

    Attributes:
        total: Events held.
        ready_count: Those that could be taken now: their channel has none on its way.
        ready_bytes: Their size.

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
        self._order = count()

    @property
    def oldest_s(self) -> float:
        """When the oldest event that could be taken now was pushed; inf if there is none."""
        return self._ready[0][0] if self._ready else inf

    def push(self, event: E, now_s: float) -> None:
        """Add *event* behind the others of its channel; *now_s* must not go backwards."""
        line = self._lines.get(event.channel)
        if line is None:
            line = self._lines[event.channel] = _Line()
        order, size_bytes = next(self._order), event.size_bytes
        line.events.append((now_s, order, size_bytes, event))
        line.size_bytes += size_bytes
        self.total += 1
        if not line.busy:
            self.ready_count += 1
            self.ready_bytes += size_bytes
            if len(line.events) == 1:
                heappush(self._ready, (now_s, order, line))

    def take(self, count_max: int, bytes_max: int) -> tuple[E, ...]:
        """
        Remove and return the oldest events, and make their channels wait.

        Args:
            count_max: As many at most, >= 1.
            bytes_max: As large at most; but one event at least, whatever its size.
        """
        batch: list[E] = []
        room_bytes = bytes_max
        while self._ready and len(batch) < count_max:
            line = self._ready[0][2]
            events = line.events
            if batch and events[0][2] > room_bytes:
                break
            heappop(self._ready)
            self.ready_count -= len(events)
            self.ready_bytes -= line.size_bytes
            line.busy = True
            while events and len(batch) < count_max:
                _, _, size_bytes, event = events[0]
                if batch and size_bytes > room_bytes:
                    break
                events.popleft()
                line.size_bytes -= size_bytes
                room_bytes -= size_bytes
                batch.append(event)
        self.total -= len(batch)
        return tuple(batch)

    def release(self, batch: Iterable[E]) -> None:
        """Let the channels of *batch* go on; it was sent, or given up."""
        for channel in dict.fromkeys(event.channel for event in batch):
            line = self._lines[channel]
            line.busy = False
            if not line.events:
                del self._lines[channel]
                continue
            self.ready_count += len(line.events)
            self.ready_bytes += line.size_bytes
            now_s, order, _, _ = line.events[0]
            heappush(self._ready, (now_s, order, line))


class _Line(Generic[E]):
    __slots__ = ("busy", "events", "size_bytes")

    def __init__(self) -> None:
        self.events: deque[tuple[float, int, int, E]] = deque()
        self.size_bytes = 0
        self.busy = False
