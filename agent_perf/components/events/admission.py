"""
Which events the batcher's queue takes: keys seen before, room, and who waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

from agent_perf.components.errors import BatcherClosedError, QueueFullError
from agent_perf.components.events.channel_queue import ChannelQueue, Entry
from agent_perf.components.events.event import Event
from agent_perf.components.events.flushing import FlushPolicy, Overflow
from agent_perf.components.events.recent_keys import RecentKeys

_log = logging.getLogger(__name__)


class Admission:
    """
    Puts events into *queue*, or does with them what the policy says.

    Args:
        queue: Where they go.
        policy: How many it holds, and what becomes of others.
        keys: Which were published lately.
        on_dropped: Called with events given up for want of room, and the reason, if given.

    Attributes:
        rejected: Events refused with an error.
        dropped: Events taken out of the queue for newer ones.
        ignored: Events given up before they were in the queue.
        duplicates: Events whose key had been published.
        waited: Events that waited before they were put into the queue.
    """

    def __init__(
        self,
        queue: ChannelQueue[Event],
        policy: FlushPolicy,
        keys: RecentKeys,
        on_dropped: Callable[[Sequence[Event], Exception], None] | None,
    ) -> None:
        self.rejected = self.dropped = 0
        self.ignored = self.duplicates = self.waited = 0
        self._queue = queue
        self._queue_max = policy.queue_max
        self._overflow = policy.overflow
        self._keys = keys
        self._on_dropped = on_dropped
        # Ordered, and quick to leave: in an outage thousands may wait and give up.
        self._waiters: OrderedDict[_Waiter, None] = OrderedDict()
        self._silent_until = 0

    @property
    def has_waiters(self) -> bool:
        """Whether somebody waits for room."""
        return bool(self._waiters)

    def admit(self, event: Event, now_s: float, key: Hashable | None) -> bool:
        """
        Put *event* into the queue, and return whether it is there.

        Raises:
            QueueFullError: If there is no room, and the policy is to refuse.
        """
        queue = self._queue
        if key is not None and not self._is_new(key, now_s):
            return False
        # Who waits for room is before us.
        if (queue.total >= self._queue_max or self._waiters) and not self._makes_room(event, key):
            return False
        queue.push(event, now_s, key)
        return True

    async def admit_when_room(self, event: Event, now_s: float, key: Hashable | None) -> bool:
        """
        Put *event* into the queue when there is room, and return whether it is to be noted.

        Raises:
            BatcherClosedError: If close is called meanwhile.
        """
        if key is not None and not self._is_new(key, now_s):
            return False
        if self._queue.total < self._queue_max and not self._waiters:
            self._queue.push(event, now_s, key)
            return True
        waiter = _Waiter(event, key)
        self._waiters[waiter] = None
        try:
            await waiter.admitted
        except BaseException:
            if self._waiters.pop(waiter, _ABSENT) is None and key is not None:
                self._keys.forget(key)
            raise
        return False

    def admit_waiting(self, now_s: float) -> None:
        """Put events that wait for room into the queue, as far as there is some."""
        queue, waiters = self._queue, self._waiters
        while waiters and queue.total < self._queue_max:
            waiter, _ = waiters.popitem(last=False)
            if not waiter.admitted.done():
                self.waited += 1
                queue.push(waiter.event, now_s, waiter.key)
                waiter.admitted.set_result(None)
            elif waiter.key is not None:
                self._keys.forget(waiter.key)

    def close(self) -> None:
        """Turn away who waits for room."""
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if waiter.key is not None:
                self._keys.forget(waiter.key)
            if not waiter.admitted.done():
                waiter.admitted.set_exception(
                    BatcherClosedError(
                        f"the batcher was closed while event {waiter.event.name!r} waited for room"
                    )
                )

    def forget_keys(self, entries: Iterable[Entry[Event]]) -> None:
        """Let events come again that were given up."""
        for entry in entries:
            if entry[4] is not None:
                self._keys.forget(entry[4])

    def _is_new(self, key: Hashable, now_s: float) -> bool:
        if self._keys.add(key, now_s):
            return True
        self.duplicates += 1
        return False

    def _makes_room(self, event: Event, key: Hashable | None) -> bool:
        """Return whether *event* may be put into the full queue."""
        waiting = self._queue.total
        overflow = self._overflow
        # Room for us would be room for who waits first. To let all of them in before us, an event
        # would be lost for each; so only this one is.
        if overflow is Overflow.DROP_OLDEST and not self._waiters:
            self._say_that_it_overflows("the oldest")
            self.dropped += 1
            oldest = self._queue.drop_oldest()
            self.forget_keys([oldest])
            if self._on_dropped is not None:
                self._on_dropped([oldest[3]], _full_error(waiting, oldest[3]))
            return True
        if key is not None:
            self._keys.forget(key)
        if overflow is not Overflow.REFUSE:
            self._say_that_it_overflows("the newest")
            self.ignored += 1
            if self._on_dropped is not None:
                self._on_dropped([event], _full_error(waiting, event))
            return False
        self.rejected += 1
        raise _full_error(waiting, event)

    def _say_that_it_overflows(self, which: str) -> None:
        # Once a full queue's length of events, not once an event.
        drops = self.dropped + self.ignored
        if drops >= self._silent_until:
            _log.error(
                "%d events are waiting, %s is given up; %d so far",
                self._queue.total,
                which,
                drops + 1,
            )
            self._silent_until = drops + self._queue_max


class _Waiter:
    __slots__ = ("admitted", "event", "key")

    def __init__(self, event: Event, key: Hashable | None) -> None:
        self.event = event
        self.key = key
        self.admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


_ABSENT: Final = object()


def _full_error(waiting: int, event: Event) -> QueueFullError:
    return QueueFullError(
        f"{waiting} events are waiting, event {event.name!r} is not accepted; "
        "publish less, or raise queue_max"
    )
