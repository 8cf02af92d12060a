"""
Reads answers of others piece by piece, without unpacking what may be a bomb.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx

ACCEPTED: Final = {"accept-encoding": "gzip, deflate"}
"""Header of every request whose answer is read so."""

# Of others, and of one in another, 32 KiB may be gigabytes before anybody can count them.
_KNOWN: Final = ("", "identity", "gzip", "x-gzip", "deflate")
_PLAIN: Final = ("", "identity")
_PIECE_BYTES: Final = 1 << 16
_ANY_WINDOW: Final = zlib.MAX_WBITS | 32
"""What zlib wants to hear to tell gzip from deflate by itself."""
_HEAD_BYTES: Final = 2
"""Length of zlib's header, RFC 1950, section 2.2."""


CUT: Final = "the compressed answer ends before its end"


async def unpacked(response: httpx.Response) -> AsyncIterator[bytes]:
    """
    Yield the pieces of *response*, as they arrive; of what is packed 64 KiB at most at a time.

    Raises:
        httpx.DecodingError: If it is packed in another way than ACCEPTED, or badly.
        httpx.ReadError: If it is packed, and ends before its end.
    """
    if response.is_stream_consumed:
        # It has been read as a whole, and unpacked then.
        yield response.content
        return
    request = response.request
    try:
        unpacker = Unpacker(response.headers.get("content-encoding", ""))
        async for piece in response.aiter_raw():
            for plain in unpacker.pieces(piece):
                yield plain
    except UnpackingError as error:
        raise httpx.DecodingError(str(error), request=request) from error
    if unpacker.is_cut:
        raise httpx.ReadError(CUT, request=request)


class UnpackingError(Exception):
    """It is packed as nobody asked for, or is not what it is called."""


class Unpacker:
    """
    One body, packed as *how*, the value of its header, says.

    What follows its end is passed over, as clients do.

    Raises:
        UnpackingError: If *how* is none of ACCEPTED.
    """

    def __init__(self, how: str) -> None:
        self._how = how.strip().lower()
        if self._how not in _KNOWN:
            raise UnpackingError(
                f"it is packed as {how[:40]!r}; want gzip, deflate or as it is",
            )
        self._inner = None if self._how in _PLAIN else zlib.decompressobj(_ANY_WINDOW)
        self._begin = b""

    @property
    def is_cut(self) -> bool:
        """Whether there was something packed, and not its end."""
        return self._inner is not None and self._begin != b"" and not self._inner.eof

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """
        Yield what *packed*, which comes next, holds, 64 KiB at most at a time.

        Raises:
            UnpackingError: If it cannot be unpacked.
        """
        if self._inner is None:
            yield packed
            return
        if len(self._begin) < _HEAD_BYTES:
            packed = self._begin + packed
            self._begin = packed[:_HEAD_BYTES]
            if len(packed) < _HEAD_BYTES:
                return
            if self._how == "deflate" and not _has_frame(packed):
                self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            while packed and not self._inner.eof:
                plain = self._inner.decompress(packed, _PIECE_BYTES)
                packed = self._inner.unconsumed_tail
                if plain:
                    yield plain
        except zlib.error as error:
            raise UnpackingError(f"it is sent as {self._how}, and is none: {error}") from error


def _has_frame(begin: bytes) -> bool:
    """Return whether *begin* is that of zlib's frame, which some servers leave away."""
    try:
        zlib.decompressobj().decompress(begin[:_HEAD_BYTES])
    except zlib.error:
        return False
    return True
