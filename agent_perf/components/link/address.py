"""
Where a Redis is, how to get in, and what is said first.
"""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from agent_perf.components.link.client import Command, Reply
from agent_perf.errors import ConfigError

_PORT = 6379
_FORMS = "redis://host:6379/0, rediss://host:6379/0 or unix:///path/of/socket?db=0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAddress:
    """
    One Redis server, and who comes to it.

    Attributes:
        host: Name or number; empty for a unix socket.
        port: 1 to 65535.
        path: Of a unix socket; empty for TCP.
        ssl: For a connection with TLS; None: without.
        username: Empty: the default user.
        password: Empty: none is given.
        db: Database, >= 0.
    """

    host: str = ""
    port: int = _PORT
    path: str = ""
    ssl: tls.SSLContext | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    async def dial(
        self, loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """Connect a protocol of *factory*; raise OSError if that cannot be done."""
        if self.path:
            await loop.create_unix_connection(factory, self.path)
            return
        # asyncio itself switches Nagle's algorithm off.
        transport, _ = await loop.create_connection(factory, self.host, self.port, ssl=self.ssl)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def greeting(self, protocol: int, name: str) -> list[Command]:
        """Return what to say first, in one write: protocol 2 or 3, user, *name*, database."""
        login: Command = ()
        if self.username or self.password:
            login = ("AUTH", self.username or "default", self.password)
        commands: list[Command] = []
        if protocol == 3:
            commands.append(("HELLO", 3, *login, *(("SETNAME", name) if name else ())))
        else:
            if login:
                # Before Redis 6 there was a password, and no users.
                commands.append(login if self.username else ("AUTH", self.password))
            if name:
                commands.append(("CLIENT", "SETNAME", name))
        if self.db:
            commands.append(("SELECT", self.db))
        return commands


def parse_url(url: str, *, ssl: tls.SSLContext | None = None) -> RedisAddress:
    """
    Return what *url* says.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://`` likewise for TLS, or
            ``unix://user:password@/path?db=0``. Special characters percent-encoded.
        ssl: For ``rediss://``; None: the system's authorities, the host's name checked.

    Raises:
        ConfigError: If it says something else.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ConfigError(f"the URL of Redis: {error}; want {_FORMS}") from error
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ConfigError(f"the URL of Redis begins with {parts.scheme!r}; want {_FORMS}")
    if unknown := query.keys() - {"db"}:
        raise ConfigError(
            f"the URL of Redis asks for {', '.join(sorted(unknown))}; RedisLink knows db only: "
            "give the others as arguments"
        )
    if ssl is not None and parts.scheme != "rediss":
        raise ConfigError(f"ssl is given, and the URL is {parts.scheme}://; want rediss://")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ConfigError(f"the URL of Redis has no path; want {_FORMS}")
        return RedisAddress(
            path=unquote(parts.path),
            username=username,
            password=password,
            db=_database(query.get("db", "")),
        )
    return RedisAddress(
        host=parts.hostname or "localhost",
        port=port,
        ssl=(ssl or tls.create_default_context()) if parts.scheme == "rediss" else None,
        db=_database(query.get("db") or _path_of(parts)),
        username=username,
        password=password,
    )


def check_greeting(commands: Sequence[Command], replies: Sequence[Reply]) -> None:
    """Raise the first of *replies* that is an error, such as a wrong password."""
    for command, reply in zip(commands, replies, strict=True):
        if not isinstance(reply, RedisError):
            continue
        if command[0] == "HELLO" and ("unknown command" in str(reply) or "NOPROTO" in str(reply)):
            raise RedisConnectionError(
                f"this Redis does not speak RESP3: {reply}; give protocol=2"
            ) from reply
        raise reply


def _path_of(parts: SplitResult) -> str:
    return unquote(parts.path).strip("/")


def _database(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal():
        raise ConfigError(f"the URL of Redis names database {text!r}; want a number >= 0")
    return int(text)
