"""
Values to bytes and back: msgpack behind a tag byte, compressed where it pays.

Bytes from a store are not trusted: an unknown tag, damage, a length beyond the bound
or a value of another type is refused, and nothing in them is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

from agent_perf.components.errors import SerializerError
from agent_perf.components.store.compression import (
    LZ4,
    ZSTD,
    ZSTD_DICTIONARY,
    Compressor,
    Lz4,
    unpack_lz4,
)
from agent_perf.errors import ConfigError
from agent_perf.units import KIB, MIB

V = TypeVar("V")

_PLAIN: Final = 0x01


class Serializer(Generic[V]):
    """
    Writes and reads values of one type, or None.

    Whatever it writes with, it reads what was written plainly or with lz4.

    Args:
        kind: Type of the values: ``dict``, ``list[int]``, a dataclass, a msgspec Struct...
            What is read is checked against it.
        compress_bytes_min: Compress what is longer than this when written plainly.
        bytes_max: Longest plain form that is written or read, >= 1. Python objects take
            more: a list of empty lists about sixty times its plain form.
        compressor: Lz4 by default; Zstd makes less of it, in more time.

    Example::

        serializer = Serializer(dict[str, int])
        serializer.loads(serializer.dumps({"tokens": 17}))
    """

    def __init__(
        self,
        kind: type[V],
        *,
        compress_bytes_min: int = 1 * KIB,
        bytes_max: int = 16 * MIB,
        compressor: Compressor | None = None,
    ) -> None:
        if not 0 <= compress_bytes_min <= bytes_max:
            raise ConfigError(
                f"compress_bytes_min={compress_bytes_min}, bytes_max={bytes_max}; "
                "want 0 <= compress_bytes_min <= bytes_max"
            )
        compressor = Lz4() if compressor is None else compressor
        self._compress_bytes_min = compress_bytes_min
        self._bytes_max = bytes_max
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes | memoryview], V | None]
        self._decode = msgspec.msgpack.Decoder(kind | None).decode
        self._pack = compressor.pack
        self._unpack = {LZ4: unpack_lz4, **compressor.readers}

    def dumps(self, value: V | None) -> bytes:
        """
        Return *value* as bytes.

        Raises:
            SerializerError: If msgpack cannot write it, or it is longer than bytes_max.
        """
        try:
            plain = self._encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise SerializerError(
                f"cannot store a {type(value).__qualname__}: {error}; store plain data, a "
                "dataclass or a msgspec Struct"
            ) from error
        if len(plain) <= self._compress_bytes_min:
            return b"\x01" + plain
        if len(plain) > self._bytes_max:
            raise SerializerError(
                f"value of {len(plain)} bytes; the bound is {self._bytes_max}: store less, or "
                "raise bytes_max for writers and readers alike"
            )
        packed = self._pack(plain)
        # Its tag is the one byte that it may be longer.
        return packed if len(packed) <= len(plain) else b"\x01" + plain

    def loads(self, data: bytes) -> V | None:
        """
        Return the value that *data* holds.

        Raises:
            SerializerError: If *data* is not what dumps writes for this type.
        """
        if not data:
            raise SerializerError("stored value is empty; it was not written by us")
        tag = data[0]
        try:
            if tag != _PLAIN:
                unpack = self._unpack.get(tag)
                if unpack is None:
                    raise SerializerError(_unreadable(tag))
                return self._decode(unpack(data, self._bytes_max))
            if len(data) > self._bytes_max + 1:
                raise SerializerError(f"stored value of {len(data)} bytes is over the bound")
            return self._decode(memoryview(data)[1:])
        except (ValueError, RecursionError) as error:
            raise SerializerError(f"stored value is damaged or of another type: {error}") from error


def _unreadable(tag: int) -> str:
    if tag in {ZSTD, ZSTD_DICTIONARY}:
        return "stored value was written with zstd; give compressor=Zstd(...) to read it"
    return (
        f"stored value begins with the unknown tag {tag:#04x}; it was written by "
        "something else, or by a later version"
    )
