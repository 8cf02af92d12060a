"""
How one batch gets to the service: attempts, doubts, and what is given up.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final

from agent_perf.components.errors import (
    EventDeliveryError,
    EventError,
    EventOutcomeUnknownError,
    EventRefusedError,
)
from agent_perf.components.events.channel_queue import Batch, Entry
from agent_perf.components.events.event import Event
from agent_perf.components.resilience.rate import RateLimiter
from agent_perf.components.resilience.retry import RetryPolicy, call_with_retries

_log = logging.getLogger(__name__)

LATENCIES_KEPT: Final = 4096

# The batch was refused for what is in it: malformed, or too large.
_CONTENT_STATUSES: Final = frozenset({400, 413})


class DeliveryGuarantee(Enum):
    """
    What becomes of a batch that was sent, and of which no clear answer came.

    The protocol has no key by which the service could tell a batch that comes again, so it
    is one or the other.

    Attributes:
        AT_LEAST_ONCE: It is sent again: its events may come twice.
        AT_MOST_ONCE: It is given up: its events may be lost.
    """

    AT_LEAST_ONCE = "at least once"
    AT_MOST_ONCE = "at most once"


class Delivery:
    """
    Delivers batches, and counts.

    Args:
        send: Sends 1 to 10 events.
        retry: How often a batch is tried.
        limiter: Waited for before each request, if given.
        guarantee: What becomes of a batch without a clear answer.
        on_failure: Called with the entries that are given up and the reason.

    Attributes:
        delivered: Events that the service took.
        failed: Events given up.
        batches: Batches sent, with success or without.
        attempts: Requests made for them.
        repeated: Events sent again although they may have been delivered before.
        at_most_once: Whether what may have been delivered is not sent again.
        latencies_s: Of the events delivered last, from their push.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Event]], Awaitable[None]],
        *,
        retry: RetryPolicy,
        limiter: RateLimiter | None,
        guarantee: DeliveryGuarantee,
        on_failure: Callable[[Sequence[Entry[Event]], Exception], None],
    ) -> None:
        self.delivered = self.failed = self.batches = self.attempts = self.repeated = 0
        self.latencies_s: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._send = send
        self._retry = retry
        self._limiter = limiter
        self.at_most_once = guarantee is DeliveryGuarantee.AT_MOST_ONCE
        self._on_failure = on_failure

    async def deliver(self, batch: Batch[Event], now_s: Callable[[], float]) -> None:
        """
        Deliver *batch*, or give it up; keep its ``done`` and ``doubtful`` true meanwhile.

        If it is refused for what is in it, its events are sent one by one, so that only the
        bad one is lost. *now_s* is the clock by which they were pushed.
        """
        self.batches += 1
        error = await self._try(batch, batch.events, now_s)
        if error is None:
            return
        if len(batch.events) == 1 or not _is_about_content(error):
            self.give_up(batch, batch.entries, error)
            return
        for entry in batch.entries:
            self.batches += 1
            single_error = await self._try(batch, [entry[3]], now_s)
            if single_error is not None:
                self.give_up(batch, [entry], single_error)

    def give_up(
        self, batch: Batch[Event], entries: Sequence[Entry[Event]], error: Exception
    ) -> None:
        """Take *entries*, the next ones of *batch*, for lost."""
        batch.done += len(entries)
        batch.doubtful = max(0, batch.doubtful - len(entries))
        self.failed += len(entries)
        _log.error("%d events are lost", len(entries), exc_info=error)
        self._on_failure(entries, error)

    async def _try(
        self, batch: Batch[Event], events: Sequence[Event], now_s: Callable[[], float]
    ) -> Exception | None:
        """Send *events*, the next ones of *batch*; return the last error if they are not taken."""
        try:
            await call_with_retries(
                lambda: self._attempt(batch, events), on=EventDeliveryError, policy=self._retry
            )
        except _GivenUpError as error:
            return error.reason
        except Exception as error:  # noqa: BLE001  # Counted, logged and handed on.
            return error
        taken_s, done = now_s(), batch.done
        batch.done = end = done + len(events)
        batch.doubtful = max(0, batch.doubtful - len(events))
        self.delivered += len(events)
        self.latencies_s.extend([taken_s - entry[0] for entry in batch.entries[done:end]])
        return None

    async def _attempt(self, batch: Batch[Event], events: Sequence[Event]) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()
        self.attempts += 1
        doubtful_before = batch.doubtful
        if doubtful_before:
            self.repeated += min(len(events), doubtful_before)
        elif batch.doubts:
            self.repeated += sum(entry[1] in batch.doubts for entry in batch.rest[: len(events)])
        # More of the batch may be in doubt, from when it was sent as a whole.
        batch.doubtful = max(doubtful_before, len(events))
        try:
            await self._send(events)
        except EventOutcomeUnknownError as error:
            if self.at_most_once:
                raise _GivenUpError(error) from error
            raise
        except EventError:
            # This time certainly not; an earlier attempt may have been delivered all the same.
            batch.doubtful = doubtful_before
            raise


class _GivenUpError(Exception):
    """It ends the attempts; *reason* is what is told."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(str(reason))
        self.reason = reason


def _is_about_content(error: Exception) -> bool:
    return isinstance(error, EventRefusedError) and error.status in _CONTENT_STATUSES
