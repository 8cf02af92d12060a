"""
Who may write: SQLite takes one writer at a time, and so does its stand-in for a server.

SQLite itself would poll a busy file in real time. Here the others stand in line, in
virtual time, and are let in one by one in the order in which they came.

PostgreSQL locks rows, this the whole database: a transaction that has written and stays
open delays every other writer, and ``db_lock_waits`` counts them. Readers never wait.
"""

from __future__ import annotations

import asyncio
from collections import deque


class WriteLock:
    """A lock that is passed on first come, first served."""

    def __init__(self) -> None:
        self._holder: object = None
        self._line: deque[tuple[object, asyncio.Future[None]]] = deque()

    def held_by(self, owner: object) -> bool:
        """Return True if *owner* holds the lock."""
        return self._holder is owner

    @property
    def is_held(self) -> bool:
        """True if anybody holds the lock."""
        return self._holder is not None

    async def acquire(self, owner: object) -> bool:
        """Wait until *owner* holds the lock; return whether it had to wait."""
        if self._holder is None:
            self._holder = owner
            return False
        turn = asyncio.get_running_loop().create_future()
        entry = (owner, turn)
        self._line.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            # The lock may have been passed to us at the very instant of our cancellation.
            if self.held_by(owner):
                self.release(owner)
            elif entry in self._line:
                self._line.remove(entry)
            raise
        return True

    def release(self, owner: object) -> None:
        """Pass the lock on, if *owner* holds it."""
        if not self.held_by(owner):
            return
        self._holder = None
        while self._line:
            next_owner, turn = self._line.popleft()
            # Who was cancelled at this very instant has not left the line yet.
            if not turn.done():
                self._holder = next_owner
                turn.set_result(None)
                return
