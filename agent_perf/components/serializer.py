"""
Values to bytes and back: msgpack behind a tag byte, lz4 where it pays.

Bytes from a store are not trusted: an unknown tag, damage, a length beyond the bound
or a value of another type is refused, and nothing in them is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import lz4.block
import msgspec

from agent_perf.components.errors import SerializerError
from agent_perf.errors import ConfigError
from agent_perf.units import KIB, MIB

V = TypeVar("V")

_PLAIN: Final = 0x01
_LZ4: Final = 0x02
# lz4.block writes the length of the content before it, little-endian.
_LENGTH_BYTES: Final = 4


class Serializer(Generic[V]):
    """
    Writes and reads values of one type, or None.

    Args:
        kind: Type of the values: ``dict``, ``list[int]``, a dataclass, a msgspec Struct...
            What is read is checked against it.
        compress_bytes_min: Compress what is longer than this when written plainly.
        bytes_max: Longest plain form that is written or read, >= 1.

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
    ) -> None:
        if not 0 <= compress_bytes_min <= bytes_max:
            raise ConfigError(
                f"compress_bytes_min={compress_bytes_min}, bytes_max={bytes_max}; "
                "want 0 <= compress_bytes_min <= bytes_max"
            )
        self._compress_bytes_min = compress_bytes_min
        self._bytes_max = bytes_max
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes | memoryview], V | None]
        self._decode = msgspec.msgpack.Decoder(kind | None).decode

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
        packed: bytes = lz4.block.compress(plain)
        return b"\x02" + packed if len(packed) < len(plain) else b"\x01" + plain

    def loads(self, data: bytes) -> V | None:
        """
        Return the value that *data* holds.

        Raises:
            SerializerError: If *data* is not what dumps writes for this type.
        """
        try:
            if data[0] == _PLAIN:
                if len(data) > self._bytes_max + 1:
                    raise SerializerError(f"stored value of {len(data)} bytes is over the bound")
                return self._decode(memoryview(data)[1:])
            if data[0] == _LZ4:
                return self._decode(self._unpack(data))
        except (ValueError, RecursionError, lz4.block.LZ4BlockError) as error:
            raise SerializerError(f"stored value is damaged or of another type: {error}") from error
        except IndexError:
            raise SerializerError("stored value is empty; it was not written by us") from None
        raise SerializerError(
            f"stored value begins with the unknown tag {data[0]:#04x}; it was written by "
            "something else, or by a later version"
        )

    def _unpack(self, data: bytes) -> bytes:
        # The length stands in the data, where anybody may have written it: look before
        # lz4 allocates it.
        length = int.from_bytes(data[1 : 1 + _LENGTH_BYTES], "little")
        if length > self._bytes_max:
            raise SerializerError(
                f"stored value claims {length} bytes; the bound is {self._bytes_max}"
            )
        content: bytes = lz4.block.decompress(memoryview(data)[1:])
        return content
