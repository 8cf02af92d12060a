"""A store with a near tier: what it serves from memory, and never too long."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import NearTier, RedisStore
from agent_perf.components.store.naming import Names
from agent_perf.errors import ConfigError
from agent_perf.sim.faults import hang, outage
from tests.components.store.stored import TRIP_S, World, cost, tell

STALENESS_S = 3.0


def near_store(world: World, **options: object) -> tuple[RedisStore[str], NearTier[str]]:
    near: NearTier[str] = NearTier(world.client, staleness_s=STALENESS_S, **options)
    return RedisStore(world.client, namespace="answers", kind=str, near=near), near


def near_tell(story, *faults, **options):
    """As tell; *story* gets another process's store, the world, a near store and its tier."""

    async def main(store: RedisStore[str], world: World) -> object:
        mine, near = near_store(world, **options)
        await near.ready()
        try:
            return await story(store, world, mine, near)
        finally:
            await mine.aclose()

    return tell(main, *faults)


def test_a_hit_takes_no_trip() -> None:
    """
    What was read once is served without Redis, None and mget included, until it changes.
    """

    async def story(other, world, mine, near):
        await other.mset({"a": "1", "b": None})
        first = await cost(world, mine.mget(["a", "b", "x"]))
        hits = [
            await cost(world, mine.get("a")),
            await cost(world, mine.get("b", "default")),
            await cost(world, mine.mget(["b", "a"])),
            await cost(world, mine.get_or_set("a", lambda: asyncio.sleep(0, "no"))),
        ]
        return [first, hits, near.stats().hits, mine.stats().hits]

    assert [
        ({"a": "1", "b": None}, 1, TRIP_S),
        [("1", 0, 0), (None, 0, 0), ({"b": None, "a": "1"}, 0, 0), ("1", 0, 0)],
        5,
        7,
    ] == near_tell(story)


@pytest.mark.parametrize("how", ["set", "delete", "invalidate", "invalidate_tag", "batch"])
@pytest.mark.parametrize("who", ["mine", "other"])
def test_every_change_reaches_the_near_tier(how: str, who: str) -> None:
    """
    Whatever changes an entry, in this process or another, it is not served from memory after.
    """

    async def story(other, world, mine, near):
        await other.set("key", "old", tags=["t", "u"])
        held = [await mine.get("key"), await mine.get("key")]
        hits = near.stats().hits
        store = mine if who == "mine" else other
        if how == "batch":
            async with store.batch() as batch:
                batch.set("key", "new")
        else:
            arguments = {
                "set": ("key", "new"),
                "delete": ("key",),
                "invalidate": ("k*",),
                "invalidate_tag": ("t",),
            }
            await getattr(store, how)(*arguments[how])
        if who == "other":
            await asyncio.sleep(2 * TRIP_S)
        return [held, hits, await mine.get("key")]

    new = "new" if how in {"set", "batch"} else None
    assert [["old", "old"], 1, new] == near_tell(story)


def test_a_value_that_changes_on_its_way_is_not_kept() -> None:
    """
    A change that is heard of while a read is on its way spoils the read: it may be from before.
    """

    async def story(other, world, mine, near):
        claim, later = near.claim(["key"], ["t"]), None
        near.drop("key")
        later = near.claim(["key"], ["t"])
        near.keep(claim, "key", "old", {}, 1000)
        kept_old = near.get("key")
        near.keep(later, "key", "new", {"t": b"1"}, 1000)
        kept_new = near.get("key")
        near.drop_tag("t")
        dead = near.get("key")
        near.keep(later, "key", "new", {"t": b"1"}, 1000)
        return [kept_old, kept_new[0], dead, near.get("key"), near.stats().spoiled]

    assert [None, "new", None, None, 2] == near_tell(story)


