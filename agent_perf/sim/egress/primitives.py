"""
Locks and queues of a program's modules, which outlive the loop that they were first used on.
"""

from __future__ import annotations

import asyncio
from asyncio import mixins
from contextlib import ExitStack
from typing import Any


def let_primitives_move(stack: ExitStack) -> None:
    """
    Let asyncio's primitives forget a loop that is closed, until *stack* is closed.

    A semaphore of a module is bound to the loop on which somebody first waited for it. In
    production there is one loop; of worlds in one process, each has its own.
    """
    kind: Any = mixins._LoopBoundMixin
    original = kind._get_loop

    def get_loop(self: Any) -> asyncio.AbstractEventLoop:
        if self._loop is not None and self._loop.is_closed():
            self._loop = None
        loop: asyncio.AbstractEventLoop = original(self)
        return loop

    stack.callback(setattr, kind, "_get_loop", original)
    kind._get_loop = get_loop
