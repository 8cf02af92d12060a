"""
Where requests come in: open or not, and how many are inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent_perf.components.errors import BackendNotReadyError


class Door:
    """
    A context for each request; one object serves them all.

    Args:
        refusal: Why nobody may enter now; empty if they may.
    """

    __slots__ = ("_empty", "_refusal", "entered", "inside", "refused")

    def __init__(self, refusal: Callable[[], str]) -> None:
        self._refusal = refusal
        self._empty: asyncio.Event | None = None
        self.entered = self.refused = self.inside = 0

    def __enter__(self) -> None:
        if why := self._refusal():
            self.refused += 1
            raise BackendNotReadyError(f"the backend takes no requests: it is {why}")
        self.entered += 1
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1
        if self._empty is not None and not self.inside:
            self._empty.set()

    async def drained(self, timeout_s: float) -> int:
        """Wait until nobody is inside, or *timeout_s*; return how many are."""
        if self.inside:
            self._empty = asyncio.Event()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._empty.wait()
            except TimeoutError:
                return self.inside
        return 0
