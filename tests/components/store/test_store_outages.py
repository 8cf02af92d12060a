"""A store whose Redis is down, hangs, or holds what others wrote."""

from __future__ import annotations

import asyncio
import logging

import pytest

from agent_perf.components import RedisStore, StoreUnavailableError
from agent_perf.sim.faults import hang, outage
from tests.components.store.stored import World, tell


def test_refuses_what_it_did_not_write(caplog: pytest.LogCaptureFixture) -> None:
    """
    A pickle or a value of another type under our key is a miss, is counted and logged once,
    and the next write puts it right.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await world.client.set("answers:key", b"\x80\x04N.")
        await RedisStore(world.client, namespace="answers", kind=int).set("number", 7)
        found = await store.mget(["key", "number"])
        computed = await store.get_or_set("key", lambda: asyncio.sleep(0, "fresh"))
        return [found, computed, await store.get("key"), store.stats().refused]

    assert [{}, "fresh", "fresh", 3] == tell(story)
    assert ["refused the value of answers:key"] == [
        message.partition(": ")[0] for message in caplog.messages
    ]


def test_goes_on_without_redis(caplog: pytest.LogCaptureFixture) -> None:
    """
    While Redis is down reads miss, writes say no, values are computed, removals are errors;
    when it is back, so is the cache.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("key", "value", ttl_s=60)

        world.faults.start()
        outcomes = [
            await store.get("key", "default"),
            await store.mget(["key"]),
            await store.set("key", "new"),
            await store.set("key", "new", tags=["t"]),
            await store.get_or_set("key", lambda: asyncio.sleep(0, "computed"), tags=["t"]),
            store.is_up,
        ]
        for removal in (store.delete("key"), store.invalidate("*"), store.invalidate_tag("t")):
            with pytest.raises(StoreUnavailableError):
                await removal
        await asyncio.sleep(2)
        return [*outcomes, await store.get("key"), store.is_up]

    with caplog.at_level(logging.INFO):
        assert ["default", {}, False, False, "computed", False, "value", True] == tell(
            story, outage("redis", for_s=1)
        )
    assert ["going on without redis", "redis is back"] == [
        next(start for start in ("going on without redis", "redis is back") if start in message)
        for message in caplog.messages
    ]


def test_a_redis_that_hangs_is_left_alone() -> None:
    """
    With a time-out of 50 ms a hundred requests lose 250 ms together, not five seconds.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        world.faults.start()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for _ in range(100):
            await store.get("key")
        return [round(loop.time() - start_s, 6), store.stats().misses, store.stats().failures]

    assert [0.25, 100, 100] == tell(story, hang("redis"), timeout_s=0.05)