def test_claims_leave_nothing_behind() -> None:
    """
    Reads that end, fail or are cancelled leave no note of themselves.
    """

    async def story(other, world, mine, near):
        await asyncio.gather(*(mine.get(f"key-{n % 7}") for n in range(100)))
        task = asyncio.create_task(mine.get("key"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        world.faults.start()
        await mine.get("key")
        return len(near._arrivals)

    assert 0 == near_tell(story, outage("redis", for_s=1))


def test_never_longer_than_redis() -> None:
    """
    A value is served no longer than Redis keeps it, nor longer than ttl_s.
    """

    async def story(other, world, mine, near):
        await other.set("short", "1", ttl_s=5)
        await other.set("long", "2", ttl_s=500)
        await mine.mget(["short", "long"])
        found = []
        for wait_s in (4.5, 0.6, 15.0):
            await asyncio.sleep(wait_s)
            found.append((near.get("short") is not None, near.get("long") is not None))
        return found

    assert [(True, True), (False, True), (False, False)] == near_tell(story, ttl_s=20)


def test_a_stale_value_is_refreshed_though_it_is_near() -> None:
    """
    get_or_set with stale_s notices the end of a value's time in memory as in Redis.
    """

    async def story(other, world, mine, near):
        async def compute() -> str:
            return f"value {mine.stats().writes}"

        found = []
        for wait_s in (0, 5, 6, 1):
            await asyncio.sleep(wait_s)
            found.append(await mine.get_or_set("key", compute, ttl_s=10, stale_s=20))
        return [*found, mine.stats().refreshes]

    assert ["value 0", "value 0", "value 0", "value 1", 1] == near_tell(story)


def test_a_lost_line_drops_everything() -> None:
    """
    When the line is lost all is dropped and bypassed; when it is back, reads are kept again.
    """

    async def story(other, world, mine, near):
        await other.set("key", "value")
        await mine.get("key")
        held = near.get("key") is not None
        world.faults.start()
        await asyncio.sleep(0.5)
        lost = near.get("key"), near.stats().is_trusted, await mine.get("key")
        await asyncio.sleep(5)
        await mine.get("key")
        return [held, lost, near.get("key") is not None, near.stats().losses]

    assert [True, (None, False, None), True, 1] == near_tell(story, outage("redis", for_s=1))


def test_a_silent_line_is_not_trusted() -> None:
    """
    When Redis hangs without a word nothing older than staleness_s is served.
    """

    async def story(other, world, mine, near):
        await other.set("key", "value")
        await mine.get("key")
        world.faults.start()
        served = []
        for _ in range(8):
            served.append(near.get("key") is not None)
            await asyncio.sleep(0.5)
        return served

    served = near_tell(story, hang("redis"))
    assert served[0]
    assert not any(served[6:])


def test_it_belongs_to_one_store() -> None:
    """
    A tier for two stores would mix their keys up; bad bounds are refused as well.
    """

    async def story(other, world, mine, near):
        with pytest.raises(ConfigError, match="one store"):
            near.attach(Names("other"))
        for bad in ({"ttl_s": 0}, {"staleness_s": 0}, {"ttl_s": float("inf")}):
            with pytest.raises(ConfigError):
                NearTier(world.client, **bad)

    near_tell(story)


def test_memory_is_bounded() -> None:
    """
    However many keys are read, no more than entries_max are held.
    """

    async def story(other, world, mine, near):
        keys = [f"key-{n}" for n in range(500)]
        await other.mset(dict.fromkeys(keys, "x"))
        for at in range(0, 500, 50):
            await mine.mget(keys[at : at + 50])
        return near.stats().entry_count

    assert 100 == near_tell(story, entries_max=100)


def test_who_waits_is_told_what_ended_the_listening() -> None:
    """
    What is no outage, such as a wrong argument or a stub that has no such connection, comes
    out of ready, which would wait for ever.
    """

    class Odd:
        def __init__(self, **options: object) -> None:
            raise TypeError("no such option")

    async def story(store, world):
        world.client.connection_pool.connection_class = Odd
        _, near = near_store(world)
        with pytest.raises(TypeError, match="no such option"):
            await near.ready()
        await near.aclose()

    tell(story)
