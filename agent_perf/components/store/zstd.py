"""
zstd, with a dictionary if there is one: small values alike in shape shrink to a third.

Needs the extra ``zstd``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final

import msgspec
import zstandard

from agent_perf.components.errors import SerializerError
from agent_perf.components.store.compression import ZSTD, ZSTD_DICTIONARY, Unpack
from agent_perf.errors import ConfigError
from agent_perf.units import KIB

# The dictionary's own id is a random number that two may share, and a raw one has none.
_ID_BYTES: Final = 4
_SAMPLES_MIN: Final = 10
_encode = msgspec.msgpack.Encoder().encode


class Zstd:
    """
    Smaller than lz4, and dearer: 10 µs for 2 KB and 4 back, 6 and 4 with a dictionary.

    Args:
        dictionary: What train_dictionary made of values like those to come; None for none.
        older: Dictionaries that values still in the store were written with.
        level: 1 to 22; more is smaller and slower.

    Raises:
        ConfigError: If *level* is out of range.

    Example::

        serializer = Serializer(Answer, compressor=Zstd(dictionary=train_dictionary(answers)))
    """

    def __init__(
        self, *, dictionary: bytes | None = None, older: Iterable[bytes] = (), level: int = 1
    ) -> None:
        if not 1 <= level <= zstandard.MAX_COMPRESSION_LEVEL:
            raise ConfigError(f"level={level}; want 1 to {zstandard.MAX_COMPRESSION_LEVEL}")
        self.readers: Mapping[int, Unpack] = {
            ZSTD: self._unpack_plain,
            ZSTD_DICTIONARY: self._unpack_with_dictionary,
        }
        dictionaries = [*older] if dictionary is None else [dictionary, *older]
        known = {_identity(data): zstandard.ZstdCompressionDict(data) for data in dictionaries}
        self._head = b"\x03"
        own = None
        if dictionary is not None:
            identity = _identity(dictionary)
            self._head = b"\x04" + identity
            own = known[identity]
            own.precompute_compress(level=level)
        self._contexts = _Contexts(level, own, known)

    def pack(self, plain: bytes) -> bytes:
        """Return *plain* compressed, behind its tag and the dictionary's identity."""
        return self._head + self._contexts.compressor.compress(plain)

    def _unpack_plain(self, data: bytes, bytes_max: int) -> bytes:
        return _unpack(self._contexts.plain, memoryview(data)[1:], bytes_max)

    def _unpack_with_dictionary(self, data: bytes, bytes_max: int) -> bytes:
        identity = data[1 : 1 + _ID_BYTES]
        decompressor = self._contexts.by_dictionary.get(identity)
        if decompressor is None:
            raise SerializerError(
                f"stored value was written with the unknown dictionary {identity.hex()}; give "
                "it in Zstd(older=...) to read it"
            )
        return _unpack(decompressor, memoryview(data)[1 + _ID_BYTES :], bytes_max)


def train_dictionary(samples: Iterable[object], *, size_bytes: int = 64 * KIB) -> bytes:
    """
    Return a dictionary for values that are like *samples*.

    Keep it with the program, not in the store: without it nothing can be read.

    Args:
        samples: Values as they will be stored, 10 or more; some thousands are better,
            together about a hundred times *size_bytes*.
        size_bytes: Its length at most, >= 256.

    Raises:
        ConfigError: If there are too few samples, or they have nothing in common.
    """
    if size_bytes < 256:
        raise ConfigError(f"size_bytes={size_bytes}; want >= 256")
    written: list[bytes | bytearray | memoryview]
    written = [_encode(sample) for sample in samples]
    if len(written) < _SAMPLES_MIN:
        raise ConfigError(f"{len(written)} samples; want at least {_SAMPLES_MIN}")
    try:
        return zstandard.train_dictionary(size_bytes, written).as_bytes()
    except zstandard.ZstdError as error:
        raise ConfigError(
            f"cannot train a dictionary of {size_bytes} bytes from {len(written)} samples of "
            f"{sum(map(len, written))} bytes together: {error}; give more, or more different ones"
        ) from error


class _Contexts(threading.local):
    """The contexts of one thread: zstd's must not be used by two at once."""

    def __init__(
        self,
        level: int,
        own: zstandard.ZstdCompressionDict | None,
        known: Mapping[bytes, zstandard.ZstdCompressionDict],
    ) -> None:
        # The length is written by default, and asked for when reading.
        self.compressor = zstandard.ZstdCompressor(
            level=level, dict_data=own, write_dict_id=False, write_checksum=False
        )
        self.plain = zstandard.ZstdDecompressor()
        self.by_dictionary = {
            identity: zstandard.ZstdDecompressor(dict_data=data) for identity, data in known.items()
        }


def _unpack(decompressor: zstandard.ZstdDecompressor, frame: memoryview, bytes_max: int) -> bytes:
    try:
        length = zstandard.frame_content_size(frame)
        # -1: the frame does not say, so we did not write it.
        if not 0 <= length <= bytes_max:
            raise SerializerError(f"stored value claims {length} bytes; the bound is {bytes_max}")
        return decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise SerializerError(f"stored value is damaged: {error}") from error


def _identity(dictionary: bytes) -> bytes:
    return blake2b(dictionary, digest_size=_ID_BYTES).digest()
