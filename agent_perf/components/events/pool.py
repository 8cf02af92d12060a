"""
Several clients of the Pusher HTTP API as one: balanced, in order, and without the broken ones.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, Self

from agent_perf.components.errors import (
    BatcherClosedError,
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    QueueFullError,
)
from agent_perf.components.events.event import Event
from agent_perf.components.events.lanes import Lanes
from agent_perf.components.events.pusher import PusherClient
from agent_perf.components.events.rota import Member, Rota
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

_TOO_MANY_REQUESTS: Final = 429


class EventSender(Protocol):
    """What the pool must know of a client; PusherClient will do."""

    async def send(self, event: Event) -> None:
        """Send one event, or raise EventError."""

    async def send_batch(self, events: Sequence[Event]) -> None:
        """Send 1 to 10 events in this order, or raise EventError."""

    async def ping(self) -> None:
        """Raise EventError if events would not be taken now."""


class Closable(Protocol):
    """What the pool closes with itself; AiohttpClient will do."""

    async def aclose(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PusherPoolStats:
    """
    What went through the pool.

    Attributes:
        requests: Calls of send and send_batch.
        events: Events that the service took.
        failed: Calls that ended in an error of the service or of the way to it.
        refused: Calls refused because too many were waiting.
        moved: Times a request that could not be sent went to another client.
        rests: Times a client was left alone for its failures.
        in_flight: Requests on their way now.
        waiting: Calls that wait for their channel's turn, or for a client.
        resting: Clients left alone now.
        channels: Channels with a request on its way or waiting.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"in_flight", "waiting", "resting", "channels"})

    requests: int
    events: int
    failed: int
    refused: int
    moved: int
    rests: int
    in_flight: int
    waiting: int
    resting: int
    channels: int


