"""
Reads answers of others piece by piece, without unpacking what may be a bomb.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import httpx

ACCEPTED: Final = {"accept-encoding": "gzip, deflate"}
"""Header of every request whose answer is read so."""

# Of others, and of one in another, 32 KiB may be gigabytes before anybody can count them.
_KNOWN: Final = ("", "identity", "gzip", "x-gzip", "deflate")


async def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """
    Yield the pieces of *response*, as they arrive.

    Raises:
        httpx.DecodingError: If it is packed in another way than ACCEPTED, or badly.
    """
    packed = response.headers.get("content-encoding", "").lower()
    if packed not in _KNOWN:
        raise httpx.DecodingError(
            f"it is packed as {packed[:40]!r}; want gzip, deflate or as it is",
            request=response.request,
        )
    async for piece in response.aiter_bytes():
        yield piece
