"""
Gathers events into batches: by count, by bytes and by delay, in order within a channel.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from agent_perf.components.channel_queue import ChannelQueue
from agent_perf.components.errors import (
    BatcherClosedError,
    EventDeliveryError,
    EventRefusedError,
    QueueFullError,
)
from agent_perf.components.flushing import FlushPolicy, flush_count
from agent_perf.components.pusher import Event, make_event
from agent_perf.components.rate import RateLimiter
from agent_perf.components.retry import RetryPolicy, call_with_retries

_log = logging.getLogger(__name__)

# The batch was refused for what is in it: malformed, or too large.
_CONTENT_STATUSES: Final = frozenset({400, 413})


@dataclass(frozen=True, slots=True, kw_only=True)
class BatcherStats:
    """
    What became of the events: published = delivered + failed + waiting + under way.

    Attributes:
        published: Events accepted.
        delivered: Events that the service took.
        failed: Events given up, each logged and handed to ``on_failure``.
        rejected: Events not accepted because the queue was full.
        batches: Batches sent, with success or without.
        attempts: Requests made for them.
        waiting: Events in the queue.
        under_way: Events in batches being sent.
    """

    published: int
    delivered: int
    failed: int
    rejected: int
    batches: int
    attempts: int
    waiting: int
    under_way: int


class EventBatcher:
    """
    Publishes events in the background, on one event loop; ``publish`` does not wait.

    Batches are retried on EventDeliveryError. If one is refused for what is in it, its
    events are sent one by one, so that only the bad one is lost. Closing it sends
    everything that is left.

    Args:
        send: Sends 1 to 10 events, such as ``PusherClient.send_batch``.
        policy: When a batch goes out.
        retry: How often a batch is tried.
        limiter: Waited for before each request, if given.
        on_failure: Called with the events that are given up and the reason.

    Example::

        async with EventBatcher(client.send_batch) as events:
            events.publish("chat-17", "answer.done", {"tokens": 42})
    """

    def __init__(
        self,
        send: Callable[[Sequence[Event]], Awaitable[None]],
        *,
        policy: FlushPolicy | None = None,
        retry: RetryPolicy | None = None,
        limiter: RateLimiter | None = None,
        on_failure: Callable[[Sequence[Event], Exception], None] | None = None,
    ) -> None:
        self._send = send
        self._policy = policy or FlushPolicy()
        self._retry = retry or RetryPolicy(attempts=5)
        self._limiter = limiter
        self._on_failure = on_failure
        # Batches hold the events of many requests, so they run in none's context.
        self._context = contextvars.copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: ChannelQueue[Event] = ChannelQueue()
        self._senders: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = 0.0
        self._idle: asyncio.Event | None = None
        self._closed = False
        self._published = self._delivered = self._failed = self._rejected = 0
        self._batches = self._attempts = 0

    def publish(
        self, channel: str, name: str, data: object, *, socket_id: str | None = None
    ) -> None:
        """
        Accept one event; see make_event for what it may hold.

        Raises:
            InvalidEventError: If the protocol does not allow it.
            QueueFullError: If *queue_max* events are waiting.
            BatcherClosedError: After aclose.
        """
        if self._closed:
            raise BatcherClosedError(f"event {name!r} published after the batcher was closed")
        event = make_event(channel, name, data, socket_id=socket_id)
        if self._queue.total >= self._policy.queue_max:
            self._rejected += 1
            raise QueueFullError(
                f"{self._queue.total} events are waiting, event {name!r} is not accepted; "
                "publish less, or raise queue_max"
            )
        self._published += 1
        now_s = self._running_loop().time()
        self._queue.push(event, now_s)
        self._pump(now_s)

    async def flush(self) -> None:
        """Send what is waiting without further delay, and wait until nothing is left."""
        while self._queue.total or self._senders:
            if self._idle is None:
                self._idle = asyncio.Event()
            self._pump(self._running_loop().time())
            await self._idle.wait()

    async def aclose(self, *, timeout_s: float | None = None) -> None:
        """
        Accept no more events, and deliver those accepted.

        Raises:
            BatcherClosedError: If some are left after *timeout_s* seconds; they are lost.
        """
        self._closed = True
        try:
            async with asyncio.timeout(timeout_s):
                await self.flush()
        except TimeoutError as error:
            left = self.stats()
            if self._timer:
                self._timer.cancel()
            for task in self._senders:
                task.cancel()
            raise BatcherClosedError(
                f"{left.waiting + left.under_way} events were not delivered within "
                f"{timeout_s} s and are lost"
            ) from error

    def stats(self) -> BatcherStats:
        """Return what became of the events."""
        waiting = self._queue.total
        return BatcherStats(
            published=self._published,
            delivered=self._delivered,
            failed=self._failed,
            rejected=self._rejected,
            batches=self._batches,
            attempts=self._attempts,
            waiting=waiting,
            under_way=self._published - self._delivered - self._failed - waiting,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _pump(self, now_s: float) -> None:
        """Send what is due, and see to it that the rest will be."""
        queue, policy = self._queue, self._policy
        while queue.ready_count and len(self._senders) < policy.senders_max:
            count = flush_count(queue.ready_count, queue.ready_bytes, queue.oldest_s, now_s, policy)
            if not count and self._idle is None:
                self._set_timer(queue.oldest_s + policy.delay_s_max)
                return
            batch = queue.take(count or policy.events_max, policy.bytes_max)
            task = self._running_loop().create_task(
                self._deliver(batch), context=self._context.copy()
            )
            self._senders.add(task)
            task.add_done_callback(self._note_sender_done)

    def _set_timer(self, due_s: float) -> None:
        # A channel that was waiting can come back with an event that is due sooner.
        if self._timer and self._timer_due_s > due_s:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer_due_s = due_s
            self._timer = self._running_loop().call_at(
                due_s, self._note_timer, context=self._context
            )

    def _note_timer(self) -> None:
        self._timer = None
        # A clock that reads a hair less than what we asked for must not make us wait again.
        self._pump(max(self._timer_due_s, self._running_loop().time()))

    def _note_sender_done(self, task: asyncio.Task[None]) -> None:
        self._senders.discard(task)
        if task.cancelled():
            return
        self._pump(self._running_loop().time())
        if self._idle and not self._queue.total and not self._senders:
            self._idle.set()
            self._idle = None
        # Whatever on_failure raised; the loop reports it.
        task.result()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        # Asked once, not per event: on Python 3.11 the question is a system call.
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    async def _deliver(self, batch: Sequence[Event]) -> None:
        self._batches += 1
        try:
            await self._deliver_or_give_up(batch)
        finally:
            self._queue.release(batch)

    async def _deliver_or_give_up(self, batch: Sequence[Event]) -> None:
        try:
            await call_with_retries(
                lambda: self._attempt(batch), on=EventDeliveryError, policy=self._retry
            )
        except EventRefusedError as error:
            if len(batch) == 1 or error.status not in _CONTENT_STATUSES:
                self._give_up(batch, error)
                return
        except Exception as error:  # noqa: BLE001  # Counted, logged and handed on.
            self._give_up(batch, error)
            return
        else:
            self._delivered += len(batch)
            return
        for event in batch:
            await self._deliver_or_give_up([event])

    def _give_up(self, batch: Sequence[Event], error: Exception) -> None:
        self._failed += len(batch)
        _log.error("%d events are lost", len(batch), exc_info=error)
        if self._on_failure:
            self._on_failure(batch, error)

    async def _attempt(self, batch: Sequence[Event]) -> None:
        if self._limiter:
            await self._limiter.acquire()
        self._attempts += 1
        await self._send(batch)
