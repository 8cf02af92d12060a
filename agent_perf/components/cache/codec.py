"""
How values become bytes for a cache that keeps bytes.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from agent_perf.components.errors import SerializerError

V = TypeVar("V")


class Codec(Protocol[V]):
    """How values become bytes and values again: a Serializer is one."""

    def dumps(self, value: V) -> bytes:
        """Return *value* as bytes."""

    def loads(self, data: bytes) -> V:
        """Return the value; raise SerializerError if *data* is none."""


class PlainBytes:
    """A Codec of bytes as they are."""

    def dumps(self, value: bytes) -> bytes:
        """Return *value*; raise SerializerError if it is not bytes."""
        if not isinstance(value, bytes):
            raise SerializerError(
                f"a value of type {type(value).__qualname__}; want bytes, or give serializer="
            )
        return value

    def loads(self, data: bytes) -> bytes:
        """Return *data*."""
        return data
