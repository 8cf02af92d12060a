"""
The keys of a stubbed Redis: typed values, and when they expire.
"""

from __future__ import annotations

import math
from typing import Final, TypeVar

V = TypeVar("V")

Reply = object
"""None, int, float, bytes, Status, ReplyError, or a list or dict of such."""

_INT64_MAX: Final = (1 << 63) - 1
# Expired keys that nobody asks for again are swept out when there are twice as many keys
# with a time to live as after the last sweep; so few are not worth one.
_SWEEP_MIN: Final = 1_000
_CURSORS_KEPT: Final = 1_000


class Status(bytes):
    """A short word such as ``OK``, which the protocol sends in its own way."""

    __slots__ = ()


class ReplyError(Exception):
    """An answer that says what is wrong with a command."""


class HashValue(dict[bytes, bytes]):
    """Field to value, in order of arrival."""


class SetValue(dict[bytes, None]):
    """Members; a dict, because the order of a set of bytes depends on the hash seed."""


class ScoreValue(dict[bytes, float]):
    """Member to score."""


class ListValue(list[bytes]):
    """Elements from left to right."""


OK: Final = Status(b"OK")
TYPE_NAMES: Final[dict[type, bytes]] = {
    bytes: b"string",
    HashValue: b"hash",
    SetValue: b"set",
    ScoreValue: b"zset",
    ListValue: b"list",
}
WRONG_TYPE: Final = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_AN_INTEGER: Final = "ERR value is not an integer or out of range"
NOT_A_FLOAT: Final = "ERR value is not a valid float"
SYNTAX: Final = "ERR syntax error"


class Keyspace:
    """
    All keys of one database.

    Attributes:
        now_ns: The time at which commands are executed; set by whoever executes them.
        cursors: Of scans under way, and the last key that each has shown.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self.cursors: dict[int, bytes] = {}
        self._values: dict[bytes, object] = {}
        self._due_ns: dict[bytes, int] = {}
        self._sweep_above = _SWEEP_MIN

    def find(self, key: bytes) -> object:
        """Return the live value of *key*, or None."""
        value = self._values.get(key)
        if value is not None and key in self._due_ns and self._due_ns[key] <= self.now_ns:
            self.drop(key)
            return None
        return value

    def get(self, key: bytes, kind: type[V]) -> V | None:
        """Return the live value of *key*, or None; raise ReplyError if it is no *kind*."""
        value = self.find(key)
        if value is None:
            return None
        if type(value) is not kind:
            raise ReplyError(WRONG_TYPE)
        return value

    def get_or_make(self, key: bytes, kind: type[V]) -> V:
        """Return the live value of *key*, an empty one put there if there was none."""
        value = self.get(key, kind)
        if value is None:
            value = kind()
            self.put(key, value)
        return value

    def put(self, key: bytes, value: object, due_ns: int | None = None) -> None:
        """Let *key* be *value* until *due_ns*; None: for ever."""
        self._values[key] = value
        if due_ns is None:
            self._due_ns.pop(key, None)
        else:
            self._due_ns[key] = due_ns
            if len(self._due_ns) > self._sweep_above:
                self._sweep()

    def replace(self, key: bytes, value: object) -> None:
        """Let *key* be *value*, and expire when it would have."""
        self._values[key] = value

    def drop(self, key: bytes) -> bool:
        """Remove *key*; return whether it was there."""
        self._due_ns.pop(key, None)
        return self._values.pop(key, None) is not None

    def drop_if_empty(self, key: bytes, value: object) -> None:
        """Remove *key* if *value*, its value, holds nothing any more."""
        if not value:
            self.drop(key)

    def due_ns(self, key: bytes) -> int | None:
        """Return when *key*, which is live, expires; None: never."""
        return self._due_ns.get(key)

    def expire(self, key: bytes, due_ns: int | None) -> None:
        """Let *key*, which is live, expire at *due_ns*; None: never."""
        if due_ns is None:
            self._due_ns.pop(key, None)
        elif due_ns <= self.now_ns:
            self.drop(key)
        else:
            self._due_ns[key] = due_ns

    def names(self) -> list[bytes]:
        """Return the live keys, in order of arrival."""
        self._sweep()
        return list(self._values)

    def cursor_after(self, key: bytes) -> int:
        """Return a cursor that goes on after *key*, whatever is removed meanwhile."""
        cursor = next(reversed(self.cursors), 0) + 1
        self.cursors[cursor] = key
        if len(self.cursors) > _CURSORS_KEPT:
            # A scan that was given up leaves its last cursor behind.
            del self.cursors[next(iter(self.cursors))]
        return cursor

    def clear(self) -> None:
        """Remove all keys."""
        self._values.clear()
        self._due_ns.clear()

    def _sweep(self) -> None:
        now_ns = self.now_ns
        for key in [key for key, due_ns in self._due_ns.items() if due_ns <= now_ns]:
            self.drop(key)
        self._sweep_above = max(_SWEEP_MIN, 2 * len(self._due_ns))


def integer(field: bytes) -> int:
    """Return *field* as Redis reads an integer; raise ReplyError if it is none of 64 bits."""
    try:
        value = int(field)
    except ValueError:
        raise ReplyError(NOT_AN_INTEGER) from None
    if b"%d" % value != field or not -_INT64_MAX - 1 <= value <= _INT64_MAX:
        raise ReplyError(NOT_AN_INTEGER)
    return value


def number(field: bytes) -> float:
    """Return *field* as Redis reads a float; raise ReplyError if it is none."""
    try:
        value = float(field)
    except ValueError:
        raise ReplyError(NOT_A_FLOAT) from None
    if math.isnan(value):
        raise ReplyError(NOT_A_FLOAT)
    return value


def checked_sum(value: int, amount: int) -> int:
    """Return the sum; raise ReplyError if 64 bits do not hold it."""
    total = value + amount
    if not -_INT64_MAX - 1 <= total <= _INT64_MAX:
        raise ReplyError("ERR increment or decrement would overflow")
    return total


def span(start: int, stop: int, length: int) -> slice:
    """Return the slice from *start* to *stop*, both included, negative from the end."""
    low = max(0, start + length if start < 0 else start)
    high = stop + length if stop < 0 else stop
    return slice(low, max(low, high + 1))
