"""
What a stubbed Redis does with keys and strings.

Each function takes the keyspace and a command's fields, its name the first of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from agent_perf.sim.stubs.globs import compiled_glob
from agent_perf.sim.stubs.redis_values import (
    OK,
    SYNTAX,
    TYPE_NAMES,
    Keyspace,
    Reply,
    ReplyError,
    Status,
    checked_sum,
    integer,
)

Fields = Sequence[bytes]

_MS: Final = 1_000_000
_S: Final = 1_000 * _MS
_UNITS: Final = {b"EX": _S, b"PX": _MS, b"EXAT": _S, b"PXAT": _MS}


def get(keys: Keyspace, fields: Fields) -> Reply:
    """GET key."""
    return keys.get(fields[1], bytes)


def mget(keys: Keyspace, fields: Fields) -> Reply:
    """MGET key...: what is no string is answered like what is not there."""
    found = [keys.find(key) for key in fields[1:]]
    return [value if type(value) is bytes else None for value in found]


def set_(keys: Keyspace, fields: Fields) -> Reply:
    """SET key value with EX, PX, NX, XX, KEEPTTL and GET."""
    key, value = fields[1], fields[2]
    if len(fields) == 3:
        keys.put(key, value)
        return OK
    due_ns, words = _set_options(keys, fields[3:], "set")
    before = keys.get(key, bytes) if b"GET" in words else keys.find(key)
    if (b"NX" in words and before is not None) or (b"XX" in words and before is None):
        return before if b"GET" in words else None
    if b"KEEPTTL" in words and before is not None:
        keys.replace(key, value)
    else:
        keys.put(key, value, due_ns)
    return before if b"GET" in words else OK


def setex(keys: Keyspace, fields: Fields) -> Reply:
    """SETEX key seconds value."""
    keys.put(fields[1], fields[3], keys.now_ns + _positive(fields[2], "setex") * _S)
    return OK


def psetex(keys: Keyspace, fields: Fields) -> Reply:
    """PSETEX key milliseconds value."""
    keys.put(fields[1], fields[3], keys.now_ns + _positive(fields[2], "psetex") * _MS)
    return OK


def setnx(keys: Keyspace, fields: Fields) -> Reply:
    """SETNX key value."""
    if keys.find(fields[1]) is not None:
        return 0
    keys.put(fields[1], fields[2])
    return 1


def mset(keys: Keyspace, fields: Fields) -> Reply:
    """MSET key value..."""
    if len(fields) % 2 == 0:
        raise ReplyError("ERR wrong number of arguments for 'mset' command")
    for key, value in zip(fields[1::2], fields[2::2], strict=True):
        keys.put(key, value)
    return OK


def getset(keys: Keyspace, fields: Fields) -> Reply:
    """GETSET key value."""
    before = keys.get(fields[1], bytes)
    keys.put(fields[1], fields[2])
    return before


def getdel(keys: Keyspace, fields: Fields) -> Reply:
    """GETDEL key."""
    value = keys.get(fields[1], bytes)
    if value is not None:
        keys.drop(fields[1])
    return value


def append(keys: Keyspace, fields: Fields) -> Reply:
    """APPEND key value."""
    value = (keys.get(fields[1], bytes) or b"") + fields[2]
    keys.replace(fields[1], value)
    return len(value)


def strlen(keys: Keyspace, fields: Fields) -> Reply:
    """STRLEN key."""
    return len(keys.get(fields[1], bytes) or b"")


def incr(keys: Keyspace, fields: Fields) -> Reply:
    """INCR key."""
    return _add(keys, fields[1], 1)


def incrby(keys: Keyspace, fields: Fields) -> Reply:
    """INCRBY key amount."""
    return _add(keys, fields[1], integer(fields[2]))


def decr(keys: Keyspace, fields: Fields) -> Reply:
    """DECR key."""
    return _add(keys, fields[1], -1)


def decrby(keys: Keyspace, fields: Fields) -> Reply:
    """DECRBY key amount."""
    return _add(keys, fields[1], -integer(fields[2]))


def delete(keys: Keyspace, fields: Fields) -> Reply:
    """DEL and UNLINK key..."""
    return sum([keys.find(key) is not None and keys.drop(key) for key in fields[1:]])


def exists(keys: Keyspace, fields: Fields) -> Reply:
    """EXISTS and TOUCH key..., each as often as it is named."""
    return sum([keys.find(key) is not None for key in fields[1:]])


def type_(keys: Keyspace, fields: Fields) -> Reply:
    """TYPE key."""
    value = keys.find(fields[1])
    return Status(b"none" if value is None else TYPE_NAMES[type(value)])


def expire(keys: Keyspace, fields: Fields) -> Reply:
    """EXPIRE key seconds."""
    return _expire(keys, fields, _S)


def pexpire(keys: Keyspace, fields: Fields) -> Reply:
    """PEXPIRE key milliseconds."""
    return _expire(keys, fields, _MS)


def persist(keys: Keyspace, fields: Fields) -> Reply:
    """PERSIST key."""
    if keys.find(fields[1]) is None or keys.due_ns(fields[1]) is None:
        return 0
    keys.expire(fields[1], None)
    return 1


def ttl(keys: Keyspace, fields: Fields) -> Reply:
    """TTL key, in seconds, rounded up."""
    return _ttl(keys, fields[1], _S)


def pttl(keys: Keyspace, fields: Fields) -> Reply:
    """PTTL key, in milliseconds, rounded up."""
    return _ttl(keys, fields[1], _MS)


def keys_(keys: Keyspace, fields: Fields) -> Reply:
    """KEYS pattern, in order of arrival."""
    matches = compiled_glob(fields[1]).match
    return [key for key in keys.names() if matches(key)]


def scan(keys: Keyspace, fields: Fields) -> Reply:
    """SCAN cursor with MATCH and COUNT, in the order of the keys."""
    cursor, words = integer(fields[1]), fields[2:]
    options = dict(zip(map(bytes.upper, words[::2]), words[1::2], strict=False))
    count = integer(options.get(b"COUNT", b"10"))
    if len(words) % 2 or options.keys() - {b"MATCH", b"COUNT"} or count < 1:
        raise ReplyError(SYNTAX)
    names = sorted(keys.names())
    start = bisect_right(names, keys.cursors.get(cursor, b"")) if cursor else 0
    page = names[start : start + count]
    matches = compiled_glob(options.get(b"MATCH", b"*")).match
    following = keys.cursor_after(page[-1]) if start + len(page) < len(names) else 0
    return [b"%d" % following, [key for key in page if matches(key)]]


def dbsize(keys: Keyspace, fields: Fields) -> Reply:
    """DBSIZE."""
    return len(keys.names())


def flush(keys: Keyspace, fields: Fields) -> Reply:
    """FLUSHDB and FLUSHALL."""
    keys.clear()
    return OK


def ping(keys: Keyspace, fields: Fields) -> Reply:
    """PING, with or without a message."""
    return fields[1] if len(fields) > 1 else Status(b"PONG")


def echo(keys: Keyspace, fields: Fields) -> Reply:
    """ECHO message."""
    return fields[1]


def _add(keys: Keyspace, key: bytes, amount: int) -> int:
    value = keys.get(key, bytes)
    total = checked_sum(integer(b"0" if value is None else value), amount)
    keys.replace(key, b"%d" % total)
    return total


def _set_options(keys: Keyspace, fields: Fields, name: str) -> tuple[int | None, set[bytes]]:
    due_ns, words, rest = None, set[bytes](), iter(fields)
    for field in rest:
        word = field.upper()
        if word in _UNITS:
            amount = _positive(next(rest, b""), name)
            if word.endswith(b"AT"):
                raise ReplyError(f"ERR {word.decode()} is not in the stub")
            due_ns = keys.now_ns + amount * _UNITS[word]
        elif word in {b"NX", b"XX", b"KEEPTTL", b"GET"}:
            words.add(word)
        else:
            raise ReplyError(SYNTAX)
    if {b"NX", b"XX"} <= words or (due_ns is not None and b"KEEPTTL" in words):
        raise ReplyError(SYNTAX)
    return due_ns, words


def _positive(field: bytes, name: str) -> int:
    value = integer(field)
    if value <= 0:
        raise ReplyError(f"ERR invalid expire time in {name}")
    return value


def _expire(keys: Keyspace, fields: Fields, unit_ns: int) -> int:
    key, amount = fields[1], integer(fields[2])
    if keys.find(key) is None:
        return 0
    due_ns, before_ns = keys.now_ns + amount * unit_ns, keys.due_ns(key)
    for word in map(bytes.upper, fields[3:]):
        match word:
            case b"NX":
                allowed = before_ns is None
            case b"XX":
                allowed = before_ns is not None
            case b"GT":
                allowed = before_ns is not None and due_ns > before_ns
            case b"LT":
                allowed = before_ns is None or due_ns < before_ns
            case _:
                raise ReplyError(f"ERR Unsupported option {word.decode()}")
        if not allowed:
            return 0
    keys.expire(key, due_ns)
    return 1


def _ttl(keys: Keyspace, key: bytes, unit_ns: int) -> int:
    if keys.find(key) is None:
        return -2
    due_ns = keys.due_ns(key)
    return -1 if due_ns is None else -(-(due_ns - keys.now_ns) // unit_ns)