class PusherPool:
    """
    Spreads events over clients, and keeps the order within each channel.

    Requests of one channel go one after another, on whichever client; of different
    channels at the same time, to the client with the fewest requests on its way. A
    request that could not be sent at all goes to the next client at once. A client that
    failed *failures_max* times in a row rests for *rest_s*, and is tried with one request
    then; if all rest, they are tried as if none did.

    What is retried later, and how often, is EventBatcher's to decide.

    Args:
        clients: At least one; five by custom. See also over_aiohttp.
        requests_max: Requests on their way per client, >= 1.
        waiting_max: Calls that wait at most, >= 1; further ones are refused.
        failures_max: Failures in a row after which a client rests, >= 1.
        rest_s: For how long, > 0.
        closing: What is closed with the pool.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        async with PusherPool.over_aiohttp(app_id="1", key="k", secret="s") as pool:
            async with EventBatcher(pool.send_batch) as events:
                events.publish("chat-17", "answer.done", {"tokens": 42})
    """

    def __init__(
        self,
        clients: Sequence[EventSender],
        *,
        requests_max: int = 10,
        waiting_max: int = 20_000,
        failures_max: int = 3,
        rest_s: float = 1.0,
        closing: Iterable[Closable] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not clients:
            raise ConfigError("a pool of no clients; want at least one")
        if min(requests_max, waiting_max, failures_max) < 1 or not rest_s > 0:
            raise ConfigError(
                f"requests_max={requests_max}, waiting_max={waiting_max}, "
                f"failures_max={failures_max}, rest_s={rest_s}; want >= 1, and rest_s > 0"
            )
        self._now_s = time.monotonic if clock is None else clock
        self._waiting_max = waiting_max
        self._closing = tuple(closing)
        self._lanes = Lanes()
        self._rota = Rota(
            clients,
            requests_max=requests_max,
            failures_max=failures_max,
            rest_s=rest_s,
            clock=self._now_s,
        )
        self._inside = 0
        self._idle: asyncio.Event | None = None
        self._closed = False
        self._requests = self._events = self._failed = 0
        self._refused = self._moved = 0

    @classmethod
    def over_aiohttp(
        cls,
        *,
        app_id: str,
        key: str,
        secret: str,
        base_url: str = "https://api-mt1.pusher.com",
        clients: int = 5,
        connections_max: int = 10,
        timeout_s: float = 5.0,
    ) -> Self:
        """
        Return a pool of *clients* clients, each with *connections_max* connections of its own.

        Needs the extra ``events``.
        """
        from agent_perf.components.events.aiohttp_client import AiohttpClient

        https = [
            AiohttpClient(connections_max=connections_max, timeout_s=timeout_s)
            for _ in range(clients)
        ]
        members = [
            PusherClient(http, app_id=app_id, key=key, secret=secret, base_url=base_url)
            for http in https
        ]
        return cls(members, requests_max=connections_max, closing=https)

    async def send(self, event: Event) -> None:
        """
        Send one event after all that were sent to its channel before; raises as send_batch.
        """
        await self._send((event.channel,), 1, lambda client: client.send(event))

    async def send_batch(self, events: Sequence[Event]) -> None:
        """
        Send 1 to 10 events after all that were sent to their channels before.

        Raises:
            EventError: What the client raises; see PusherClient.
            QueueFullError: If *waiting_max* calls wait already.
            BatcherClosedError: After aclose.
        """
        await self._send(
            [event.channel for event in events],
            len(events),
            lambda client: client.send_batch(events),
        )

    async def health(self) -> Health:
        """Return whether the service takes events, asked over the client least busy."""
        begin_s = self._now_s()
        detail = ""
        try:
            await self._rota.idlest.ping()
        except Exception as error:  # noqa: BLE001  # It is what is asked for.
            detail = f"{type(error).__name__}: {error}"
        return Health(is_up=not detail, latency_s=self._now_s() - begin_s, detail=detail)

    def stats(self) -> PusherPoolStats:
        """Return what went through."""
        return PusherPoolStats(
            requests=self._requests,
            events=self._events,
            failed=self._failed,
            refused=self._refused,
            moved=self._moved,
            rests=self._rota.rests,
            in_flight=self._rota.in_flight,
            waiting=self._lanes.waiting + self._rota.waiting,
            resting=self._rota.resting,
            channels=len(self._lanes),
        )

    async def aclose(self) -> None:
        """Accept no more, wait for what is under way, and close what is closed with the pool."""
        self._closed = True
        try:
            if self._inside:
                self._idle = self._idle or asyncio.Event()
                await self._idle.wait()
        finally:
            for closing in self._closing:
                await closing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _send(
        self,
        channels: Sequence[str],
        events: int,
        call: Callable[[EventSender], Awaitable[None]],
    ) -> None:
        self._admit()
        self._requests += 1
        self._inside += 1
        try:
            turn = await self._lanes.enter(channels)
            try:
                await self._send_by_anyone(call)
            finally:
                self._lanes.leave(turn)
            self._events += events
        except Exception:
            self._failed += 1
            raise
        finally:
            self._inside -= 1
            if self._idle is not None and not self._inside:
                self._idle.set()

    def _admit(self) -> None:
        if self._closed:
            raise BatcherClosedError("events sent after the pool was closed")
        waiting = self._lanes.waiting + self._rota.waiting
        if waiting >= self._waiting_max:
            self._refused += 1
            raise QueueFullError(
                f"{waiting} requests wait for a turn or a client; publish less, gather events "
                "into batches, or raise waiting_max"
            )

    async def _send_by_anyone(self, call: Callable[[EventSender], Awaitable[None]]) -> None:
        member = await self._rota.claim()
        tried: list[Member[EventSender]] = []
        while True:
            try:
                await self._send_by(member, call)
            except EventOutcomeUnknownError:
                # Sent again by another, it might be delivered twice: the caller decides.
                raise
            except EventDeliveryError as error:
                if error.status is not None:
                    raise
                tried.append(member)
                other = self._rota.claim_other(tried)
                if other is None:
                    raise
                self._moved += 1
                member = other
            else:
                return

    async def _send_by(
        self, member: Member[EventSender], call: Callable[[EventSender], Awaitable[None]]
    ) -> None:
        try:
            await call(member.client)
            self._rota.note_answer(member)
        except EventDeliveryError as error:
            # Who asks for fewer requests asks the application, whichever client it was.
            if error.status != _TOO_MANY_REQUESTS:
                self._rota.note_failure(member)
            raise
        except EventRefusedError:
            self._rota.note_answer(member)
            raise
        finally:
            self._rota.release(member)
