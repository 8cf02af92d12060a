"""
Which commands a connection that many share can carry, and which may be sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import hiredis
from redis.exceptions import DataError

from agent_perf.components.link.client import Command
from agent_perf.errors import UsageError

# Its types know tuples of one.
_pack: Final[Callable[[Command], bytes]] = hiredis.pack_command  # type: ignore[assignment]

_SUBSCRIBE: Final = "takes the connection over: use a redis-py client's pubsub() for it"
_STATE: Final = "changes the connection for all who share it: {}"
_BLOCKS: Final = (
    "blocks the connection for all who share it: use a redis-py client for it, or the form "
    "that does not block"
)
_ALONE: Final = (
    "belongs to a transaction, which others' commands would mix with: give execute_many all "
    "of it, from MULTI to EXEC"
)
_MUTE: Final = _STATE.format("replies would reach the wrong callers")

_BLOCKING: Final = "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN WAIT WAITAOF"
_SUBSCRIBING: Final = (
    "SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC"
)
_SETTING: Final = ("CACHING", "NO-EVICT", "NO-TOUCH", "SETNAME", "SETINFO", "TRACKING")
_READING: Final = (
    "BITCOUNT BITPOS DBSIZE EVAL_RO EVALSHA_RO EXISTS EXPIRETIME FCALL_RO GET GETBIT GETRANGE "
    "HEXISTS HGET HGETALL HKEYS HLEN HMGET HSCAN HSTRLEN HVALS KEYS LINDEX LLEN LPOS LRANGE "
    "MGET PEXPIRETIME PING PTTL SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS "
    "SMISMEMBER SSCAN STRLEN SUNION TIME TTL TYPE ZCARD ZCOUNT ZMSCORE ZRANGE ZRANK ZSCAN "
    "ZSCORE"
)

_REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(_BLOCKING.split(), _BLOCKS),
    **dict.fromkeys(_SUBSCRIBING.split(), _SUBSCRIBE),
    **dict.fromkeys(("MULTI", "EXEC", "DISCARD"), _ALONE),
    **dict.fromkeys(("WATCH", "UNWATCH"), _STATE.format("use a script, or a redis-py client")),
    "SELECT": _STATE.format("name the database in the URL"),
    "AUTH": _STATE.format("name user and password in the URL"),
    "HELLO": _STATE.format("give protocol and client_name as arguments"),
    **dict.fromkeys(("RESET", "QUIT"), _STATE.format("use aclose()")),
    **dict.fromkeys(("ASKING", "READONLY", "READWRITE"), _STATE.format("it is for clusters")),
}
_REFUSED_CLIENT: Final[Mapping[str, str]] = {
    "REPLY": _MUTE,
    **dict.fromkeys(_SETTING, _STATE.format("give it as greeting=, said on each connection")),
}
_MAY_BLOCK: Final = frozenset({"XREAD", "XREADGROUP"})

READS: Final = frozenset(_READING.split())
"""Commands that change nothing: sent twice, they do no harm."""


def command_name(command: Command) -> str:
    """
    Return the name of *command* in capitals.

    Raises:
        DataError: If there is none.
    """
    name = command[0] if command else None
    if isinstance(name, bytes):
        # Not UTF-8: Redis will say that it does not know it.
        name = name.decode(errors="replace")
    if not isinstance(name, str) or not name:
        raise DataError(f"command {command!r}; want its name first, str or bytes")
    return name.upper()


def check_shareable(command: Command) -> bool:
    """
    Return whether all commands of the name of *command* can be shared.

    Raises:
        UsageError: If this one cannot.
        DataError: If it has no name.
    """
    name = command_name(command)
    if why := _REFUSED.get(name):
        raise UsageError(f"{name} {why}")
    if name in _MAY_BLOCK:
        if "BLOCK" in map(_word, command[1:]):
            raise UsageError(f"{name} with BLOCK {_BLOCKS}")
        return False
    if name == "CLIENT":
        which = _word(command[1]) if len(command) > 1 else ""
        if why := _REFUSED_CLIENT.get(which):
            raise UsageError(f"CLIENT {which} {why}")
        return False
    return True


def check_batch(commands: Sequence[Command]) -> None:
    """Check all of *commands*, which are sent in one piece; raise as check_shareable does."""
    names = [command_name(command) for command in commands]
    if names[0] == "MULTI" and names[-1] == "EXEC":
        commands = commands[1:-1]
    for command in commands:
        check_shareable(command)


def pack_one(command: Command) -> bytes:
    """
    Return *command* as it is written.

    Raises:
        DataError: If an argument is not bytes, str, int or float.
    """
    try:
        packed: bytes = _pack(command)
    except (TypeError, UnicodeError) as error:
        raise DataError(f"command {command[0]!r}: {error}") from error
    return packed


def pack_many(commands: Sequence[Command]) -> bytes:
    """Return *commands* as they are written, one after another; raise as pack_one does."""
    return b"".join(map(pack_one, commands))


def _word(argument: object) -> str:
    if isinstance(argument, bytes):
        return argument.decode(errors="replace").upper()
    return str(argument).upper()
