"""
The commands that a stubbed Redis knows, and what they weigh on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent_perf.sim.request import Witness
from agent_perf.sim.services.redis_wire import lookups
from agent_perf.sim.stubs import redis_collections as collections
from agent_perf.sim.stubs import redis_keys as basics
from agent_perf.sim.stubs.redis_values import OK, Keyspace, Reply, ReplyError, Status

Command = tuple[str, Sequence[bytes]]
"""Its name, in capitals, and its fields."""

Function = Callable[[Keyspace, Sequence[bytes]], Reply]

# Function, and how many fields it wants, its name included: at least, and at most if limited.
COMMANDS: Final[dict[str, tuple[Function, int, int | None]]] = {
    "APPEND": (basics.append, 3, 3),
    "DBSIZE": (basics.dbsize, 1, 1),
    "DECR": (basics.decr, 2, 2),
    "DECRBY": (basics.decrby, 3, 3),
    "DEL": (basics.delete, 2, None),
    "ECHO": (basics.echo, 2, 2),
    "EXISTS": (basics.exists, 2, None),
    "EXPIRE": (basics.expire, 3, 4),
    "FLUSHALL": (basics.flush, 1, 2),
    "FLUSHDB": (basics.flush, 1, 2),
    "GET": (basics.get, 2, 2),
    "GETDEL": (basics.getdel, 2, 2),
    "GETSET": (basics.getset, 3, 3),
    "HDEL": (collections.hdel, 3, None),
    "HEXISTS": (collections.hexists, 3, 3),
    "HGET": (collections.hget, 3, 3),
    "HGETALL": (collections.hgetall, 2, 2),
    "HINCRBY": (collections.hincrby, 4, 4),
    "HKEYS": (collections.hkeys, 2, 2),
    "HLEN": (collections.hlen, 2, 2),
    "HMGET": (collections.hmget, 3, None),
    "HMSET": (collections.hset, 4, None),
    "HSET": (collections.hset, 4, None),
    "HVALS": (collections.hvals, 2, 2),
    "INCR": (basics.incr, 2, 2),
    "INCRBY": (basics.incrby, 3, 3),
    "KEYS": (basics.keys_, 2, 2),
    "LINDEX": (collections.lindex, 3, 3),
    "LLEN": (collections.llen, 2, 2),
    "LPOP": (collections.lpop, 2, 3),
    "LPUSH": (collections.lpush, 3, None),
    "LRANGE": (collections.lrange, 4, 4),
    "LTRIM": (collections.ltrim, 4, 4),
    "MGET": (basics.mget, 2, None),
    "MSET": (basics.mset, 3, None),
    "PERSIST": (basics.persist, 2, 2),
    "PEXPIRE": (basics.pexpire, 3, 4),
    "PING": (basics.ping, 1, 2),
    "PSETEX": (basics.psetex, 4, 4),
    "PTTL": (basics.pttl, 2, 2),
    "RPOP": (collections.rpop, 2, 3),
    "RPUSH": (collections.rpush, 3, None),
    "SADD": (collections.sadd, 3, None),
    "SCAN": (basics.scan, 2, None),
    "SCARD": (collections.scard, 2, 2),
    "SET": (basics.set_, 3, None),
    "SETEX": (basics.setex, 4, 4),
    "SETNX": (basics.setnx, 3, 3),
    "SISMEMBER": (collections.sismember, 3, 3),
    "SMEMBERS": (collections.smembers, 2, 2),
    "SREM": (collections.srem, 3, None),
    "STRLEN": (basics.strlen, 2, 2),
    "TOUCH": (basics.exists, 2, None),
    "TTL": (basics.ttl, 2, 2),
    "TYPE": (basics.type_, 2, 2),
    "UNLINK": (basics.delete, 2, None),
    "ZADD": (collections.zadd, 4, None),
    "ZCARD": (collections.zcard, 2, 2),
    "ZINCRBY": (collections.zincrby, 4, 4),
    "ZRANGE": (collections.zrange, 4, None),
    "ZREM": (collections.zrem, 3, None),
    "ZREVRANGE": (collections.zrange, 4, None),
    "ZSCORE": (collections.zscore, 3, 3),
}


def answers(
    keys: Keyspace, commands: Sequence[Command], witness: Witness, protocol: int
) -> list[Reply]:
    """
    Return the replies to *commands*, MULTI and EXEC around them or not.

    Args:
        keys: The data; its time is now.
        commands: In the order of their execution.
        witness: Told of hits and misses.
        protocol: 2 or 3.
    """
    if commands and commands[0][0] == "MULTI":
        inner = answers(keys, commands[1:-1], witness, protocol)
        return [OK, *[Status(b"QUEUED")] * len(inner), inner]
    replies = []
    for name, fields in commands:
        reply = execute(keys, name, fields)
        hits, misses = lookups(name, reply) if not isinstance(reply, ReplyError) else (0, 0)
        if hits:
            witness.count("redis_hits", hits, name)
        if misses:
            witness.count("redis_misses", misses, name)
        replies.append(as_resp2(reply) if protocol == 2 else reply)
    return replies


def execute(keys: Keyspace, name: str, fields: Sequence[bytes]) -> Reply:
    """Return the reply to the command *name*, a key of COMMANDS; a ReplyError is one, too."""
    function, fewest, most = COMMANDS[name]
    if len(fields) < fewest or (most is not None and len(fields) > most):
        return ReplyError(f"ERR wrong number of arguments for '{name.lower()}' command")
    try:
        return function(keys, fields)
    except ReplyError as error:
        return error


def as_resp2(reply: Reply) -> Reply:
    """Return *reply* as the older protocol says it: maps and pairs as flat lists."""
    if isinstance(reply, dict):
        return [item for pair in reply.items() for item in pair]
    if isinstance(reply, float):
        return repr(reply).removesuffix(".0").encode()
    if isinstance(reply, list) and reply and isinstance(reply[0], list):
        return [as_resp2(item) for pair in reply for item in pair]
    return reply


def command_bytes(fields: Sequence[bytes]) -> int:
    """Return how many bytes a command has on the wire."""
    return 3 + len(str(len(fields))) + sum([bulk_bytes(len(field)) for field in fields])


def bulk_bytes(size: int) -> int:
    """Return how many bytes a string of *size* bytes has on the wire."""
    return size + 5 + len(str(size))


def reply_bytes(reply: Reply, protocol: int) -> int:
    """Return how many bytes *reply* has on the wire, in RESP2 or RESP3."""
    kind = type(reply)
    if kind is bytes:
        return bulk_bytes(len(reply))  # type: ignore[arg-type]  # Its type is bytes.
    if reply is None:
        return 3 if protocol == 3 else 5
    if isinstance(reply, ReplyError):
        return 3 + len(str(reply).encode())
    if isinstance(reply, (list, dict)):
        return _container_bytes(reply, protocol)
    if isinstance(reply, float):
        digits = len(repr(reply).removesuffix(".0"))
        return 3 + digits if protocol == 3 else bulk_bytes(digits)
    if isinstance(reply, Status):
        return 3 + len(reply)
    return 3 + len(str(reply))


def _container_bytes(reply: list[Reply] | dict[bytes, Reply], protocol: int) -> int:
    if isinstance(reply, list):
        return 3 + len(str(len(reply))) + sum([reply_bytes(item, protocol) for item in reply])
    size = sum([reply_bytes(item, protocol) for pair in reply.items() for item in pair])
    return 3 + len(str(len(reply) if protocol == 3 else 2 * len(reply))) + size
