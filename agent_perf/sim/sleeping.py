"""
asyncio's own `sleep`, made of pauses for as long as a simulation runs.
"""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, Final, cast

from agent_perf.sim.scheduling import SchedulingLoop

_sleep: Final = cast("FunctionType", asyncio.tasks.sleep)
_original: Final = _sleep.__code__


@contextmanager
def sleeping_by_pauses() -> Iterator[None]:
    """Let `asyncio.sleep` pause the tasks of simulated loops while the body runs."""
    # The code and not the name, because programs and libraries hold references to the
    # function. Its globals are those of asyncio.tasks: what it calls is put there, and stays,
    # for another thread may begin a sleep now and come to that call later.
    vars(asyncio.tasks).setdefault("_agent_perf_wait", _wait)
    _sleep.__code__ = _sleep_by_pause.__code__.replace(co_name="sleep", co_qualname="sleep")
    try:
        yield
    finally:
        _sleep.__code__ = _original


async def _sleep_by_pause(delay: float, result: object = None) -> object:
    if delay <= 0:
        await __sleep0()  # type: ignore[name-defined]  # noqa: F821  # A global of asyncio.tasks.
        return result
    await _agent_perf_wait(delay)  # type: ignore[name-defined]  # noqa: F821  # Likewise.
    return result


def _wait(delay: float) -> Awaitable[object]:
    loop = get_running_loop()
    if isinstance(loop, SchedulingLoop):
        return loop.sleep(delay)
    # Another thread's loop: time is real there.
    timer: Awaitable[object] = _sleep_by_timer(delay)
    return timer


_sleep_by_timer: Final = cast(
    "Any", FunctionType(_original, _sleep.__globals__, "sleep", _sleep.__defaults__)
)
