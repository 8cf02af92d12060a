"""Values computed where the store has none: versions, stale values, leases."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import RedisStore
from agent_perf.errors import ConfigError
from tests.components.store.stored import World, tell


class Source:
    """Gives numbered values, each after a second; counts how often."""

    def __init__(self, takes_s: float = 1.0) -> None:
        self.runs = 0
        self.takes_s = takes_s
        self.error: Exception | None = None

    async def __call__(self) -> str:
        self.runs += 1
        number = self.runs
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return f"value {number}"


def stores(world: World, **options: object) -> tuple[RedisStore[str], RedisStore[str]]:
    """Two processes that share a namespace."""
    return tuple(
        RedisStore(world.client, namespace="shared", kind=str, **options) for _ in range(2)
    )


def test_another_version_is_another_store() -> None:
    """
    With another version everything is a miss, and nothing of the old one is removed; tags and
    patterns do not reach across.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        old = RedisStore(world.client, namespace="answers", kind=str, version=1)
        new = RedisStore(world.client, namespace="answers", kind=str, version=2)
        await store.set("key", "none")
        await old.set("key", "old", tags=["t"])
        missed = await new.get("key")
        await new.set("key", "new", tags=["t"])
        await new.invalidate_tag("t")
        found = [await s.get("key") for s in (store, old, new)]
        await new.set("other", "x")
        removed = await new.invalidate("*")
        return [missed, found, removed, [await s.get("key") for s in (store, old, new)]]

    assert [None, ["none", "old", None], 2, ["none", "old", None]] == tell(story)


@pytest.mark.parametrize("bad", ["a:b", "", "v*", "a@b"])
def test_a_version_that_reaches_into_others_is_refused(bad: str) -> None:
    """
    A version is letters, digits, '_', '.' and '-': anything else could name another's keys.
    """

    async def story(store: RedisStore[str], world: World) -> None:
        with pytest.raises(ConfigError, match="version"):
            RedisStore(world.client, namespace="answers", kind=str, version=bad)

    tell(story)


def test_a_touched_value_lives_on() -> None:
    """
    touch gives a value another time to live, and says if there is none.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        await store.set("key", "value", ttl_s=2)
        done = [await store.touch("key", ttl_s=10), await store.touch("other")]
        await asyncio.sleep(5)
        return [*done, await store.get("key")]

    assert [True, False, "value"] == tell(story)


def test_stale_values_are_served_while_one_call_refreshes() -> None:
    """
    After its time a value is served at once for stale_s more, to however many ask, and one
    computation replaces it; after that it is a miss.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        source, loop = Source(), asyncio.get_running_loop()

        async def ask() -> str:
            return await store.get_or_set("key", source, ttl_s=10, stale_s=20)

        first = await ask()
        await asyncio.sleep(15)
        begin_s = loop.time()
        stale = await asyncio.gather(*(ask() for _ in range(50)))
        took_s = round(loop.time() - begin_s, 3)
        await asyncio.sleep(2)
        fresh, runs = await ask(), source.runs
        await asyncio.sleep(40)
        stats = store.stats()
        return [first, set(stale), took_s < 0.5, fresh, runs, await ask(), stats.refreshes]

    assert ["value 1", {"value 1"}, True, "value 2", 2, "value 3", 1] == tell(story)


