"""
An answer on its way: chunks at their instants, and what was sent of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from agent_perf.units import NS


class TokenStream:
    """
    The body of a streamed answer. Its first chunk is due at once.

    Args:
        chunks: What is sent, at least one item.
        gaps_ns: How long before each it was generated; the first is not waited for.
        tokens: How many each has.
        ended: Called once, with the number of tokens sent, when the stream was read to
            its end or closed before.
    """

    # An iterator, not an async generator: one that was never begun could not tell that
    # its client went away.
    def __init__(
        self,
        chunks: Sequence[bytes],
        gaps_ns: Sequence[int],
        tokens: Sequence[int],
        ended: Callable[[int], None],
    ) -> None:
        self._chunks = chunks
        self._gaps_ns = gaps_ns
        self._tokens = tokens
        self._ended: Callable[[int], None] | None = ended
        self._next = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the iterator over the chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk when it has been generated."""
        index = self._next
        if index == len(self._chunks):
            await self.aclose()
            raise StopAsyncIteration
        if index:
            await asyncio.sleep(self._gaps_ns[index] / NS)
        self._next = index + 1
        return self._chunks[index]

    async def aclose(self) -> None:
        """End the stream; what was not sent is not generated. The first chunk always was."""
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(sum(self._tokens[: max(1, self._next)]))
