"""Operations of a store that travel together."""

from __future__ import annotations

import pytest

from agent_perf.components import RedisStore, StoreUnavailableError
from agent_perf.sim.faults import outage
from tests.components.store.stored import TRIP_S, World, cost, tell


def test_a_batch_takes_one_trip() -> None:
    """
    Reads, writes and removals go in order in one round trip; each has its own result.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.mset({"a": "1", "b": "2"})

        async def work() -> list[object]:
            async with store.batch() as batch:
                before = batch.get("a")
                written = batch.set("a", "3")
                after = batch.get("a")
                gone = batch.delete("b", "x")
                absent = batch.get("b", "default")
                nothing = batch.delete()
            results = (before, written, after, gone, absent, nothing)
            return [result.value for result in results]

        return [await cost(world, work()), (store.stats().hits, store.stats().misses)]

    assert [(["1", True, "3", 1, "default", 0], 1, TRIP_S), (2, 1)] == tell(story)


def test_tagged_values_take_a_second_trip() -> None:
    """
    A batch that reads tagged values asks for their tags once, and knows dead from alive.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("a", "1", tags=["t"])
        await store.set("b", "2", tags=["t", "u"])
        await store.invalidate_tag("u")

        async def work() -> list[object]:
            async with store.batch() as batch:
                results = batch.get("a"), batch.get("b")
            return [result.value for result in results]

        return [await cost(world, work())]

    assert [(["1", None], 2, 2 * TRIP_S)] == tell(story)


def test_a_block_that_fails_sends_nothing() -> None:
    """
    An error in the block leaves Redis as it was, and reaches the caller.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        trips = world.trips()
        with pytest.raises(ZeroDivisionError):
            async with store.batch() as batch:
                batch.set("a", "1")
                _ = 1 / 0
        async with store.batch():
            pass
        return [world.trips() - trips, await store.get("a")]

    assert [0, None] == tell(story)


def test_batches_outlive_redis() -> None:
    """
    While Redis is down reads miss and writes say no; a removal that was not done is an error.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        world.faults.start()
        async with store.batch() as batch:
            results = batch.get("a", "default"), batch.set("a", "1")
        with pytest.raises(StoreUnavailableError):
            async with store.batch() as batch:
                batch.delete("a")
        return [*(result.value for result in results), store.stats().misses]

    assert ["default", False, 1] == tell(story, outage("redis", for_s=1))
