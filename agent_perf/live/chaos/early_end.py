"""
An end of an experiment before its time, asked for from outside.
"""

from __future__ import annotations

import asyncio


class EarlyEnd:
    """
    Lets an experiment end early; what it measured until then is kept.

    To be asked for from a signal handler, or from another thread.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: asyncio.Event | None = None

    def ask(self) -> bool:
        """Ask for it; return False if nothing has been sent yet, so that nothing is to be told."""
        if self._loop is None or self._asked is None:
            return False
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._asked.set)
        return True

    def begin(self) -> None:
        """From now on requests are sent; to be called on the loop."""
        self._loop, self._asked = asyncio.get_running_loop(), asyncio.Event()

    async def wait(self) -> None:
        """Return once it is asked for."""
        assert self._asked is not None
        await self._asked.wait()
