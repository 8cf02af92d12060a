"""
Events around the batcher: the pool of clients, full queues, who may subscribe, who listens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, in_world, per_call
from agent_perf.components import (
    ChannelAuth,
    ChannelRegistry,
    Event,
    EventBatcher,
    FlushPolicy,
    Overflow,
    PusherClient,
    PusherPool,
    Signer,
    WebhookEvent,
    make_event,
    read_webhook,
)
from agent_perf.suite import Ask, Request

CALLS = 500
CHANNELS = 20
CLIENTS = 5

_TEXT = "x" * 256
_QUEUE_MAX = 100


@asynccontextmanager
async def _pool(world: World) -> AsyncIterator[PusherPool]:
    async with world.http.client() as http:
        clients = [
            PusherClient(
                http, app_id="1", key="key", secret="secret", base_url=world.pusher.base_url
            )
            for _ in range(CLIENTS)
        ]
        async with PusherPool(clients) as pool:
            yield pool


@scenario("events.pooled", requests=1_000, targets="event.single")
async def pooled(world: World) -> AsyncIterator[Request]:
    """One event over a pool of five clients, in order with the others of its channel."""
    async with _pool(world) as pool:

        async def request(ask: Ask) -> None:
            channel = f"chat-{ask.user % CHANNELS}"
            await pool.send(make_event(channel, "answer.done", f"{ask.request_id} {_TEXT}"))

        yield request


class Pooled(ScenarioBenchmark):
    scenario = pooled
    counts = ("event_requests", "http_requests", "bytes_sent")

    def setup_cache(self) -> Cache:
        return self.measure()


class _Discard:
    """A client of a service that costs nothing."""

    async def send(self, event: Event) -> None:
        """Take it."""

    async def send_batch(self, events: Sequence[Event]) -> None:
        """Take them."""

    async def ping(self) -> None:
        """Be there."""


class Pool:
    """The pool by itself, and with httpx to the simulated service; CPU time per call."""

    @per_call(CALLS)
    def time_send(self) -> None:
        async def calls() -> None:
            pool = PusherPool([_Discard() for _ in range(CLIENTS)])
            events = [Event(f"chat-{n}", "answer.delta", _TEXT) for n in range(CHANNELS)]
            for index in range(CALLS):
                await pool.send(events[index % CHANNELS])

        drive(calls())

    @per_call(CALLS // 10)
    def time_deliver_batch(self) -> None:
        async def calls(world: World) -> None:
            async with _pool(world) as pool:
                events = [Event(f"chat-{n}", "answer.delta", _TEXT) for n in range(10)]
                for _ in range(CALLS // 10):
                    await pool.send_batch(events)

        in_world(calls)


def _publish_into_full_queue(overflow: Overflow) -> None:
    policy = FlushPolicy(queue_max=_QUEUE_MAX, delay_s_max=60.0, events_max=10, overflow=overflow)

    async def calls() -> None:
        async with EventBatcher(_Discard().send_batch, policy=policy) as events:
            # No sender gets its turn before the queue is full, and none after.
            for index in range(_QUEUE_MAX + CALLS):
                events.publish(f"chat-{index % CHANNELS}", "answer.delta", _TEXT)

    drive(calls())


class FullQueue:
    """Publishing into a full queue; CPU time per event."""

    @per_call(CALLS)
    def time_drop_oldest(self) -> None:
        _publish_into_full_queue(Overflow.DROP_OLDEST)

    @per_call(CALLS)
    def time_drop_newest(self) -> None:
        _publish_into_full_queue(Overflow.DROP_NEWEST)

    @per_call(CALLS)
    def time_wait_for_room(self) -> None:
        async def calls() -> None:
            policy = FlushPolicy(queue_max=10)
            async with EventBatcher(_Discard().send_batch, policy=policy) as events:
                for index in range(CALLS):
                    await events.publish_when_room(
                        f"chat-{index % CHANNELS}", "answer.delta", _TEXT
                    )

        drive(calls())

    @per_call(CALLS)
    def time_publish_with_key(self) -> None:
        async def calls() -> None:
            async with EventBatcher(_Discard().send_batch) as events:
                for index in range(CALLS):
                    events.publish("chat-17", "answer.delta", _TEXT, key=index)

        drive(calls())


@cache
def _auth() -> ChannelAuth:
    return ChannelAuth(Signer("key", "secret"), lambda *_: True)


_WEBHOOK = b'{"time_ms":1700000000000,"events":[{"name":"channel_occupied","channel":"chat-17"}]}'


class Channels:
    """Tokens, webhooks and the registry; CPU time per call."""

    @per_call(CALLS)
    def time_token_remembered(self) -> None:
        async def calls() -> None:
            authorize = _auth().authorize
            for _ in range(CALLS):
                await authorize("17", "1234.5678", "private-user-17")

        drive(calls())

    @per_call(CALLS)
    def time_token_signed(self) -> None:
        async def calls() -> None:
            authorize = ChannelAuth(Signer("key", "secret"), lambda *_: True).authorize
            for index in range(CALLS):
                await authorize("17", f"1234.{index}", "private-user-17")

        drive(calls())

    @per_call(CALLS)
    def time_webhook(self) -> None:
        signer = Signer("key", "secret")
        signature = "78fbce859444fd156ef0ac50755299074366b11623d236dc902e53e71d82647d"
        for _ in range(CALLS):
            read_webhook(signer, key="key", signature=signature, body=_WEBHOOK, now_s=1_700_000_000)

    @per_call(CALLS)
    def time_note(self) -> None:
        registry = ChannelRegistry()
        news = [WebhookEvent(name="channel_occupied", channel=f"chat-{n}") for n in range(CALLS)]
        for event in news:
            registry.note(event)

    @per_call(CALLS)
    def time_is_occupied(self) -> None:
        registry = _registry()
        for index in range(CALLS):
            registry.is_occupied(f"chat-{index}")


@cache
def _registry() -> ChannelRegistry:
    registry = ChannelRegistry()
    for index in range(CALLS):
        registry.note(WebhookEvent(name="channel_occupied", channel=f"chat-{index}"))
    return registry
