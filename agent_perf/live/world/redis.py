"""
A real Redis: real clients on real sockets, and a logical database of the run's own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.asyncio.connection import parse_url

from agent_perf.errors import UsageError
from agent_perf.live.services import shown_url
from agent_perf.live.world.redis_keeper import RedisKeeper
from agent_perf.live.world.redis_tap import RedisTap
from agent_perf.live.world.route import Route
from agent_perf.sim import Witness

CONNECT: Final = "redis.connect"


class LiveRedis:
    """
    One logical database of a real server, which is empty at first, and emptied at the end.

    Args:
        url: ``redis://host:port/db``; without a database, the last one that is empty.
        loop: The run's.
        witness: Told of connects, trips, commands, hits, misses and bytes.

    Raises:
        BrokenError: If nobody answers there.
        UsageError: If the URL cannot be, or the database is somebody's.
    """

    def __init__(self, url: str, loop: Any, witness: Witness) -> None:
        self._loop = loop
        self._witness = witness
        self._parts = named_by_path(urlsplit(url))
        if not self._parts.hostname:
            raise UsageError(
                f"Redis at {shown_url(url)}: a run in real time listens in on TCP connections, and "
                "not on sockets of a file; let that Redis listen on a port of this machine, too "
                "(port 6379, bind 127.0.0.1), and say redis://127.0.0.1:6379/15, or have one "
                "started: --redis-url embedded"
            )
        self._keeper = RedisKeeper(self._parts, shown_url(url))
        self.db = self._keeper.db
        self._options = parse_url(urlunsplit(self._parts))
        base = self._options.pop("connection_class", redis.asyncio.Connection)
        kind = type("LiveRedisConnection", (LiveRedisConnection, base), {"service": self})
        self.connection_class: type[redis.asyncio.Connection] = kind
        self._route = Route(address=self.address, tap=lambda: RedisTap(loop, witness))
        loop.routes[self.address()] = self._route

    @property
    def url(self) -> str:
        """Where clients of other kinds find it."""
        return urlunsplit(self._parts._replace(path=f"/{self.db}"))

    def address(self) -> tuple[str, int]:
        """Return its host and port."""
        return self._parts.hostname or "127.0.0.1", self._parts.port or 6379

    def client(
        self, *, max_connections: int = 50, timeout: float | None = 20.0, **kwargs: Any
    ) -> redis.asyncio.Redis:
        """Return redis-py's client, on a blocking pool: as `SimRedis.client`."""
        pool = redis.asyncio.BlockingConnectionPool(
            connection_class=self.connection_class,
            max_connections=max_connections,
            timeout=timeout,
            **{**self._options, "db": self.db, **kwargs},
        )
        return redis.asyncio.Redis.from_pool(pool)

    def lead_through(self, host: str, port: int) -> None:
        """Let connections go there from now on: to something that stands before the server."""
        self._loop.routes[self.address()] = replace(self._route, address=lambda: (host, port))

    def lead(self, connection: Any) -> None:
        """Let *connection*, redis-py's for another address, lead here."""
        connection.host, connection.port = self.address()
        connection.db = self.db
        connection.username = self._options.get("username")
        connection.password = self._options.get("password")
        connection.credential_provider = None
        # Whether by TLS, and how, is the server's matter, and not that of whoever asks for another.
        connection._connection_arguments = self._made._connection_arguments

    @cached_property
    def _made(self) -> Any:
        """A connection as our own clients make them; it is never opened."""
        made: Any = self.connection_class
        return made(**{**self._options, "db": self.db})

    def note_connect(self, start_ns: int) -> None:
        """Take note of a connection that was begun at *start_ns*, and is there or has failed."""
        self._witness.span(CONNECT, start_ns, self._loop.now_ns)

    def begin_connect(self) -> int:
        """Take note that a connection is begun; return when."""
        self._witness.count("redis_connects")
        now_ns: int = self._loop.now_ns
        return now_ns

    def close(self) -> None:
        """
        Empty the database, and leave.

        Raises:
            BrokenError: If the server went away meanwhile.
        """
        self._loop.routes.pop(self.address(), None)
        self._keeper.close()


def named_by_path(parts: SplitResult) -> SplitResult:
    """Return a URL that names its database by its path, as redis-py's may by ``?db=3`` as well."""
    options = parse_qsl(parts.query, keep_blank_values=True)
    named = [value for key, value in options if key == "db"]
    if not named:
        return parts
    # To redis-py it comes before the path: left there, each database that is tried would be it.
    rest = urlencode([(key, value) for key, value in options if key != "db"])
    return parts._replace(path=f"/{named[0]}", query=rest)


class LiveRedisConnection:
    """Ours; mixed into redis-py's own connection, it counts them."""

    service: LiveRedis

    async def _connect(self) -> None:
        start_ns = self.service.begin_connect()
        library: Any = super()
        try:
            await library._connect()
        finally:
            self.service.note_connect(start_ns)
