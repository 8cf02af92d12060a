"""
How an entry in a store remembers its tags: with the generation that each had.

A tag is invalidated by giving it another generation. Entries of the old one are then
dead, however many there are, without anybody looking for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from agent_perf.components.errors import SerializerError

TAGGED: Final = b"\x10"
"""The first byte of an entry with tags."""

_LENGTH_BYTES: Final = 2
_HEAD_BYTES_MAX: Final = 0xFFFF
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def wrap(data: bytes, generations: Mapping[str, bytes]) -> bytes:
    """
    Return *data* with the *generations* of its tags before it; as it is if there are none.

    Raises:
        SerializerError: If the tags take more than 64 KiB.
    """
    if not generations:
        return data
    head = _encode(generations)
    if len(head) > _HEAD_BYTES_MAX:
        raise SerializerError(f"{len(generations)} tags take {len(head)} bytes; use fewer")
    return TAGGED + len(head).to_bytes(_LENGTH_BYTES, "big") + head + data


def unwrap(stored: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    """
    Return what was wrapped, and the generations its tags had then.

    Raises:
        SerializerError: If the head is damaged.
    """
    if not stored.startswith(TAGGED):
        return stored, {}
    start = 1 + _LENGTH_BYTES
    end = start + int.from_bytes(stored[1:start], "big")
    try:
        return stored[end:], _decode(stored[start:end])
    except ValueError as error:
        raise SerializerError(f"stored tags are damaged: {error}") from error


def is_alive(then: Mapping[str, bytes], now: Mapping[str, bytes | None]) -> bool:
    """
    Return whether every tag still has the generation that it had *then*.

    A generation that the store has lost makes an entry dead: better a miss than an
    invalidated value come back to life.
    """
    return all(now.get(tag) == generation for tag, generation in then.items())
