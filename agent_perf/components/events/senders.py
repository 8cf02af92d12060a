"""
Takes batches out of a queue when they are due, and delivers several at a time.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable

from agent_perf.components.errors import EventOutcomeUnknownError
from agent_perf.components.events.channel_queue import Batch, ChannelQueue
from agent_perf.components.events.delivery import Delivery
from agent_perf.components.events.event import Event
from agent_perf.components.events.flushing import FlushPolicy, flush_count
from agent_perf.components.events.leftovers import Leftovers


class Senders:
    """
    The tasks that deliver what is in *queue*; there are none while nothing is due.

    Args:
        queue: Where events wait.
        policy: When a batch is due, and how many are on their way at once.
        delivery: Delivers them.
        on_room: Called with the time when events have left the queue.
    """

    def __init__(
        self,
        queue: ChannelQueue[Event],
        policy: FlushPolicy,
        delivery: Delivery,
        on_room: Callable[[float], None],
    ) -> None:
        self._queue = queue
        self._policy = policy
        self._delivery = delivery
        self._on_room = on_room
        # Batches hold the events of many requests, so they run in none's context.
        self._context = contextvars.copy_context()
        self._now_s: Callable[[], float] = self._first_now_s
        # With the batch that each began with.
        self._tasks: dict[asyncio.Task[None], Batch[Event]] = {}
        self._under_way: set[Batch[Event]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = 0.0
        # Who flushes, with the last event that it waits for; in the order of these.
        self._flushes: deque[tuple[int, asyncio.Future[None]]] = deque()

    def note_pushed(self, now_s: float) -> None:
        """Send what is due now that an event was pushed at *now_s*."""
        if len(self._tasks) >= self._policy.senders_max:
            return
        queue, policy = self._queue, self._policy
        if (
            self._timer is not None
            and queue.ready_count < policy.events_max
            and queue.ready_bytes < policy.bytes_max
        ):
            # Older ones wait, and their time will come.
            return
        self._pump(now_s)

    async def flush(self) -> None:
        """Send what is waiting now without further delay, and wait until it is decided."""
        last = self._queue.pushed
        if self._oldest() > last:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushes.append((last, done))
        self._pump(self._now_s())
        await done

    async def finish(self) -> None:
        """Flush, and wait until no task is left."""
        await self.flush()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def stop(self) -> Leftovers:
        """Cancel everything, and return what was not delivered."""
        self._cancel_timer()
        under_way = self._under_way
        doubts = self._queue.doubts.union(*[batch.all_doubts() for batch in under_way])
        # Of a channel, those under way come before those that wait.
        left = [entry for batch in under_way for entry in batch.rest] + self._queue.clear()
        self._under_way.clear()
        for task in self._tasks:
            task.cancel()
        self._note_flushed()
        return Leftovers(
            in_doubt=tuple([entry[3] for entry in left if entry[1] in doubts]),
            unsent=tuple([entry[3] for entry in left if entry[1] not in doubts]),
        )

    def _pump(self, now_s: float) -> None:
        """Send what is due, and see to it that the rest will be."""
        while len(self._tasks) < self._policy.senders_max:
            batch = self._next_batch(now_s)
            if batch is None:
                return
            task = asyncio.get_running_loop().create_task(
                self._work(batch), context=self._context.copy()
            )
            self._tasks[task] = batch
            task.add_done_callback(self._note_done)

    def _next_batch(self, now_s: float) -> Batch[Event] | None:
        """Return what is due; if nothing is, set the timer for what will be."""
        queue, policy = self._queue, self._policy
        if not queue.ready_count:
            return None
        count = flush_count(queue.ready_count, queue.ready_bytes, queue.oldest_s, now_s, policy)
        if not count:
            if not self._flushes or queue.oldest > self._flushes[-1][0]:
                self._set_timer(queue.oldest_s + policy.delay_s_max)
                return None
            count = policy.events_max
        batch = queue.take(count, policy.bytes_max)
        if batch is not None:
            self._under_way.add(batch)
        self._on_room(now_s)
        return batch

    async def _work(self, first: Batch[Event]) -> None:
        batch: Batch[Event] | None = first
        while batch is not None:
            try:
                await self._delivery.deliver(batch, self._now_s)
            except BaseException:
                # It was cancelled, or on_failure raised: the rest of the batch is not lost.
                self._interrupt(batch)
                raise
            finally:
                self._under_way.discard(batch)
                self._queue.release(batch)
                self._note_flushed()
            # The next one needs no task of its own. Batches that come back at the same time
            # are waited for: together, their channels fill the next ones better.
            await asyncio.sleep(0)
            now_s = self._now_s()
            batch = self._next_batch(now_s)
            if batch is not None:
                self._pump(now_s)

    def _interrupt(self, batch: Batch[Event]) -> None:
        """Keep what was not decided of *batch*, whose task ends."""
        if batch not in self._under_way:
            # Stop has given it back already.
            return
        try:
            if self._delivery.at_most_once and batch.doubtful:
                doubtful = batch.entries[batch.done : batch.done + batch.doubtful]
                error = EventOutcomeUnknownError("the request was cancelled on its way")
                self._delivery.give_up(batch, doubtful, error)
        finally:
            # Whatever on_failure raises, the rest is not lost with it.
            self._queue.put_back(batch)

    def _note_done(self, task: asyncio.Task[None]) -> None:
        first = self._tasks.pop(task)
        if task.cancelled():
            if first in self._under_way:
                # It was cancelled before its first step.
                self._under_way.discard(first)
                self._queue.put_back(first)
                self._queue.release(first)
            # If the loop is ending, a new task would be one that nobody waits for.
            if self._queue.ready_count and self._timer is None:
                self._set_timer(self._now_s() + self._policy.delay_s_max)
            return
        self._pump(self._now_s())
        # Whatever on_failure raised; the loop reports it.
        task.result()

    def _note_flushed(self) -> None:
        """Let those go on who wait for nothing any more."""
        flushes = self._flushes
        if flushes:
            oldest = self._oldest()
            while flushes and flushes[0][0] < oldest:
                done = flushes.popleft()[1]
                if not done.done():
                    done.set_result(None)

    def _oldest(self) -> float:
        """Return the number of the oldest event that is not decided; inf if there is none."""
        # Whatever is undecided of a batch is in it, or was put back into the queue.
        under_way = [
            batch.entries[batch.done][1]
            for batch in self._under_way
            if batch.done < len(batch.entries)
        ]
        return min([self._queue.oldest_of_all, *under_way])

    def _set_timer(self, due_s: float) -> None:
        # A channel that was waiting can come back with an event that is due sooner.
        if self._timer is not None and self._timer_due_s > due_s:
            self._cancel_timer()
        if self._timer is None:
            self._timer_due_s = due_s
            self._timer = asyncio.get_running_loop().call_at(
                due_s, self._note_timer, context=self._context
            )

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note_timer(self) -> None:
        self._timer = None
        # A clock that reads a hair less than what we asked for must not make us wait again.
        self._pump(max(self._timer_due_s, self._now_s()))

    def _first_now_s(self) -> float:
        self._now_s = asyncio.get_running_loop().time
        return self._now_s()
