"""
A logical database of Redis for one run: claimed while it is empty, and emptied at the end.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any, Final
from urllib.parse import SplitResult, urlunsplit

import redis
from redis.exceptions import RedisError

from agent_perf.errors import BrokenError, UsageError

OWNER_KEY: Final = "agent-perf:world"
"""Marks a logical database as a run's, by the name of a client that is there while the run is."""

_TIMEOUT_S: Final = 5.0
_PINGS_PER_TIMEOUT: Final = 3
_PING_EVERY_S: Final = 10.0
"""Where a server does not tell its time-out: few hang up on a client sooner than that."""


class RedisKeeper:
    """
    Holds one logical database, as long as its connection lives: a second run leaves it alone.

    Args:
        parts: ``redis://host:port/db``; without a database, the last one that is empty.
        shown: The same, as people may see it.

    Attributes:
        db: Which it is.

    Raises:
        BrokenError: If nobody answers there.
        UsageError: If the URL cannot be, or the database is somebody's.
    """

    def __init__(self, parts: SplitResult, shown: str) -> None:
        self._parts, self._shown = parts, shown
        self._mark = f"agent-perf-{secrets.token_hex(6)}"
        self._client, self.db = self._claim()
        self._is_over = threading.Event()
        self._pinging: threading.Thread | None = None
        every_s = _ping_every_s(self._client)
        if every_s:
            self._pinging = threading.Thread(target=self._ping, args=(every_s,), daemon=True)
            self._pinging.start()

    def close(self) -> None:
        """
        Empty the database, and leave.

        Raises:
            BrokenError: If the server went away meanwhile.
        """
        self._is_over.set()
        if self._pinging is not None:
            self._pinging.join()
        try:
            self._client.flushdb()
        except RedisError as error:
            raise BrokenError(
                f"Redis at {self._shown} went away during the run: {error}; what the run left in "
                f"database {self.db} is removed by the next run there"
            ) from error
        finally:
            self._client.close()

    def _ping(self, every_s: float) -> None:
        while not self._is_over.wait(every_s):
            try:
                self._client.ping()
            except RedisError:
                # It is told by whoever needs the server, and at the end by `close`.
                continue

    def _claim(self) -> tuple[redis.Redis, int]:
        path = self._parts.path.strip("/")
        if path and not path.isdecimal():
            raise UsageError(
                f"Redis at {self._shown}: {path!r} is no database's number; want "
                "redis://host:6379/15, or no number for the last one that is empty"
            )
        candidates = [int(path)] if path.isdigit() else list(range(15, -1, -1))
        for db in candidates:
            client = self._client_of(db)
            try:
                # Another run may have seen at the same moment that it is free.
                if self._is_free(client) and client.set(OWNER_KEY, self._mark, nx=True):
                    return client, db
            except RedisError as error:
                client.close()
                if "out of range" in str(error):
                    continue
                raise BrokenError(
                    f"Redis at {self._shown}: {error}; start one, or say where it is: "
                    "--redis-url redis://host:6379/15"
                ) from error
            client.close()
        which = f"database {candidates[0]}" if len(candidates) == 1 else "each of its databases"
        raise UsageError(
            f"Redis at {self._shown}: {which} holds keys, and a run empties what it works in; "
            "name one that is empty: --redis-url redis://host:6379/15"
        )

    def _client_of(self, db: int) -> redis.Redis:
        return redis.Redis.from_url(
            urlunsplit(self._parts._replace(path=f"/{db}")),
            client_name=self._mark,
            single_connection_client=True,
            socket_connect_timeout=_TIMEOUT_S,
            socket_timeout=_TIMEOUT_S,
        )

    def _is_free(self, client: Any) -> bool:
        if client.dbsize() == 0:
            return True
        owner = client.get(OWNER_KEY)
        if owner is None:
            return False
        names = {one["name"] for one in client.client_list()}
        if owner.decode() in names:
            return False
        # Its run was killed, and could not tidy up.
        client.flushdb()
        return True


def _ping_every_s(client: Any) -> float:
    """Return how often a connection has to say something to be kept; 0: never."""
    try:
        told = client.config_get("timeout").get("timeout")
    except RedisError:
        # Not everybody may ask.
        return _PING_EVERY_S
    return int(told) / _PINGS_PER_TIMEOUT if str(told).isdecimal() else _PING_EVERY_S
