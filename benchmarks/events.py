"""
Events: gathered into batches, signed, and delivered to a service that speaks Pusher.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, in_world, per_call
from agent_perf.components import Event, EventBatcher, PusherClient, Signer, make_event
from agent_perf.sim import default_tables
from agent_perf.suite import Ask, Request

CHANNELS = 20
EVENTS = 500
TOKENS = 20

_TEXT = "x" * 256

_THINK = default_tables()["think"]
_SLOWER = replace(_THINK, value_ns=tuple(4 * value for value in _THINK.value_ns))
"""Who reads an answer asks again after 4 s on average."""


@asynccontextmanager
async def _batcher(world: World) -> AsyncIterator[EventBatcher]:
    async with world.http.client() as http:
        client = PusherClient(
            http, app_id="1", key="key", secret="secret", base_url=world.pusher.base_url
        )
        async with EventBatcher(client.send_batch) as events:
            yield events


class _Deliveries:
    """Waits until the service has an event, by its data."""

    def __init__(self, world: World) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}
        world.pusher.delivered = self._note

    async def wait_for(self, data: str) -> None:
        future = self._waiting[data] = asyncio.get_running_loop().create_future()
        await future

    def _note(self, now_ns: int, channel: str, name: str, data: str) -> None:
        future = self._waiting.pop(data, None)
        if future is not None:
            future.set_result(None)


@scenario("events.single", requests=1_000, targets="event.single")
async def single(world: World) -> AsyncIterator[Request]:
    """One event, from its publication until the service has it."""
    deliveries = _Deliveries(world)
    async with _batcher(world) as events:

        async def request(ask: Ask) -> None:
            data = f"{ask.request_id} {_TEXT}"
            events.publish(f"chat-{ask.user % CHANNELS}", "answer.done", data)
            await deliveries.wait_for(data)

        yield request


class Single(ScenarioBenchmark):
    scenario = single
    counts = ("event_requests", "http_requests", "bytes_sent")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario(
    "events.stream",
    requests=400,
    tables={"think": _SLOWER},
    targets="event.single",
)
async def stream(world: World) -> AsyncIterator[Request]:
    """An answer in twenty pieces on a channel of its own, until the service has the last."""
    deliveries = _Deliveries(world)
    async with _batcher(world) as events:

        async def request(ask: Ask) -> None:
            channel = f"private-user-{ask.user}"
            for piece in range(TOKENS):
                events.publish(channel, "answer.delta", f"{ask.request_id} {piece} {_TEXT}")
            await deliveries.wait_for(f"{ask.request_id} {TOKENS - 1} {_TEXT}")

        yield request


class Stream(ScenarioBenchmark):
    scenario = stream
    counts = ("event_requests", "http_requests", "bytes_sent")

    def setup_cache(self) -> Cache:
        return self.measure()


@cache
def _signer() -> Signer:
    return Signer("key", "secret")


async def _take(events: Sequence[Event]) -> None:
    """Take a batch as a service would that costs nothing."""


class Batching:
    """The batcher by itself; CPU time per event."""

    @per_call(EVENTS)
    def time_publish(self) -> None:
        async def calls() -> None:
            async with EventBatcher(_take) as events:
                for index in range(EVENTS):
                    events.publish(f"chat-{index % CHANNELS}", "answer.delta", _TEXT)

        drive(calls())

    def peakmem_10_000_waiting(self) -> None:
        async def calls() -> None:
            async with EventBatcher(_take) as events:
                for index in range(10_000):
                    events.publish(f"chat-{index}", "answer.delta", f"{index} {_TEXT}")

        drive(calls())


class Making:
    """What each event goes through before it is sent; CPU time per event."""

    @per_call(EVENTS)
    def time_make_event(self) -> None:
        data = {"tokens": 17, "text": _TEXT}
        for _ in range(EVENTS):
            make_event("chat-17", "answer.delta", data)

    @per_call(EVENTS)
    def time_sign(self) -> None:
        query, body = _signer().query, _TEXT.encode()
        for index in range(EVENTS):
            query("POST", "/apps/1/batch_events", body, 1_700_000_000 + index)


class Delivery:
    """Batches through httpx to the simulated service, both included; CPU time per event."""

    @per_call(EVENTS)
    def time_deliver(self) -> None:
        async def calls(world: World) -> None:
            async with _batcher(world) as events:
                for index in range(EVENTS):
                    events.publish(f"chat-{index % CHANNELS}", "answer.delta", _TEXT)

        in_world(calls)
