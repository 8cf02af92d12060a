"""
Pieces of an answer on their way to a reader who sets the pace.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from agent_perf.errors import ConfigError


class Pipe:
    """
    Text in pieces, from who writes to one who reads; the writer waits while it is full.

    Args:
        pieces_max: Pieces that lie in it before the writer waits, >= 1.
        may_wait: Says whether the writer may wait now; if not, more pieces lie in it.
    """

    def __init__(self, pieces_max: int, may_wait: Callable[[], bool]) -> None:
        if pieces_max < 1:
            raise ConfigError(f"pieces_max={pieces_max}; want >= 1")
        self._pieces: deque[str] = deque()
        self._pieces_max = pieces_max
        self._may_wait = may_wait
        self._is_closed = False
        self._is_read = True
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def write(self, text: str) -> Awaitable[None] | None:
        """Put in a piece; return what to await before the next, if anything."""
        if not self._is_read:
            return None
        self._pieces.append(text)
        self._wake_reader()
        if len(self._pieces) < self._pieces_max or not self._may_wait():
            return None
        return self._wait_for_room()

    def release(self) -> None:
        """Let the writer go on, if it waits."""
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def abandon(self) -> None:
        """Say that nobody will read: others may still wait for what the writer does."""
        self._is_read = False
        self._pieces.clear()
        self.release()

    def close(self) -> None:
        """Say that nothing more will be written."""
        self._is_closed = True
        self._wake_reader()

    async def read(self) -> AsyncIterator[str]:
        """Give all pieces in order, until it is closed and empty."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                if len(self._pieces) < self._pieces_max:
                    self.release()
                yield piece
            if self._is_closed:
                return
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader

    async def _wait_for_room(self) -> None:
        # The reader may have been there between `write` and this.
        if len(self._pieces) < self._pieces_max or not self._may_wait():
            return
        self._writer = asyncio.get_running_loop().create_future()
        await self._writer

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
