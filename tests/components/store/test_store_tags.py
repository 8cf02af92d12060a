"""A store whose values carry tags."""

from __future__ import annotations

import asyncio

from agent_perf.components import RedisStore
from tests.components.store.stored import TRIP_S, World, cost, tell


def test_a_tag_removes_all_that_carries_it() -> None:
    """
    After invalidate_tag entries with that tag are misses, others are not, at the price of
    one write; a reader that does not know the tags is not served either.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("a", "1", tags=["user-1", "shop"])
        await store.set("b", "2", tags=["shop"])
        await store.set("c", "3")
        before = await store.mget(["a", "b", "c"])
        price = await cost(world, store.invalidate_tag("user-1"))
        after = await store.mget(["a", "b", "c"])
        return [before, price, after, await store.get("a")]

    assert [
        {"a": "1", "b": "2", "c": "3"},
        (None, 1, TRIP_S),
        {"b": "2", "c": "3"},
        None,
    ] == tell(story)


def test_tagged_lookup_with_its_tags_takes_one_trip() -> None:
    """
    get_or_set knows the tags, so it asks for value and generations together.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        async def compute() -> str:
            return "value"

        await store.get_or_set("key", compute, tags=["t"])
        hit = await cost(world, store.get_or_set("key", compute, tags=["t"]))
        without = await cost(world, store.get("key"))
        return [hit, without]

    assert [("value", 1, TRIP_S), ("value", 2, 2 * TRIP_S)] == tell(story)


def test_what_is_invalidated_while_computed_is_not_served_later() -> None:
    """
    A value computed from data that a tag, a pattern or a delete has made stale meanwhile is
    given to those who waited, and to nobody after.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        outcomes = []
        for invalidate in (
            lambda: store.invalidate_tag("t"),
            lambda: store.invalidate("k*"),
            lambda: store.delete("key"),
        ):

            async def compute() -> str:
                await asyncio.sleep(1)
                return "stale"

            waiting = asyncio.create_task(store.get_or_set("key", compute, tags=["t"]))
            await asyncio.sleep(0.5)
            await invalidate()
            outcomes += [await waiting, await store.get("key")]
        return outcomes

    assert ["stale", None] * 3 == tell(story)


def test_an_evicted_tag_does_not_wake_the_dead() -> None:
    """
    If Redis drops a tag's generation its entries are gone, also after the tag is used again.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        await store.set("old", "1", tags=["t"])
        await store.invalidate_tag("t")
        await world.client.delete("answers#t")
        lost = await store.get("old")
        await store.set("new", "2", tags=["t"])
        return [lost, await store.get("old"), await store.get("new")]

    assert [None, None, "2"] == tell(story)


def test_invalidate_walks_in_batches() -> None:
    """
    3,500 of 7,000 keys go in batches; those of other patterns and namespaces stay.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        other = RedisStore(world.client, namespace="answers2", kind=str)
        await store.mset({f"{'user' if n % 2 else 'shop'}-{n}": "x" for n in range(7000)})
        await other.set("user-1", "x")
        trips = world.trips()
        removed = await store.invalidate("user-*")
        return [
            removed,
            world.trips() - trips < 30,
            await store.get("user-1"),
            await store.get("shop-2"),
            await other.get("user-1"),
        ]

    assert [3500, True, None, "x", "x"] == tell(story)