def test_a_refresh_that_fails_keeps_the_stale_value(caplog: pytest.LogCaptureFixture) -> None:
    """
    A failing refresh is counted and logged, the stale value stays, and the next asks again.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        source = Source()
        await store.get_or_set("key", source, ttl_s=1, stale_s=60)
        await asyncio.sleep(5)
        source.error = OSError("no source")
        found = []
        for _ in range(2):
            found.append(await store.get_or_set("key", source, ttl_s=1, stale_s=60))
            await asyncio.sleep(5)
        return [found, store.stats().refreshes, store.stats().refresh_failures]

    assert [["value 1"] * 2, 2, 2] == tell(story)
    assert all("no source" in message for message in caplog.messages)


def test_what_is_deleted_while_it_refreshes_stays_deleted() -> None:
    """
    A refresh that set out before a delete stores nothing after it; aclose ends those left.
    """

    async def story(store: RedisStore[str], _: World) -> list[object]:
        source = Source()
        await store.get_or_set("key", source, ttl_s=1, stale_s=60)
        await asyncio.sleep(5)
        await store.get_or_set("key", source, ttl_s=1, stale_s=60)
        await asyncio.sleep(0.5)
        await store.delete("key")
        await asyncio.sleep(5)
        gone = await store.get("key")
        await store.get_or_set("key", source, ttl_s=1, stale_s=60)
        await asyncio.sleep(5)
        await store.get_or_set("key", source, ttl_s=1, stale_s=60)
        await asyncio.sleep(0.5)
        await store.aclose()
        await asyncio.sleep(5)
        return [gone, await store.get("key"), source.runs]

    assert [None, "value 3", 4] == tell(story)


def test_two_processes_one_computation() -> None:
    """
    With leases a hundred callers in two processes make one computation and get one value.
    """

    async def story(_: RedisStore[str], world: World) -> list[object]:
        source = Source()
        pair = stores(world, lease_s=10)
        tasks = [store.get_or_set("key", source) for store in pair for _ in range(50)]
        values = set(await asyncio.gather(*tasks))
        left = [name async for name in world.client.scan_iter(match="shared!*")]
        return [values, source.runs, left]

    assert [{"value 1"}, 1, []] == tell(story)


def test_a_holder_that_fails_leaves_the_lease_to_the_next() -> None:
    """
    Who waits for a computation that fails makes its own, at once and not after lease_s.
    """

    async def story(_: RedisStore[str], world: World) -> list[object]:
        bad, good = Source(), Source()
        bad.error = OSError("no source")
        one, other = stores(world, lease_s=60)
        failing = asyncio.create_task(one.get_or_set("key", bad))
        await asyncio.sleep(0.1)
        begin_s = asyncio.get_running_loop().time()
        value = await other.get_or_set("key", good)
        took_s = asyncio.get_running_loop().time() - begin_s
        with pytest.raises(OSError, match="no source"):
            await failing
        return [value, took_s < 2.5]

    assert ["value 1", True] == tell(story)


def test_a_holder_that_is_cancelled_gives_the_lease_up() -> None:
    """
    A caller that leaves while it computes for all leaves no lease behind.
    """

    async def story(_: RedisStore[str], world: World) -> list[object]:
        one, _other = stores(world, lease_s=60)
        task = asyncio.create_task(one.get_or_set("key", Source(100.0)))
        await asyncio.sleep(1)
        held = [name async for name in world.client.scan_iter(match="shared!*")]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        return [held, [name async for name in world.client.scan_iter(match="shared!*")]]

    assert [[b"shared!key"], []] == tell(story)


def test_waiting_for_a_lease_is_bounded() -> None:
    """
    Where a holder is lost or too slow, the others compute after lease_s, not never.
    """

    async def story(_: RedisStore[str], world: World) -> list[object]:
        slow, quick = Source(1_000.0), Source()
        one, other = stores(world, lease_s=5)
        lost = asyncio.create_task(one.get_or_set("key", slow))
        await asyncio.sleep(0.1)
        begin_s = asyncio.get_running_loop().time()
        value = await other.get_or_set("key", quick)
        took_s = asyncio.get_running_loop().time() - begin_s
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)
        return [value, 5 < took_s < 7]

    assert ["value 1", True] == tell(story)


@pytest.mark.parametrize("how", ["delete", "invalidate", "invalidate_tag"])
def test_another_process_invalidates_what_is_computed(how: str) -> None:
    """
    With leases a value computed from what another process has removed meanwhile is not stored.
    """

    async def story(_: RedisStore[str], world: World) -> list[object]:
        one, other = stores(world, lease_s=60)
        task = asyncio.create_task(one.get_or_set("key", Source(), tags=["t"]))
        await asyncio.sleep(0.5)
        argument = {"delete": "key", "invalidate": "k*", "invalidate_tag": "t"}[how]
        await getattr(other, how)(argument)
        return [await task, await other.get("key"), await one.get("key")]

    assert ["value 1", None, None] == tell(story)
