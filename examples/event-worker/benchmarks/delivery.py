"""From the publication of an event to the moment at which the webhook has it."""

import asyncio
import itertools
import json

from agent_perf import scenario
from agent_perf.load import Poisson
from agent_perf.sim import Reply
from agent_perf.sim.faults import errors, outage
from agent_perf.suite import goodput_at_least, recovers_within
from event_worker.events import publish
from event_worker.worker import Settings, Worker

WEBHOOK = "http://hooks.example/events"


class Deliveries:
    """What the webhook has received, and who waits for it."""

    def __init__(self):
        self._waiting = {}

    def expect(self, number):
        self._waiting[number] = asyncio.get_running_loop().create_future()
        return self._waiting[number]

    def receive(self, body):
        for event in json.loads(body):
            arrived = self._waiting.pop(event["data"]["number"], None)
            # An event may come twice, after a crash or a lost acknowledgement.
            if arrived is not None and not arrived.done():
                arrived.set_result(event["id"])


async def system(world):
    """The worker in a world, as `__main__` makes it, and a request that publishes one event."""
    deliveries = Deliveries()

    async def hook(request):
        await world.sleep("http.request")
        deliveries.receive(request.content)
        return Reply(status=204)

    world.http.mount("hooks.example", hook)
    redis = world.redis.client(decode_responses=True)
    numbers = itertools.count()
    async with world.http.client(timeout=10.0) as http:
        worker = Worker(redis, http, Settings(webhook_url=WEBHOOK))
        running = asyncio.create_task(worker.run())

        async def request(ask):
            number = next(numbers)
            arrived = deliveries.expect(number)
            await publish(redis, "order.placed", {"number": number, "user": ask.user})
            async with asyncio.timeout(30):
                await arrived

        yield request
        worker.stop()
        await running
    await redis.aclose()


@scenario(users=(1, 50), requests=400, p95="250ms")
async def waits_for_answers(world):
    """Users who publish one event after the other."""
    async for request in system(world):
        yield request


@scenario(load=Poisson(rate_hz=100, for_s=10), p95="250ms")
async def steady_stream(world):
    """A hundred events per second, whatever the worker does."""
    async for request in system(world):
        yield request


@scenario(
    load=Poisson(rate_hz=40, for_s=20),
    faults=(outage("redis", at_s=5, for_s=2), errors("hooks.example", at_s=12, for_s=1)),
    checks=(
        recovers_within("redis outage", 3.0),
        goodput_at_least(0.95, after="hooks.example errors"),
    ),
)
async def redis_goes_away(world):
    """Two seconds without Redis, later one in which the webhook answers with errors."""
    async for request in system(world):
        yield request
