"""
What a stubbed Redis does with hashes, lists, sets and sorted sets.

Each function takes the keyspace and a command's fields, its name the first of them.
"""

from __future__ import annotations

from typing import TypeVar

from agent_perf.sim.stubs.redis_keys import Fields
from agent_perf.sim.stubs.redis_values import (
    OK,
    HashValue,
    Keyspace,
    ListValue,
    Reply,
    ReplyError,
    ScoreValue,
    SetValue,
    checked_sum,
    integer,
    number,
    span,
)

V = TypeVar("V")


def hset(keys: Keyspace, fields: Fields) -> Reply:
    """HSET and HMSET key field value..."""
    if len(fields) % 2:
        name = fields[0].decode().lower()
        raise ReplyError(f"ERR wrong number of arguments for '{name}' command")
    value = keys.get_or_make(fields[1], HashValue)
    before = len(value)
    value.update(zip(fields[2::2], fields[3::2], strict=True))
    return OK if fields[0] == b"HMSET" else len(value) - before


def hget(keys: Keyspace, fields: Fields) -> Reply:
    """HGET key field."""
    value = keys.get(fields[1], HashValue)
    return None if value is None else value.get(fields[2])


def hmget(keys: Keyspace, fields: Fields) -> Reply:
    """HMGET key field..."""
    value = _held(keys, fields[1], HashValue)
    return [value.get(field) for field in fields[2:]]


def hgetall(keys: Keyspace, fields: Fields) -> Reply:
    """HGETALL key."""
    return dict(_held(keys, fields[1], HashValue))


def hdel(keys: Keyspace, fields: Fields) -> Reply:
    """HDEL key field..."""
    return _remove(keys, fields, HashValue)


def hexists(keys: Keyspace, fields: Fields) -> Reply:
    """HEXISTS key field."""
    return int(fields[2] in _held(keys, fields[1], HashValue))


def hlen(keys: Keyspace, fields: Fields) -> Reply:
    """HLEN key."""
    return len(_held(keys, fields[1], HashValue))


def hkeys(keys: Keyspace, fields: Fields) -> Reply:
    """HKEYS key."""
    return list(_held(keys, fields[1], HashValue))


def hvals(keys: Keyspace, fields: Fields) -> Reply:
    """HVALS key."""
    return list(_held(keys, fields[1], HashValue).values())


def hincrby(keys: Keyspace, fields: Fields) -> Reply:
    """HINCRBY key field amount."""
    amount = integer(fields[3])
    value = _held(keys, fields[1], HashValue)
    try:
        total = checked_sum(integer(value.get(fields[2], b"0")), amount)
    except ReplyError as error:
        if "overflow" in str(error):
            raise
        raise ReplyError("ERR hash value is not an integer") from None
    keys.get_or_make(fields[1], HashValue)[fields[2]] = b"%d" % total
    return total


def lpush(keys: Keyspace, fields: Fields) -> Reply:
    """LPUSH key element..."""
    value = keys.get_or_make(fields[1], ListValue)
    value[:0] = reversed(fields[2:])
    return len(value)


def rpush(keys: Keyspace, fields: Fields) -> Reply:
    """RPUSH key element..."""
    value = keys.get_or_make(fields[1], ListValue)
    value.extend(fields[2:])
    return len(value)


def lpop(keys: Keyspace, fields: Fields) -> Reply:
    """LPOP key, with or without a count."""
    return _pop(keys, fields, from_left=True)


def rpop(keys: Keyspace, fields: Fields) -> Reply:
    """RPOP key, with or without a count."""
    return _pop(keys, fields, from_left=False)


def llen(keys: Keyspace, fields: Fields) -> Reply:
    """LLEN key."""
    return len(_held(keys, fields[1], ListValue))


def lrange(keys: Keyspace, fields: Fields) -> Reply:
    """LRANGE key start stop."""
    start, stop = integer(fields[2]), integer(fields[3])
    value = _held(keys, fields[1], ListValue)
    return list(value[span(start, stop, len(value))])


def ltrim(keys: Keyspace, fields: Fields) -> Reply:
    """LTRIM key start stop."""
    start, stop = integer(fields[2]), integer(fields[3])
    value = keys.get(fields[1], ListValue)
    if value is not None:
        value[:] = value[span(start, stop, len(value))]
        keys.drop_if_empty(fields[1], value)
    return OK


