"""The worker's own tests. Redis and the webhook are simulated, and waiting takes no time."""

import asyncio
import itertools
import json

from agent_perf.sim import Reply
from benchmarks import delivery
from event_worker.events import GROUP, STREAM, open_group, publish, take
from event_worker.worker import Settings, Worker

HOOK = "http://hooks.example/events"


async def delivered(world, statuses, count, **settings):
    """Return the webhook's batches, and how many events are left, after *count* were published."""
    batches = []

    async def hook(request):
        await world.sleep("http.request")
        status = statuses.pop(0) if statuses else 204
        if status == 204:
            batches.append([event["data"]["n"] for event in json.loads(request.content)])
        return Reply(status=status)

    world.http.mount("hooks.example", hook)
    redis = world.redis.client(decode_responses=True)
    async with world.http.client() as http:
        worker = Worker(redis, http, Settings(webhook_url=HOOK, **settings))
        running = asyncio.create_task(worker.run())
        for n in range(count):
            await publish(redis, "order.placed", {"n": n})
        await asyncio.sleep(2)
        worker.stop()
        await running
    left = (await redis.xpending(STREAM, GROUP))["pending"]
    await redis.aclose()
    return batches, left


async def test_events_share_a_request(world):
    batches, left = await delivered(world, [], 120)

    assert sorted(itertools.chain(*batches)) == list(range(120))
    assert left == 0
    assert len(batches) < 30


async def test_what_fails_is_sent_again(world):
    batches, left = await delivered(world, [503, 429], 10)

    assert sorted(itertools.chain(*batches)) == list(range(10))
    assert left == 0


async def test_a_refusal_does_not_stop_the_worker(world):
    batches, left = await delivered(world, [400], 30, batch_max=10, senders=1)

    assert sum(map(len, batches)) < 30
    assert left == 0


async def test_a_dead_webhook_loses_nothing(world):
    batches, left = await delivered(world, [500] * 100, 10, attempts=2)

    assert (batches, left) == ([], 10)


def test_an_outage_of_redis_is_survived(world):
    run = world.run(delivery.redis_goes_away)

    assert run.success_ratio > 0.8


async def test_all_that_was_unfinished_is_sent(world):
    seen = []

    async def hook(request):
        seen.extend(event["data"]["n"] for event in json.loads(request.content))
        return Reply(status=204)

    world.http.mount("hooks.example", hook)
    redis = world.redis.client(decode_responses=True)
    await open_group(redis)
    for n in range(25):
        await publish(redis, "order.placed", {"n": n})
    await take(redis, "worker-1", count=25, wait_ms=1)  # by one that was killed then
    async with world.http.client() as http:
        worker = Worker(redis, http, Settings(webhook_url=HOOK, queue_max=10))
        running = asyncio.create_task(worker.run())
        await asyncio.sleep(2)
        worker.stop()
        await running
    await redis.aclose()

    assert sorted(seen) == list(range(25))
