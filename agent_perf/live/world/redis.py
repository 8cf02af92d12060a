"""
A real Redis: real clients on real sockets, and a logical database of the run's own.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

import redis
import redis.asyncio
from redis.asyncio.connection import parse_url
from redis.exceptions import RedisError

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services import shown_url
from agent_perf.live.world.redis_tap import RedisTap
from agent_perf.live.world.route import Route
from agent_perf.sim import Witness

CONNECT: Final = "redis.connect"
OWNER_KEY: Final = "agent-perf:world"
"""Marks a logical database as a run's, by the name of a client that is there while the run is."""

_TIMEOUT_S: Final = 5.0


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
                f"Redis at {shown_url(url)}: a run in real time listens in on TCP connections; "
                "want redis://host:6379/15"
            )
        self._shown = shown_url(url)
        self._mark = f"agent-perf-{secrets.token_hex(6)}"
        self._keeper, self.db = self._claim()
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
        try:
            self._keeper.flushdb()
        except RedisError as error:
            raise BrokenError(
                f"Redis at {self._shown} went away during the run: {error}; what the run left in "
                f"database {self.db} is removed by the next run there"
            ) from error
        finally:
            self._keeper.close()

    def _claim(self) -> tuple[redis.Redis, int]:
        path = self._parts.path.strip("/")
        if path and not path.isdecimal():
            raise UsageError(
                f"Redis at {self._shown}: {path!r} is no database's number; want "
                "redis://host:6379/15, or no number for the last one that is empty"
            )
        candidates = [int(path)] if path.isdigit() else list(range(15, -1, -1))
        for db in candidates:
            keeper = self._keeper_of(db)
            try:
                # Another run may have seen at the same moment that it is free.
                if self._is_free(keeper) and keeper.set(OWNER_KEY, self._mark, nx=True):
                    return keeper, db
            except RedisError as error:
                keeper.close()
                if "out of range" in str(error):
                    continue
                raise BrokenError(
                    f"Redis at {self._shown}: {error}; start one, or say where it is: "
                    "--redis-url redis://host:6379/15"
                ) from error
            keeper.close()
        which = f"database {candidates[0]}" if len(candidates) == 1 else "each of its databases"
        raise UsageError(
            f"Redis at {self._shown}: {which} holds keys, and a run empties what it works in; "
            "name one that is empty: --redis-url redis://host:6379/15"
        )

    def _keeper_of(self, db: int) -> redis.Redis:
        return redis.Redis.from_url(
            urlunsplit(self._parts._replace(path=f"/{db}")),
            client_name=self._mark,
            single_connection_client=True,
            socket_connect_timeout=_TIMEOUT_S,
            socket_timeout=_TIMEOUT_S,
        )

    def _is_free(self, keeper: Any) -> bool:
        if keeper.dbsize() == 0:
            return True
        owner = keeper.get(OWNER_KEY)
        if owner is None:
            return False
        names = {client["name"] for client in keeper.client_list()}
        if owner.decode() in names:
            return False
        # Its run was killed, and could not tidy up.
        keeper.flushdb()
        return True


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
