"""
asyncio's own `sleep`, made of pauses for as long as a simulation runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
    vars(asyncio.tasks).setdefault("_agent_perf_loop", SchedulingLoop)
    vars(asyncio.tasks).setdefault("_agent_perf_sleep", _sleep_by_timer)
    _sleep.__code__ = _sleep_by_pause.__code__.replace(co_name="sleep", co_qualname="sleep")
    try:
        yield
    finally:
        _sleep.__code__ = _original


async def _sleep_by_pause(delay: float, result: object = None) -> object:
    if delay <= 0:
        await __sleep0()  # type: ignore[name-defined]  # noqa: F821  # A global of asyncio.tasks.
        return result
    loop = events.get_running_loop()  # type: ignore[name-defined]  # noqa: F821  # Likewise.
    if isinstance(loop, _agent_perf_loop):  # type: ignore[name-defined]  # noqa: F821
        # Not `loop.sleep`: a call more would cost a twentieth.
        ns = delay * 1e9
        await (loop.pause(round(ns) or 1) if ns < 1e27 else loop.sleep(delay))
        return result
    # Another thread's loop: time is real there.
    return await _agent_perf_sleep(delay, result)  # type: ignore[name-defined]  # noqa: F821


_sleep_by_timer: Final = cast(
    "Any", FunctionType(_original, _sleep.__globals__, "sleep", _sleep.__defaults__)
)
