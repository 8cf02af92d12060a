"""
Threads that serve one line of jobs, each with a SQLite connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

from agent_perf.components.database.connection import ConnectionStats
from agent_perf.components.errors import DatabaseUnavailableError, PoolExhaustedError
from agent_perf.errors import ConfigError

_STEPS: Final = 20_000
"""SQLite's steps, some ten nanoseconds each, between two looks whether to go on."""
_PATIENCE_S: Final = 0.002
"""How long a job stands in line before another thread is called."""

Act = Callable[[sqlite3.Connection, str, tuple[object, ...]], Any]


class Job:
    """
    A statement for a thread, and the future that waits for it.

    Attributes:
        future: Of the result; whoever waits may cancel it.
        put_s: When it was put into the line, by the loop's clock.
        start_s: When a thread took it; 0 before.
        end_s: When it was done; 0 before.
    """

    __slots__ = (
        "_act", "_sql", "_values", "end_s", "error", "future", "put_s", "result", "start_s",
    )  # fmt: skip

    def __init__(
        self, act: Act, sql: str, values: tuple[object, ...], future: asyncio.Future[Any]
    ) -> None:
        self._act = act
        self._sql = sql
        self._values = values
        self.future = future
        self.put_s = self.start_s = self.end_s = 0.0
        self.result: Any = None
        self.error: Exception | None = None

    def run(self, raw: sqlite3.Connection) -> None:
        """Do it, in the thread."""
        try:
            self.result = self._act(raw, self._sql, self._values)
        except Exception as error:  # noqa: BLE001 (it is raised where it is waited for)
            self.error = error
            if raw.in_transaction:
                raw.rollback()

    def tell(self) -> None:
        """Let the waiting one know, in the loop."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Lanes:
    """
    One line of jobs, a thread that serves it, and up to *size* - 1 that help with what is slow.

    Threads that run Python one at a time only disturb each other over what is short, so a
    thread is called to help when a job has stood in line for two milliseconds.

    Args:
        connect: Opens a connection; called in the threads.
        size: Threads at most, >= 1; started as they are needed.
        timeout_s: Longest wait in the line, > 0.
        statement_timeout_s: Longest that a job may take, > 0; None: for ever.
        now_s: Monotonic seconds, called in any thread.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        size: int,
        timeout_s: float,
        statement_timeout_s: float | None,
        now_s: Callable[[], float],
    ) -> None:
        if size < 1 or not timeout_s > 0:
            raise ConfigError(f"size={size}, timeout_s={timeout_s}; want >= 1 and > 0")
        if statement_timeout_s is not None and not statement_timeout_s > 0:
            raise ConfigError(f"statement_timeout_s={statement_timeout_s}; want > 0, or None")
        self._connect = connect
        self._size = size
        self._timeout_s = timeout_s
        self._limit_s = statement_timeout_s
        self._now_s = now_s
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: deque[Job] = deque()
        self._told = False
        self._lanes: list[_Lane] = []
        # The same jobs as in the queue, and some that have left it since: for the loop to look at.
        self._line: deque[Job] = deque()
        self._watcher: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self._pending = self._pending_max = 0
        self._taken = self._waits = self._timeouts = self._open_errors = 0
        self._wait_s = 0.0

    def put(self, act: Act, sql: str, values: tuple[object, ...]) -> Job:
        """
        Return a job that stands in line.

        Raises:
            DatabaseUnavailableError: If the lanes are closed.
        """
        if self._closing:
            raise DatabaseUnavailableError("the pool of connections is closed; make another")
        self._loop = loop = asyncio.get_running_loop()
        job = Job(act, sql, values, loop.create_future())
        job.put_s = loop.time()
        self._taken += 1
        self._pending += 1
        if self._pending > 1:
            self._waits += 1
            self._pending_max = max(self._pending_max, self._pending)
            self._line.append(job)
            if self._watcher is None:
                self._watcher = loop.call_later(_PATIENCE_S, self._watch)
        if not self._lanes:
            self._start()
        self._jobs.put(job)
        return job

    def stats(self) -> ConnectionStats:
        """Return the numbers so far; a connection is in use while its thread has a job."""
        in_use = min(self._pending, 1 + sum(lane.is_busy for lane in self._lanes[1:]))
        return ConnectionStats(
            in_use=in_use,
            idle=max(0, len(self._lanes) - in_use),
            opening=0,
            settling=0,
            waiting=self._pending - in_use,
            open_max=len(self._lanes),
            waiting_max=max(0, self._pending_max - 1),
            taken=self._taken,
            waits=self._waits,
            wait_s=self._wait_s,
            timeouts=self._timeouts,
            opened=len(self._lanes),
            open_errors=self._open_errors,
            overflow=0,
            closed=0,
            lost=0,
            settled=0,
        )

    async def aclose(self) -> None:
        """Finish what is in line, close the connections, and end the threads."""
        self._closing = True
        if self._lanes:
            self._jobs.put(None)
        for lane in self._lanes:
            lane.wake.release()
            # A thread that works off a long line must not hold up the loop meanwhile.
            await asyncio.to_thread(lane.thread.join)
        if self._watcher is not None:
            self._watcher.cancel()
        self._deliver()

    # -- In the loop

    def _start(self) -> None:
        lane = _Lane(self._help if self._lanes else self._serve)
        self._lanes.append(lane)
        lane.thread.start()

    def _deliver(self) -> None:
        # Before the first is taken: what comes from now on is told of anew.
        self._told = False
        done = self._done
        while done:
            job = done.popleft()
            self._pending -= 1
            job.tell()

    def _watch(self) -> None:
        """Call for help if the line stands still, and send away who has waited too long."""
        assert self._loop is not None
        self._watcher = None
        line, now_s = self._line, self._loop.time()
        while line and (line[0].start_s or line[0].future.done()):
            self._wait_s += now_s - line.popleft().put_s
        while line and now_s - line[0].put_s >= self._timeout_s:
            self._send_away(line.popleft())
        if not line:
            return
        if now_s - line[0].put_s >= _PATIENCE_S:
            idle = next((lane for lane in self._lanes[1:] if not lane.is_busy), None)
            if idle is None and len(self._lanes) < self._size:
                self._start()
                idle = self._lanes[-1]
            if idle is not None:
                idle.is_busy = True
                idle.wake.release()
        self._watcher = self._loop.call_later(_PATIENCE_S, self._watch)

    def _send_away(self, job: Job) -> None:
        if job.future.done():
            return
        self._timeouts += 1
        job.future.set_exception(
            PoolExhaustedError(
                f"no connection was free within {self._timeout_s} s: {len(self._lanes)} in use, "
                f"{len(self._line)} in line; ask for less at once, or allow more"
            )
        )

    # -- In the threads

    def _serve(self, lane: _Lane) -> None:
        while (job := self._jobs.get()) is not None:
            self._run(lane, job)
        lane.close()

    def _help(self, lane: _Lane) -> None:
        while lane.wake.acquire() and not self._closing:
            with contextlib.suppress(Empty):
                while (job := self._jobs.get_nowait()) is not None:
                    self._run(lane, job)
                # The end was meant for the one who always serves.
                self._jobs.put(None)
            lane.is_busy = False
        lane.close()

    def _run(self, lane: _Lane, job: Job) -> None:
        # Who has left needs nothing done.
        if not job.future.done():
            lane.job = job
            job.start_s = self._now_s()
            try:
                if lane.raw is None:
                    lane.raw = self._connect()
                    lane.raw.set_progress_handler(lambda: self._must_end(lane), _STEPS)
                job.run(lane.raw)
            except sqlite3.Error as error:
                self._open_errors += 1
                job.error = error
            job.end_s = self._now_s()
        self._done.append(job)
        if not self._told:
            self._told = True
            assert self._loop is not None
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                # The loop is closed by now: nobody waits.
                return

    def _must_end(self, lane: _Lane) -> bool:
        """Return whether nobody waits for the statement under way, or it takes too long."""
        job = lane.job
        assert job is not None
        if job.future.done():
            return True
        return self._limit_s is not None and self._now_s() - job.start_s > self._limit_s


class _Lane:
    """
    A thread and its connection.

    Attributes:
        is_busy: Whether it helps; set by the loop, and taken back by the thread.
    """

    __slots__ = ("is_busy", "job", "raw", "thread", "wake")

    def __init__(self, work: Callable[[_Lane], None]) -> None:
        self.is_busy = False
        self.job: Job | None = None
        self.raw: sqlite3.Connection | None = None
        self.wake = threading.Semaphore(0)
        self.thread = threading.Thread(target=work, args=(self,), name="sqlite", daemon=True)

    def close(self) -> None:
        """Close the file."""
        if self.raw is not None:
            self.raw.close()
