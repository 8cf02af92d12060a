"""
The line on which Redis tells what has changed: ``CLIENT TRACKING`` in broadcasting mode.

It is a connection of its own in RESP2, where changes come as messages of the channel
``__redis__:invalidate``; so it works beside any client, pooled or multiplexed. NOLOOP is left
out: it speaks of changes by the listening connection itself, and this one changes nothing.

Source: Redis documentation, "Client-side caching in Redis".
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from redis.asyncio.connection import ConnectionPool
from redis.exceptions import RedisError

from agent_perf.components.errors import StoreUnavailableError

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.connection import AbstractConnection

_log = logging.getLogger(__name__)

_CHANNEL: Final = "__redis__:invalidate"
# After a loss: at once, then less and less often, so that a Redis that is down is not hammered.
_RETRY_MIN_S: Final = 0.1
_RETRY_MAX_S: Final = 2.0


class Invalidations:
    """
    Listens in a background task, and opens the line again when it is lost.

    Args:
        source: Its settings are those of the connection; or a URL.
        prefixes: Of the names to hear about; none begins another.
        on_change: Told the names that changed; None: all.
        on_alive: Told the time at which a question that has been answered was asked: all
            changes before it have been told.
        on_loss: Called when the line is lost, and before it is open.
        period_s: How often to ask, > 0; a question that is three periods old is a loss.
        clock: Monotonic seconds.

    Example::

        line = Invalidations(client, prefixes=("answers:",), on_change=print, ...)
        line.ensure_open()
    """

    def __init__(
        self,
        source: Redis | str,
        *,
        prefixes: Sequence[str],
        on_change: Callable[[Sequence[bytes] | None], None],
        on_alive: Callable[[float], None],
        on_loss: Callable[[], None],
        period_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._pool = (
            ConnectionPool.from_url(source) if isinstance(source, str) else source.connection_pool
        )
        # Asked for here, so that a pool which makes none is noticed by who gave it.
        self._connection_class = self._pool.connection_class
        self._prefixes = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        self._on_change = on_change
        self._on_alive = on_alive
        self._on_loss = on_loss
        self._period_s = period_s
        self._now_s = clock
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = asyncio.Event()
        self._asked_s: deque[float] = deque()
        self._complained = False

    def ensure_open(self) -> None:
        """Listen from now on, if that is not done already; in this loop."""
        loop = asyncio.get_running_loop()
        if self._task is not None and self._loop is loop and not self._task.done():
            return
        self._on_loss()
        self._loop = loop
        self._open = asyncio.Event()
        self._task = loop.create_task(self._keep_listening())

    async def ready(self) -> None:
        """
        Return when the line is open.

        Raises:
            Exception: What ended the listening, if it was no outage: that is not tried again.
        """
        self.ensure_open()
        listening = self._task
        assert listening is not None
        opening = asyncio.create_task(self._open.wait())
        try:
            await asyncio.wait((listening, opening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            opening.cancel()
        if listening.done():
            listening.result()

    async def aclose(self) -> None:
        """Close the line for good; ensure_open would open another."""
        task, self._task = self._task, None
        if task is None or self._loop is not asyncio.get_running_loop():
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _keep_listening(self) -> None:
        retry_s = _RETRY_MIN_S
        while True:
            connection = self._connection()
            try:
                await self._greet(connection)
                retry_s = _RETRY_MIN_S
                await self._listen(connection)
            except* (RedisError, OSError, StoreUnavailableError) as errors:
                self._complain(errors.exceptions[0])
            finally:
                self._open.clear()
                self._on_loss()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, _RETRY_MAX_S)

    async def _greet(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(3 * self._period_s):
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's.
            await connection.send_command("CLIENT", "ID")
            number = await connection.read_response()
            tracking = ("CLIENT", "TRACKING", "ON", "REDIRECT", str(number), "BCAST")
            await connection.send_command(*tracking, *self._prefixes)
            await connection.read_response()
            await connection.send_command("SUBSCRIBE", _CHANNEL)
            asked_s = self._now_s()
            await connection.read_response()
        self._asked_s.clear()
        self._on_alive(asked_s)
        self._open.set()
        if self._complained:
            self._complained = False
            _log.warning("Redis tells of changes again")

    async def _listen(self, connection: AbstractConnection) -> None:
        async with asyncio.TaskGroup() as both:
            asking = both.create_task(self._keep_asking(connection))
            try:
                while True:
                    self._take(await connection.read_response())
            finally:
                asking.cancel()

    async def _keep_asking(self, connection: AbstractConnection) -> None:
        asked_s = self._asked_s
        while True:
            await asyncio.sleep(self._period_s)
            now_s = self._now_s()
            if asked_s and now_s - asked_s[0] >= 2 * self._period_s:
                # Ends the read, which waits for an answer that does not come.
                raise StoreUnavailableError(
                    f"no answer for {now_s - asked_s[0]:.3g} s on the line of changes"
                )
            asked_s.append(now_s)
            await connection.send_command("PING")

    def _take(self, message: Any) -> None:
        kind = message[0]
        if kind == b"message":
            self._on_change(message[2])
        elif kind == b"pong" and self._asked_s:
            self._on_alive(self._asked_s.popleft())

    def _connection(self) -> AbstractConnection:
        kwargs = {
            **self._pool.connection_kwargs,
            "protocol": 2,
            "socket_timeout": None,
            "decode_responses": False,
        }
        return self._connection_class(**kwargs)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("Redis does not tell of changes; nothing is held near: %s", error)
