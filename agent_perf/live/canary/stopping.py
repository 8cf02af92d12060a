"""
Ends a canary early, such that what was measured is told.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from agent_perf.errors import AgentPerfError

_T = TypeVar("_T")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what Kubernetes and CIs send before they kill."""


class NothingSeenError(AgentPerfError):
    """A canary was stopped before it had measured anything."""

    exit_code = 130


@contextmanager
def stopped_by_signals() -> Iterator[asyncio.Event]:
    """
    Yield what a first SIGINT or SIGTERM sets; a second one has its usual meaning.

    Only on the main thread. Where the loop cannot handle signals, nothing sets it.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def release() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    def catch() -> None:
        release()
        stop.set()

    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, catch)
    except NotImplementedError:
        yield stop
        return
    try:
        yield stop
    finally:
        release()


async def is_set_within(stop: asyncio.Event, wait_s: float) -> bool:
    """Return whether *stop* is set, as soon as it is, or after *wait_s* seconds."""
    if wait_s <= 0:
        # Whoever is late still lets the others have their turn.
        await asyncio.sleep(0)
        return stop.is_set()
    try:
        async with asyncio.timeout(wait_s):
            return await stop.wait()
    except TimeoutError:
        return stop.is_set()


async def unless_set(stop: asyncio.Event, work: Coroutine[Any, Any, _T]) -> _T | None:
    """Return what *work* comes to; None, and *work* is cancelled, if *stop* is set before."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stopping.cancel()
        if not working.done():
            working.cancel()
            # Whoever goes on may close what it works with.
            await asyncio.wait((working,))
