"""
The bytes between a Redis client and its server: RESP2 and RESP3, and what they mean.

Source: Redis documentation, "Redis serialization protocol specification".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

from fakeredis._helpers import SimpleError, SimpleString

_CONTAINERS: Final = frozenset(
    {"ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "FUNCTION", "LATENCY", "MEMORY"}
    | {"MODULE", "OBJECT", "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO"}
)
_LOOKUPS: Final = frozenset({"GET", "GETDEL", "GETEX", "HGET"})
_LOOKUPS_OF_MANY: Final = frozenset({"HMGET", "MGET"})
_INT64_MAX: Final = (1 << 63) - 1


def command_name(fields: Sequence[bytes]) -> str:
    """Return the name of the command in *fields*: ``GET``, ``CLIENT SETINFO``."""
    name = _upper(fields[0])
    if name in _CONTAINERS and len(fields) > 1:
        return f"{name} {_upper(fields[1])}"
    return name


def batch_name(names: Sequence[str]) -> str:
    """Return what to call a write of several commands: ``PIPELINE GET,SET``."""
    return "PIPELINE " + ",".join(dict.fromkeys(names))


def lookups(name: str, reply: object) -> tuple[int, int]:
    """Return how many values the command *name* found and missed; (0, 0) for others."""
    if name in _LOOKUPS:
        return (0, 1) if reply is None else (0, 0) if _is_error(reply) else (1, 0)
    if name in _LOOKUPS_OF_MANY and isinstance(reply, list):
        misses = reply.count(None)
        return len(reply) - misses, misses
    return 0, 0


def encode(value: object, protocol: int) -> bytes:
    """
    Return *value* in RESP2 or RESP3.

    Args:
        value: An answer of fakeredis, in the shape that *protocol* asks for.
        protocol: 2 or 3.
    """
    if type(value) is bytes:
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if value is None:
        return b"_\r\n" if protocol == 3 else b"$-1\r\n"
    if type(value) is int:
        return _encode_int(value, protocol)
    if isinstance(value, SimpleString):
        return b"+%b\r\n" % value.value
    if isinstance(value, SimpleError):
        return b"-%b\r\n" % value.value.replace("\r", " ").replace("\n", " ").encode()
    if isinstance(value, (list, tuple)):
        parts = [encode(item, protocol) for item in value]
        return b"*%d\r\n%b" % (len(parts), b"".join(parts))
    return _encode_rare(value, protocol)


def encode_push(message: Sequence[object], protocol: int) -> bytes:
    """Return a message that no command asked for: of pub/sub, or of invalidation."""
    kind = b">" if protocol == 3 else b"*"
    parts = [encode(item, protocol) for item in message]
    return b"%b%d\r\n%b" % (kind, len(parts), b"".join(parts))


def _encode_int(value: int, protocol: int) -> bytes:
    if -_INT64_MAX - 1 <= value <= _INT64_MAX:
        return b":%d\r\n" % value
    return b"(%d\r\n" % value if protocol == 3 else encode(b"%d" % value, protocol)


def _encode_rare(value: object, protocol: int) -> bytes:
    if isinstance(value, bool):
        if protocol == 3:
            return b"#t\r\n" if value else b"#f\r\n"
        return b":%d\r\n" % value
    if isinstance(value, float):
        digits = repr(value).removesuffix(".0").encode()
        return b",%b\r\n" % digits if protocol == 3 else encode(digits, protocol)
    if isinstance(value, str):
        return encode(value.encode(), protocol)
    if isinstance(value, Mapping):
        parts = [encode(item, protocol) for pair in value.items() for item in pair]
        head = b"%%%d\r\n" % len(value) if protocol == 3 else b"*%d\r\n" % len(parts)
        return head + b"".join(parts)
    raise TypeError(f"fakeredis answered {value!r}, which RESP{protocol} cannot carry")


def _is_error(reply: object) -> bool:
    return isinstance(reply, SimpleError)


@cache
def _upper(word: bytes) -> str:
    return word.decode("utf-8", "replace").upper()
