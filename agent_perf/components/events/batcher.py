"""
Gathers events into batches: by count, by bytes and by delay, in order within a channel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Self

from agent_perf.components.errors import BatcherClosedError
from agent_perf.components.events.admission import Admission
from agent_perf.components.events.batcher_stats import BatcherStats, latency_percentiles
from agent_perf.components.events.channel_queue import ChannelQueue, Entry
from agent_perf.components.events.delivery import Delivery, DeliveryGuarantee
from agent_perf.components.events.event import Event, make_event
from agent_perf.components.events.flushing import FlushPolicy
from agent_perf.components.events.leftovers import Leftovers
from agent_perf.components.events.recent_keys import RecentKeys
from agent_perf.components.events.senders import Senders
from agent_perf.components.resilience.rate import RateLimiter
from agent_perf.components.resilience.retry import RetryPolicy

_log = logging.getLogger(__name__)


class EventBatcher:
    """
    Publishes events in the background, on one event loop; ``publish`` does not wait.

    Batches are retried on EventDeliveryError, with the same events in the same order. If
    one is refused for what is in it, its events are sent one by one, so that only the bad
    one is lost. Closing it sends everything that is left.

    Args:
        send: Sends 1 to 10 events, such as ``PusherClient.send_batch``.
        policy: When a batch goes out, and what becomes of too many events.
        retry: How often a batch is tried.
        limiter: Waited for before each request, if given.
        guarantee: What becomes of a batch that may have been delivered.
        keys: How long keys are remembered; by default 300 s, 100,000 of them.
        on_failure: Called with the events that are given up and the reason.
        spill: Called with what is left when the batcher is closed and cannot deliver it in
            time, or its closing is cancelled; such as ``EventFile.save``.

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
        guarantee: DeliveryGuarantee = DeliveryGuarantee.AT_LEAST_ONCE,
        keys: RecentKeys | None = None,
        on_failure: Callable[[Sequence[Event], Exception], None] | None = None,
        spill: Callable[[Leftovers], None] | None = None,
    ) -> None:
        policy = policy or FlushPolicy()
        self._on_failure = on_failure
        self._spill = spill
        self._queue: ChannelQueue[Event] = ChannelQueue()
        self._admission = Admission(
            self._queue, policy, RecentKeys() if keys is None else keys, on_failure
        )
        self._delivery = Delivery(
            send,
            retry=retry or RetryPolicy(attempts=5),
            limiter=limiter,
            guarantee=guarantee,
            on_failure=self._note_failed,
        )
        self._senders = Senders(self._queue, policy, self._delivery, self._admission.admit_waiting)
        # Of the loop, as soon as there is one.
        self._now_s: Callable[[], float] = self._first_now_s
        self._closed = False
        self._kept = Leftovers()
        self._drained = 0

    def publish(
        self,
        channel: str,
        name: str,
        data: object,
        *,
        socket_id: str | None = None,
        key: Hashable | None = None,
    ) -> None:
        """
        Accept one event; see make_event for what it may hold.

        If an event with the same *key* was accepted shortly before and not given up since,
        this one is counted and not sent.

        Raises:
            InvalidEventError: If the protocol does not allow it.
            QueueFullError: If *queue_max* events are waiting, and the policy is to refuse.
            BatcherClosedError: After aclose.
        """
        # As publish_event, without the call: this is where the time goes.
        if self._closed:
            raise BatcherClosedError(f"event {name!r} published after the batcher was closed")
        event = make_event(channel, name, data, socket_id=socket_id)
        now_s = self._now_s()
        if self._admission.admit(event, now_s, key):
            self._senders.note_pushed(now_s)

    def publish_event(self, event: Event, *, key: Hashable | None = None) -> None:
        """Accept *event*, made before; otherwise as publish."""
        if self._closed:
            raise BatcherClosedError(f"event {event.name!r} published after the batcher was closed")
        now_s = self._now_s()
        if self._admission.admit(event, now_s, key):
            self._senders.note_pushed(now_s)

    async def publish_when_room(
        self,
        channel: str,
        name: str,
        data: object,
        *,
        socket_id: str | None = None,
        key: Hashable | None = None,
    ) -> None:
        """
        Accept one event as soon as there is room for it, whatever the policy for overflow.

        Who waits is served in order, and before those who publish later. If the wait is
        cancelled the event is not accepted, unless it was in that very moment.

        Raises:
            InvalidEventError: If the protocol does not allow it.
            BatcherClosedError: After aclose, also if it comes during the wait.
        """
        if self._closed:
            raise BatcherClosedError(f"event {name!r} published after the batcher was closed")
        event = make_event(channel, name, data, socket_id=socket_id)
        now_s = self._now_s()
        if await self._admission.admit_when_room(event, now_s, key):
            self._senders.note_pushed(now_s)

    async def flush(self) -> None:
        """
        Send what was accepted so far without further delay, and wait until it has its end.

        What is published meanwhile is not waited for.
        """
        await self._senders.flush()

    async def aclose(self, *, timeout_s: float | None = None) -> None:
        """
        Accept no more events, and deliver those accepted.

        What is left after *timeout_s* seconds goes to *spill*. Without one, drain returns
        it. If the call is cancelled, the same holds; without *spill*, delivery goes on
        until drain is called.

        Raises:
            BatcherClosedError: If some are left after *timeout_s* seconds and there is no
                *spill*.
        """
        self._closed = True
        self._admission.close()
        try:
            async with asyncio.timeout(timeout_s):
                await self._senders.finish()
        except TimeoutError as error:
            self._kept = self.drain()
            message = f"{len(self._kept)} events were not delivered within {timeout_s} s"
            if self._spill is None:
                raise BatcherClosedError(f"{message}; drain() returns them") from error
            _log.warning("%s, and are handed to spill", message)
            self._spill_kept()
        except asyncio.CancelledError:
            stats = self.stats()
            _log.warning(
                "closing was cancelled with %d events waiting and %d under way",
                stats.waiting,
                stats.under_way,
            )
            if self._spill is not None:
                self._kept = self.drain()
                self._spill_kept()
            raise

    def drain(self) -> Leftovers:
        """
        Stop at once, and return what is not delivered; it is yours then.

        Accepts no more events, cancels requests on their way, and may be called when the
        loop is about to end.
        """
        self._closed = True
        self._admission.close()
        left = self._senders.stop()
        self._drained += len(left)
        kept, self._kept = self._kept, Leftovers()
        return Leftovers(in_doubt=kept.in_doubt + left.in_doubt, unsent=kept.unsent + left.unsent)

    def stats(self) -> BatcherStats:
        """Return what became of the events."""
        delivery, admission = self._delivery, self._admission
        published, waiting = self._queue.pushed, self._queue.total
        decided = delivery.delivered + delivery.failed + admission.dropped + self._drained
        return BatcherStats(
            published=published,
            delivered=delivery.delivered,
            failed=delivery.failed,
            rejected=admission.rejected,
            dropped=admission.dropped,
            ignored=admission.ignored,
            duplicates=admission.duplicates,
            waited=admission.waited,
            drained=self._drained,
            repeated=delivery.repeated,
            batches=delivery.batches,
            attempts=delivery.attempts,
            waiting=waiting,
            under_way=published - decided - waiting,
            **latency_percentiles(delivery.latencies_s),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _first_now_s(self) -> float:
        # Asked once, not per event: on Python 3.11 the question is a system call.
        self._now_s = asyncio.get_running_loop().time
        return self._now_s()

    def _note_failed(self, entries: Sequence[Entry[Event]], error: Exception) -> None:
        self._admission.forget_keys(entries)
        if self._on_failure is not None:
            self._on_failure([entry[3] for entry in entries], error)

    def _spill_kept(self) -> None:
        assert self._spill is not None
        self._spill(self._kept)
        # Had it raised, drain would return them.
        self._kept = Leftovers()
