"""
Thread pools on modelled workers, and synchronous code that waits for what another worker does.

A pool's `submit` makes a task of the loop instead of a thread; as many run at a time as the
pool has workers. Conditions, and with them events, queues and futures, wait in virtual time.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

from greenlet import getcurrent  # type: ignore[import-untyped]  # It has no types.

from agent_perf.sim.blocking import AWAITS, wait_for
from agent_perf.sim.loop import SimLoop

_real_submit: Final = ThreadPoolExecutor.submit
_real_shutdown: Final = ThreadPoolExecutor.shutdown

_AWAIT: Final = (
    "the event loop stands still until then, in production too: await loop.run_in_executor, or "
    "an asyncio primitive"
)

_open_work: Final[WeakKeyDictionary[ThreadPoolExecutor, list[Future[Any]]]] = WeakKeyDictionary()


@contextmanager
def modelled_pools() -> Iterator[None]:
    """Let thread pools and conditions follow a simulation that models threads, in the body."""
    with ExitStack() as stack:
        for owner, name, replacement in (
            (ThreadPoolExecutor, "submit", _submit),
            (ThreadPoolExecutor, "shutdown", _shutdown),
        ):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, replacement)
        yield


def modelling_loop() -> SimLoop | None:
    """Return the loop that runs on this thread if it models threads."""
    loop = asyncio._get_running_loop()
    return loop if isinstance(loop, SimLoop) and loop.models_threads else None


def wait_on(loop: SimLoop, condition: Any, timeout_s: float | None) -> bool:
    """
    Do as `Condition.wait`, in virtual time; return False after *timeout_s*.

    Raises:
        RealWorldAccess: If the loop's own thread would have to wait for a worker that waits.
    """
    waiter = _Waiter(loop)
    condition._waiters.append(waiter)
    state = condition._release_save()
    try:
        if getattr(getcurrent(), AWAITS, False):
            wait_for(waiter.released_within(timeout_s), "a condition")
        else:
            loop.begin_handed_over()
            if not waiter.released.done():
                loop.refusals.refuse("waiting for another thread", _AWAIT)
    finally:
        condition._acquire_restore(state)
        if not waiter.released.done():
            condition._waiters.remove(waiter)
    return waiter.released.done()


class _Waiter:
    """What a condition releases when it notifies: elsewhere a lock."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop
        self.released: asyncio.Future[None] = loop.create_future()

    def release(self) -> None:
        """Wake who waits."""
        if self._loop.belongs_to_another_thread():
            self._loop.refusals.refuse(
                f"a wake-up from thread {threading.current_thread().name!r}",
                "when a thread calls is not reproducible: let its work be done inside",
            )
        if not self.released.done():
            self.released.set_result(None)

    async def released_within(self, timeout_s: float | None) -> None:
        """Return when released, or after *timeout_s*."""
        await asyncio.wait((self.released,), timeout=timeout_s)


def _submit(
    self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Future[Any]:
    loop = modelling_loop()
    # What an initializer leaves in a thread's locals, no modelled worker has.
    if loop is None or self._initializer is not None:
        return _real_submit(self, fn, *args, **kwargs)
    if self._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    future: Future[Any] = Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            answer = fn(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # It is told by the future.
            future.set_exception(error)
        else:
            future.set_result(answer)

    work.__wrapped__ = fn  # type: ignore[attr-defined]
    loop.hand_over(self, work)
    unfinished = _open_work.setdefault(self, [])
    unfinished.append(future)
    future.add_done_callback(unfinished.remove)
    return future


def _shutdown(self: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
    loop = modelling_loop()
    if loop is None:
        _real_shutdown(self, wait, cancel_futures=cancel_futures)
        return
    # A pool from before the simulation may have threads: they end by themselves.
    _real_shutdown(self, wait=False, cancel_futures=cancel_futures)
    unfinished = tuple(_open_work.get(self, ()))
    if cancel_futures:
        for future in unfinished:
            future.cancel()
    if wait:
        concurrent.futures.wait(unfinished)
