"""
One connection to Redis, or a few, that all tasks of a process share.

Commands of one turn of the loop leave in one write, so that fifty tasks' GETs cost little more
than one pipeline of fifty: automatic pipelining.
"""

from __future__ import annotations

import asyncio
import os
import ssl as tls
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final, Self

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from agent_perf.components.health import Health
from agent_perf.components.link.address import parse_url
from agent_perf.components.link.client import Argument, Command, Reply
from agent_perf.components.link.commands import (
    READS,
    check_batch,
    check_shareable,
    command_name,
    pack_many,
    pack_one,
)
from agent_perf.components.link.connection import PushHandler
from agent_perf.components.link.lane import Lane, LaneOptions
from agent_perf.components.link.slots import Batch, LinkLostError
from agent_perf.components.link.tally import LinkStats, Tally
from agent_perf.errors import ConfigError, UsageError

_NAMES_MAX: Final = 1_000
"""Command names remembered as shareable; Redis has some 250, in any case of letters."""


class RedisLink:
    """
    A RedisClient over shared connections.

    A command is sent when *execute* is called, and once: one whose connection is lost before
    its reply may have been executed, and is an error. A caller who is cancelled or waits too
    long leaves; a reply that comes late is dropped, and never reaches another caller. A Redis
    that is silent for *timeout_s* is taken for gone, and the next call connects anew.

    Commands that block, subscribe or change the connection's state are refused: all share it.

    Args:
        url: ``redis://user:password@host:port/db``, ``rediss://`` for TLS, ``unix://`` for a
            socket; host may be IPv6 in brackets.
        timeout_s: Longest wait for a reply, waiting for a connection included, > 0.
        connect_timeout_s: Longest time for connecting and greeting, > 0; None: *timeout_s*.
        connections: How many are shared, 1 to 64; more than one helps where large values
            would make small ones wait.
        pending_max: Calls without reply, in each connection, beyond which calls are refused.
        pause_s: How long calls are refused after a first failure to connect, > 0; doubled
            with each further one.
        pause_s_max: Longest such pause, >= *pause_s*.
        protocol: RESP version, 3 or 2.
        client_name: As CLIENT LIST shows it; empty: none.
        greeting: Commands for each new connection, as ``[("CLIENT", "TRACKING", "ON")]``.
        on_push: Called with each push message, as ``[b"invalidate", [b"key"]]``; RESP3 only.
        on_lost: Called when a connection ends: what was tracked on it is not any more.
        ping_s: A connection without calls is asked for a word this often, so that the loss
            of one that only listens is noticed, > 0; None: it is not.
        retry_reads: Whether commands that change nothing are sent once more when their
            connection is lost; within *timeout_s* from the first time.
        ssl: For ``rediss://``; None: the system's authorities, the host's name checked.

    Raises:
        ConfigError: If an argument is not like that.

    Example::

        async with RedisLink("redis://localhost:6379/0") as link:
            await link.execute("SET", "key", b"value", "EX", 60)
            value = await link.execute("GET", "key")
    """

    def __init__(  # noqa: PLR0913 (all but the first are optional, and named)
        self,
        url: str,
        *,
        timeout_s: float = 1.0,
        connect_timeout_s: float | None = None,
        connections: int = 1,
        pending_max: int = 20_000,
        pause_s: float = 0.05,
        pause_s_max: float = 1.0,
        protocol: int = 3,
        client_name: str = "",
        greeting: Sequence[Command] = (),
        on_push: PushHandler | None = None,
        on_lost: Callable[[], object] | None = None,
        ping_s: float | None = None,
        retry_reads: bool = False,
        ssl: tls.SSLContext | None = None,
    ) -> None:
        if connect_timeout_s is None:
            connect_timeout_s = timeout_s
        for name, value in (
            ("timeout_s", timeout_s),
            ("connect_timeout_s", connect_timeout_s),
            ("pause_s", pause_s),
            ("ping_s", 1.0 if ping_s is None else ping_s),
        ):
            # NaN and infinity compare as false, too: no timer could carry them.
            if not 0 < value < 1e9:
                raise ConfigError(f"{name}={value}; want seconds, > 0")
        if not pause_s <= pause_s_max < 1e9:
            raise ConfigError(f"pause_s_max={pause_s_max}; want seconds, >= pause_s={pause_s}")
        if not 1 <= connections <= 64:
            raise ConfigError(f"connections={connections}; want 1 to 64")
        if pending_max < 1:
            raise ConfigError(f"pending_max={pending_max}; want >= 1")
        if protocol not in {2, 3}:
            raise ConfigError(f"protocol={protocol}; want 2 or 3")
        if on_push is not None and protocol == 2:
            raise ConfigError("on_push with protocol=2: RESP2 has no push messages; want 3")
        address = parse_url(url, ssl=ssl)
        self._options = LaneOptions(
            address=address,
            greeting=(*address.greeting(protocol, client_name), *map(tuple, greeting)),
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            pending_max=pending_max,
            pause_s=pause_s,
            pause_s_max=pause_s_max,
            ping_s=ping_s,
            on_push=on_push,
            on_lost=on_lost,
        )
        self._retry_reads = retry_reads
        self._tally = Tally()
        self._shareable: set[Argument] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: tuple[Lane, ...] = ()
        self._count = connections
        self._pid = os.getpid()
        self._left: list[object] = []
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def execute(self, *command: Argument) -> asyncio.Future[Reply]:
        """
        Send *command*; return its reply, when awaited. See RedisClient.

        Raises:
            UsageError: If the command cannot be shared.
            DataError: If it cannot be written: an argument is not bytes, str, int or float.
        """
        try:
            known = command[0] in self._shareable
        except (IndexError, TypeError):
            known = False
        if not known:
            self._admit(command)
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        if self._retry_reads and command_name(command) in READS:
            return loop.create_task(self._execute_twice(loop, command))
        # From here on as in _send, once more: its call would cost a tenth of all this.
        packed = pack_one(command)
        future: asyncio.Future[Reply] = asyncio.Future(loop=loop)
        self._tally.commands += 1
        lanes = self._lanes
        (lanes[0] if len(lanes) == 1 else self._lane()).send(packed, future)
        return future

    def execute_many(self, commands: Sequence[Command]) -> asyncio.Future[list[Reply]]:
        """
        Send *commands* in one write; return their replies, when awaited. See RedisClient.

        From MULTI to EXEC they are a transaction. They are never sent twice.

        Raises:
            UsageError: If one of them cannot be shared.
            DataError: If one cannot be written.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        future: asyncio.Future[list[Reply]] = loop.create_future()
        if not commands:
            future.set_result([])
            return future
        check_batch(commands)
        packed = pack_many(commands)
        self._tally.commands += len(commands)
        self._lane().send(packed, Batch(future, len(commands)))
        return future

    def stats(self) -> LinkStats:
        """Return what happened so far."""
        return LinkStats(
            **asdict(self._tally),
            connections=sum(lane.is_connected for lane in self._lanes),
            pending=sum(lane.pending for lane in self._lanes),
        )

    async def health(self) -> Health:
        """Return whether Redis answers a PING."""
        start_s = time.monotonic()
        try:
            await self.execute("PING")
        except RedisError as error:
            detail = f"{type(error).__name__}: {error}"
            return Health(is_up=False, latency_s=time.monotonic() - start_s, detail=detail)
        return Health(is_up=True, latency_s=time.monotonic() - start_s)

    async def aclose(self) -> None:
        """Wait for replies that are under way, *timeout_s* at most, and close."""
        self._closed = True
        loop, self._loop = self._loop, None
        if loop is asyncio.get_running_loop() and self._pid == os.getpid():
            await asyncio.gather(*(lane.aclose() for lane in self._lanes))

    def _send(self, loop: asyncio.AbstractEventLoop, command: Command) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = loop.create_future()
        self._tally.commands += 1
        self._lane().send(pack_one(command), future)
        return future

    async def _execute_twice(self, loop: asyncio.AbstractEventLoop, command: Command) -> Reply:
        deadline_s = loop.time() + self._options.timeout_s
        try:
            return await self._send(loop, command)
        except LinkLostError as error:
            try:
                async with asyncio.timeout_at(deadline_s):
                    return await self._send(loop, command)
            except TimeoutError:
                raise error from None

    def _lane(self) -> Lane:
        return min(self._lanes, key=_pending)

    def _admit(self, command: Command) -> None:
        if check_shareable(command) and len(self._shareable) < _NAMES_MAX:
            self._shareable.add(command[0])

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin anew on *loop*, as after a fork, or in the next ``asyncio.run``."""
        if self._closed:
            raise RedisConnectionError("the link is closed: make another RedisLink")
        if self._pid != os.getpid():
            # The parent uses these connections: keep them, untouched, from being collected.
            self._left.append(self._lanes)
            self._pid = os.getpid()
        elif self._loop is not None and self._loop.is_running():
            raise UsageError("this RedisLink serves another running loop: make one for each loop")
        self._loop = loop
        self._lanes = tuple(Lane(loop, self._options, self._tally) for _ in range(self._count))


def _pending(lane: Lane) -> int:
    return lane.pending
