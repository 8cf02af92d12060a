"""
Synchronous code that waits for what happens in virtual time.

On a modelled worker, and in the greenlets of SQLAlchemy's asynchronous engines, the wait is
handed to the task behind it, and everybody else goes on. On the loop's own thread it blocks the
loop, as it does in production: time passes, and nobody else has a turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Final, NoReturn, TypeVar, cast

from greenlet import getcurrent  # type: ignore[import-untyped]  # It has no types.

from agent_perf.errors import RealWorldAccess, SimulationError
from agent_perf.sim.loop import SimLoop

T = TypeVar("T")

AWAITS = "__sqlalchemy_greenlet_provider__"
"""Attribute of greenlets that await for their code what it gives them; SQLAlchemy's word."""

_LAST_STEPS: Final = 100


def wait_for(work: Coroutine[Any, Any, T], what: str) -> T:
    """
    Return what *work* returns, from synchronous code.

    Args:
        work: Takes virtual time.
        what: What it is, for messages: ``a statement``.

    Raises:
        RealWorldAccess: If the loop's own thread would have to wait for another task.
    """
    current = getcurrent()
    if getattr(current, AWAITS, False):
        return cast("T", current.parent.switch(work))
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimLoop):
        work.close()
        raise SimulationError(f"{what} was waited for on a real event loop")
    return _block(loop, work, what)


def _block(loop: SimLoop, work: Coroutine[Any, Any, T], what: str) -> T:
    while True:
        before_ns = loop.now_ns
        try:
            waited_for = work.send(None)
        except StopIteration as end:
            return cast("T", end.value)
        due_ns = loop.take_pause()
        if waited_for is not None:
            _refuse(loop, work, what)
        if due_ns > before_ns:
            loop.charge(due_ns - loop.now_ns)


def _refuse(loop: SimLoop, work: Coroutine[Any, Any, object], what: str) -> NoReturn:
    try:
        loop.refusals.refuse(
            f"{what}, waited for on the event loop's own thread while others are to go first,",
            "nobody else can run meanwhile, in production either: make the call asynchronous, "
            "or hand it to a thread with asyncio.to_thread",
        )
    except RealWorldAccess as error:
        # What it holds is given back on the way out, which may want to wait once more.
        with contextlib.suppress(BaseException):
            for _ in range(_LAST_STEPS):
                work.throw(error)
        raise
