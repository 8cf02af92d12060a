"""
A connection that is there when it is needed: made once for all who wait, and again when lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent_perf.components.link.address import RedisAddress, check_greeting
from agent_perf.components.link.client import Command
from agent_perf.components.link.commands import pack_many, pack_one
from agent_perf.components.link.connection import LinkConnection, PushHandler
from agent_perf.components.link.slots import Batch, Kept, LinkLostError, Slot, fail, waiter
from agent_perf.components.link.tally import Tally

_PIECE_BYTES: Final = 65_536
"""Written at once of what has waited: asyncio's high-water mark, so that it can say stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """
    How connections are made and used; see RedisLink.

    Attributes:
        greeting: All that is said on a new connection, in one write.
    """

    address: RedisAddress
    greeting: Sequence[Command]
    timeout_s: float
    connect_timeout_s: float
    pending_max: int
    pause_s: float
    pause_s_max: float
    ping_s: float | None
    on_push: PushHandler | None
    on_lost: Callable[[], object] | None


class Lane:
    """
    One connection at a time, and what waits for it.

    Args:
        loop: The running loop.
        options: How.
        tally: Where work is added up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, options: LaneOptions, tally: Tally) -> None:
        self._loop = loop
        self._options = options
        self._pending_max = options.pending_max
        self._tally = tally
        self._connection: LinkConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._kept: deque[Kept] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._retry_at_s = 0.0
        self._refusal: Exception | None = None
        self._was_connected = False
        self._closing = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def pending(self) -> int:
        """Calls without reply."""
        connection = self._connection
        return len(self._kept) + (0 if connection is None else len(connection.slots))

    def send(self, packed: bytes, slot: Slot) -> None:
        """Send *packed* as soon as that can be done; its fate reaches *slot*."""
        connection = self._connection
        if (
            connection is not None
            and connection.writable
            and not self._kept
            and len(connection.slots) < self._pending_max
        ):
            connection.send(packed, slot)
        else:
            self._keep(packed, slot)

    async def aclose(self) -> None:
        """Wait for the replies that are under way, timeout_s at most, and close."""
        self._closing = True
        connection = self._connection
        try:
            waiting = [] if connection is None else connection.waiting()
            waiting += [waiter(slot) for slot, _, _ in self._kept if not slot.done()]
            if waiting:
                await asyncio.wait(waiting)
            if connection is not None and connection is self._connection:
                connection.close()
                await asyncio.wait([connection.closed], timeout=self._options.timeout_s)
        finally:
            if self._connecting is not None:
                self._connecting.cancel()
            if self._connection is not None:
                self._connection.lose("the link was closed")
            if self._timer is not None:
                self._timer.cancel()

    # -- What the connection tells

    def connection_writable(self) -> None:
        """Send what waits, in pieces, for as long as the peer reads them."""
        connection, kept = self._connection, self._kept
        while kept and connection is not None and connection.writable:
            piece, size = [], 0
            while kept and size < _PIECE_BYTES:
                one = kept.popleft()
                # Who gave up before it was sent, did not want it done.
                if not one.slot.done():
                    piece.append(one)
                    size += len(one.packed)
            if piece:
                connection.send_kept(piece)

    def connection_gone(self, connection: LinkConnection, error: RedisConnectionError) -> None:
        """Let the next command connect anew, or those that wait, and were never sent."""
        if connection is not self._connection:
            return
        self._connection = None
        if self._options.on_lost is not None:
            self._options.on_lost()
        if self._kept:
            self._connect()

    # -- Waiting

    def _keep(self, packed: bytes, slot: Slot) -> None:
        now_s = self._loop.time()
        if self._refusal is not None and now_s < self._retry_at_s:
            self._tally.refused += 1
            fail(slot, _again(self._refusal, self._retry_at_s - now_s))
            return
        if self.pending >= self._pending_max:
            self._tally.refused += 1
            fail(
                slot,
                RedisConnectionError(
                    f"pending_max={self._pending_max} calls wait for Redis at "
                    f"{self._options.address} already: ask less at once, or raise it"
                ),
            )
            return
        deadline_s = now_s + self._options.timeout_s
        self._kept.append(Kept(slot, packed, deadline_s))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline_s, self._sweep, deadline_s)
        if self._connection is None and self._connecting is None:
            self._connect()

    def _sweep(self, due_s: float) -> None:
        self._timer = None
        kept = self._kept
        while kept and (kept[0].deadline_s <= due_s or kept[0].slot.done()):
            slot = kept.popleft().slot
            if not slot.done():
                self._tally.timeouts += 1
                fail(
                    slot,
                    RedisTimeoutError(
                        f"no connection to Redis at {self._options.address} within "
                        f"timeout_s={self._options.timeout_s:g}"
                    ),
                )
        if kept:
            deadline_s = kept[0].deadline_s
            self._timer = self._loop.call_at(deadline_s, self._sweep, deadline_s)

    # -- Connecting

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._make_connection())

    async def _make_connection(self) -> None:
        try:
            connection = await self._open()
            # Lost between its last word and our turn, it would keep all waiting.
            connection.check()
        except Exception as error:  # noqa: BLE001  # Whoever waits for the connection gets it.
            self._connecting = None
            self._fail(_as_redis_error(error, self._options))
        except BaseException:
            self._connecting = None
            self._drop_kept(RedisConnectionError("the link was closed"))
            raise
        else:
            self._connecting = None
            self._failures, self._refusal = 0, None
            self._tally.connects += 1
            self._tally.reconnects += self._was_connected
            self._was_connected = True
            self._connection = connection
            self.connection_writable()
            self._watch(connection)

    async def _open(self) -> LinkConnection:
        options = self._options
        connection = LinkConnection(
            self._loop,
            where=str(options.address),
            timeout_s=options.timeout_s,
            tally=self._tally,
            owner=self,
            on_push=options.on_push,
        )
        try:
            async with asyncio.timeout(options.connect_timeout_s):
                await options.address.dial(self._loop, lambda: connection)
                if options.greeting:
                    future = self._loop.create_future()
                    count = len(options.greeting)
                    deadline_s = self._loop.time() + options.connect_timeout_s
                    packed = pack_many(options.greeting)
                    connection.send_kept([Kept(Batch(future, count), packed, deadline_s)])
                    check_greeting(options.greeting, await future)
        except BaseException as error:
            connection.lose(f"while connecting: {error}")
            raise
        return connection

    def _fail(self, error: Exception) -> None:
        options = self._options
        self._tally.connect_failures += 1
        pause_s = min(options.pause_s * 2**self._failures, options.pause_s_max)
        self._failures = min(self._failures + 1, 30)
        self._refusal = error
        self._retry_at_s = self._loop.time() + pause_s
        self._drop_kept(error)

    def _drop_kept(self, error: Exception) -> None:
        kept, self._kept = self._kept, deque()
        for slot, _, _ in kept:
            if not slot.done():
                fail(slot, _copy(error, str(error)))

    # -- A connection on which only the server speaks

    def _watch(self, connection: LinkConnection) -> None:
        ping_s = self._options.ping_s
        if ping_s is not None:
            self._loop.call_later(ping_s, self._ping, connection)

    def _ping(self, connection: LinkConnection) -> None:
        if connection is not self._connection or self._closing:
            return
        if not connection.slots:
            future = self._loop.create_future()
            # Its fate is the connection's, which says so itself.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self.send(pack_one(("PING",)), future)
        self._watch(connection)


def _as_redis_error(error: Exception, options: LaneOptions) -> Exception:
    if isinstance(error, TimeoutError):
        return RedisTimeoutError(
            f"cannot connect to Redis at {options.address} within "
            f"connect_timeout_s={options.connect_timeout_s:g}"
        )
    if isinstance(error, OSError | LinkLostError):
        # What was lost is the greeting: no caller's command has been executed.
        why = error.reason if isinstance(error, LinkLostError) else error
        return RedisConnectionError(f"cannot connect to Redis at {options.address}: {why}")
    return error


def _again(error: Exception, wait_s: float) -> Exception:
    return _copy(error, f"{error}; not tried again for {wait_s:.3g} s")


def _copy(error: Exception, text: str) -> Exception:
    """Return *error* for one caller of many: raised twice, one object grows its traceback."""
    if not isinstance(error, RedisError):
        return error
    copy = type(error)(text)
    copy.__cause__ = error.__cause__
    return copy