def lindex(keys: Keyspace, fields: Fields) -> Reply:
    """LINDEX key index."""
    index = integer(fields[2])
    value = _held(keys, fields[1], ListValue)
    return value[index] if -len(value) <= index < len(value) else None


def sadd(keys: Keyspace, fields: Fields) -> Reply:
    """SADD key member..."""
    value = keys.get_or_make(fields[1], SetValue)
    before = len(value)
    value.update(dict.fromkeys(fields[2:]))
    return len(value) - before


def srem(keys: Keyspace, fields: Fields) -> Reply:
    """SREM key member..."""
    return _remove(keys, fields, SetValue)


def smembers(keys: Keyspace, fields: Fields) -> Reply:
    """SMEMBERS key, in order."""
    return sorted(_held(keys, fields[1], SetValue))


def sismember(keys: Keyspace, fields: Fields) -> Reply:
    """SISMEMBER key member."""
    return int(fields[2] in _held(keys, fields[1], SetValue))


def scard(keys: Keyspace, fields: Fields) -> Reply:
    """SCARD key."""
    return len(_held(keys, fields[1], SetValue))


def zadd(keys: Keyspace, fields: Fields) -> Reply:
    """ZADD key score member..., without options."""
    if len(fields) % 2:
        raise ReplyError("ERR syntax error")
    pairs = [(fields[i + 1], number(fields[i])) for i in range(2, len(fields), 2)]
    value = keys.get_or_make(fields[1], ScoreValue)
    before = len(value)
    value.update(pairs)
    return len(value) - before


def zincrby(keys: Keyspace, fields: Fields) -> Reply:
    """ZINCRBY key amount member."""
    amount = number(fields[2])
    value = keys.get_or_make(fields[1], ScoreValue)
    value[fields[3]] = value.get(fields[3], 0.0) + amount
    return value[fields[3]]


def zscore(keys: Keyspace, fields: Fields) -> Reply:
    """ZSCORE key member."""
    return _held(keys, fields[1], ScoreValue).get(fields[2])


def zcard(keys: Keyspace, fields: Fields) -> Reply:
    """ZCARD key."""
    return len(_held(keys, fields[1], ScoreValue))


def zrem(keys: Keyspace, fields: Fields) -> Reply:
    """ZREM key member..."""
    return _remove(keys, fields, ScoreValue)


def zrange(keys: Keyspace, fields: Fields) -> Reply:
    """ZRANGE and ZREVRANGE key start stop, WITHSCORES or not."""
    start, stop = integer(fields[2]), integer(fields[3])
    options = set(map(bytes.upper, fields[4:]))
    if options - {b"WITHSCORES", b"REV"}:
        raise ReplyError("ERR this form of ZRANGE is not in the stub")
    value = _held(keys, fields[1], ScoreValue)
    ordered = sorted(value.items(), key=lambda pair: (pair[1], pair[0]))
    if fields[0] == b"ZREVRANGE" or b"REV" in options:
        ordered.reverse()
    chosen = ordered[span(start, stop, len(ordered))]
    if b"WITHSCORES" in options:
        return [list(pair) for pair in chosen]
    return [member for member, _ in chosen]


def _held(keys: Keyspace, key: bytes, kind: type[V]) -> V:
    """Return the value of *key*; if there is none an empty one, which is not put there."""
    value = keys.get(key, kind)
    return kind() if value is None else value


def _remove(keys: Keyspace, fields: Fields, kind: type[HashValue | SetValue | ScoreValue]) -> int:
    value = keys.get(fields[1], kind)
    if value is None:
        return 0
    before = len(value)
    for member in fields[2:]:
        value.pop(member, None)
    keys.drop_if_empty(fields[1], value)
    return before - len(value)


def _pop(keys: Keyspace, fields: Fields, *, from_left: bool) -> Reply:
    count = integer(fields[2]) if len(fields) > 2 else None
    if count is not None and count < 0:
        raise ReplyError("ERR value is out of range, must be positive")
    value = keys.get(fields[1], ListValue)
    if value is None:
        return None
    if count == 0:
        return []
    taken = value[: count or 1] if from_left else value[-(count or 1) :][::-1]
    if from_left:
        del value[: len(taken)]
    else:
        del value[len(value) - len(taken) :]
    keys.drop_if_empty(fields[1], value)
    return taken[0] if count is None else list(taken)
