"""
The instant by which work must be done, known to all who do a part of it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from agent_perf.errors import ConfigError

T = TypeVar("T")

_CURRENT: ContextVar[Deadline | None] = ContextVar("agent_perf_deadline", default=None)


class Deadline:
    """
    Ends what runs inside it, and tells it beforehand how long it has.

    Whoever starts something that cannot be interrupted, or that takes a while, asks
    `time_left_s`; retries and waits that could not end in time are not begun. Of nested
    deadlines the earliest holds. Use each but once, as one of ``asyncio.timeout``.

    Args:
        seconds: From now; finite, >= 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Raises:
        TimeoutError: Out of the block, once the time is up.

    Example::

        async with Deadline(2.5):
            rows = await load(limit_s=time_left_s())
    """

    __slots__ = ("_now_s", "_timeout", "_token", "at_s")

    def __init__(self, seconds: float, *, clock: Callable[[], float] | None = None) -> None:
        if not 0 <= seconds < math.inf:
            raise ConfigError(f"seconds={seconds}; want finite, >= 0")
        self._now_s = time.monotonic if clock is None else clock
        self.at_s = self._now_s() + seconds
        self._token: Token[Deadline | None] | None = None
        self._timeout: asyncio.Timeout | None = None

    @property
    def left_s(self) -> float:
        """Seconds until then, >= 0."""
        return max(0.0, self.at_s - self._now_s())

    @property
    def has_ended_it(self) -> bool:
        """Whether the block was ended for it."""
        return self._timeout is not None and self._timeout.expired()

    def extend(self, other: Deadline) -> None:
        """
        Let work that several wait for be done by the later of the two.

        It is for a deadline that is only handed on: one that is entered ends its block as
        it was going to.
        """
        self.at_s = max(self.at_s, other.at_s)

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Return what *work* comes to, as inside a block, but without a timer until it waits.

        Setting a timer and taking it back costs 5 µs: more than finding an answer in memory.

        Example::

            answer = await Deadline(2.5).wait_for(cache.get_or_set("q-17", ask_model))
        """
        token = self._hand_on()
        try:
            try:
                waited_for = work.send(None)
            except StopIteration as done:
                result: T = done.value
                return result
            self._timeout = self._timer()
            async with self._timeout:
                return await _Rest(work, waited_for)
        finally:
            _CURRENT.reset(token)

    async def __aenter__(self) -> Self:
        self._token = self._hand_on()
        self._timeout = self._timer()
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._timeout is not None
        assert self._token is not None
        _CURRENT.reset(self._token)
        await self._timeout.__aexit__(kind, error, trace)

    def _hand_on(self) -> Token[Deadline | None]:
        outer = _CURRENT.get()
        if outer is not None:
            self.at_s = min(self.at_s, outer.at_s)
        return _CURRENT.set(self)

    def _timer(self) -> asyncio.Timeout:
        return asyncio.Timeout(asyncio.get_running_loop().time() + self.left_s)


class _Rest(Generic[T]):
    """A coroutine that has begun, and waits for what it gave: awaiting this goes on with it."""

    __slots__ = ("_waited_for", "_work")

    def __init__(self, work: Coroutine[Any, Any, T], waited_for: object) -> None:
        self._work = work
        self._waited_for = waited_for

    def __await__(self) -> Generator[object, None, T]:
        waited_for = self._waited_for
        while True:
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001  # It is the work's: a cancellation.
                thrown = error
            else:
                return (yield from self._work.__await__())
            try:
                waited_for = self._work.throw(thrown)
            except StopIteration as done:
                result: T = done.value
                return result
            finally:
                # Its traceback holds this frame, which would hold it in turn.
                del thrown


def time_left_s() -> float:
    """
    Return how many seconds whoever asks may still take, >= 0; ``math.inf`` without a deadline.

    Example::

        reply = await client.get(url, timeout=min(10.0, time_left_s()))
    """
    deadline = _CURRENT.get()
    return math.inf if deadline is None else deadline.left_s


@contextmanager
def hand_on(deadline: Deadline) -> Iterator[None]:
    """
    Let those inside know of *deadline*, which somebody else enforces, in place of their own.

    Example::

        with hand_on(latest_of_all_who_wait):
            answer = await compute()
    """
    token = _CURRENT.set(deadline)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def is_cancelled() -> bool:
    """
    Return whether somebody has cancelled the present task.

    If not, a CancelledError is one of what was awaited: a connection or task that others
    gave up.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
