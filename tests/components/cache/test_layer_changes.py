"""Changes and computations that overtake each other in layers of caches, and the layers as one dict."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    MISSING,
    Layers,
    MemoryCache,
    RedisStore,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop
from agent_perf.sim.faults import outage
from tests.components.cache.layering import Far, run
from tests.components.store.stored import World, tell


@pytest.mark.parametrize("change", ["set", "delete"])
@pytest.mark.parametrize("at_s", [0.5, 1.5, 2.5, 3.5])
def test_what_was_looked_up_before_a_change_is_not_kept_after_it(change: str, at_s: float) -> None:
    """
    Whenever a key is set or deleted while an older value is on its way up, no layer holds
    the older value in the end.
    """
    near: MemoryCache[str] = MemoryCache()
    middle, far = Far(), Far()
    far.values["key"] = "old"

    async def main(_: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": near, "middle": middle, "far": far})
        looking = asyncio.create_task(layers.get("key"))
        await asyncio.sleep(at_s)
        if change == "set":
            changing = asyncio.create_task(layers.set("key", "new"))
        else:
            changing = asyncio.create_task(layers.delete("key"))
        # In the middle of the change another looks, and finds what is half changed.
        await asyncio.sleep(0.7)
        await asyncio.gather(looking, changing, layers.get("key"))
        return [near.get("key"), middle.values.get("key"), far.values.get("key")]

    new = "new" if change == "set" else None
    held = run(main)
    assert set(held) <= {new, None}
    assert new == held[2]


def test_what_was_computed_before_a_change_is_not_kept_after_it() -> None:
    """
    A value that was being computed when its key was deleted is returned to who asked, and
    kept nowhere; who asks after the deletion gets a new one.
    """
    far = Far(takes_s=0)
    outcomes = iter(["old", "new"])

    async def compute() -> str:
        outcome = next(outcomes)
        await asyncio.sleep(1)
        return outcome

    async def main(_: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": MemoryCache(), "far": far})
        first = asyncio.create_task(layers.get_or_set("key", compute))
        await asyncio.sleep(0.5)
        await layers.delete("key")
        second = await layers.get_or_set("key", compute)
        return [await first, second, await layers.get("key"), layers.stats().outdated]

    assert ["old", "new", "new", 1] == run(main)


def test_caller_who_leaves_leaves_the_rest() -> None:
    """
    A cancelled caller does not take the look-up from those who wait for it.
    """
    far = Far()
    far.values["key"] = "value"

    async def main(_: SimLoop) -> object:
        layers: Layers[str] = Layers({"near": MemoryCache(), "far": far})
        first = asyncio.create_task(asyncio.wait_for(layers.get("key"), 0.5))
        second = asyncio.create_task(layers.get("key"))
        with pytest.raises(TimeoutError):
            await first
        return await second

    assert "value" == run(main)


@pytest.mark.parametrize("second", ["set", "delete"])
def test_changes_of_one_key_reach_all_layers_in_one_order(second: str) -> None:
    """
    Of two changes at once, all layers keep the same one, though a layer overtakes itself.
    """
    near: MemoryCache[str] = MemoryCache()

    class Hasty(Far):
        async def _work(self, name: str) -> None:
            self.takes_s, now_s = 1.0, self.takes_s
            await asyncio.sleep(now_s)

    far = Hasty(takes_s=3.0)

    async def main(_: SimLoop) -> object:
        layers: Layers[str] = Layers({"near": near, "far": far})
        last = layers.set("key", "second") if second == "set" else layers.delete("key")
        await asyncio.gather(layers.set("key", "first"), last)
        return await layers.get("key")

    held = "second" if second == "set" else None
    assert held == run(main)
    assert (held, held) == (far.values.get("key"), near.get("key"))


@pytest.mark.parametrize("change", ["set", "delete"])
def test_change_that_was_cancelled_leaves_no_old_value_above_the_new(change: str) -> None:
    """
    Who leaves a set or delete whose lower layer may have it done, finds no old copy above.
    """
    near: MemoryCache[str] = MemoryCache()
    far = Far()

    async def main(loop: SimLoop) -> object:
        layers: Layers[str] = Layers({"near": near, "far": far})
        await layers.set("key", "old")
        call = layers.set("key", "new") if change == "set" else layers.delete("key")
        task = loop.create_task(call)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        # Redis does what it was sent, whether or not anybody waits for its answer.
        far.values["key"] = "done below"
        return task.cancelled(), await layers.get("key")

    assert (True, "done below") == run(main)


def test_value_overtaken_in_a_failing_layer_is_returned_all_the_same() -> None:
    """
    A computed value reaches its caller though it was overtaken, and a layer that has it by
    then fails to remove it.
    """
    far = Far()

    async def main(loop: SimLoop) -> object:
        layers: Layers[str] = Layers({"far": far})

        async def compute() -> str:
            return "computed"

        task = loop.create_task(layers.get_or_set("key", compute))
        await asyncio.sleep(1.5)
        change = loop.create_task(layers.set("key", "set"))
        await asyncio.sleep(0.6)
        far.error = OSError("gone")
        got = await task
        await change
        return got, layers.stats().outdated

    assert ("computed", 1) == run(main)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from("abc"), st.integers(0, 99)),
            st.tuples(st.just("delete"), st.sampled_from("abc")),
            st.tuples(st.just("get"), st.sampled_from("abc")),
            st.tuples(st.just("forget"), st.sampled_from("abc"), st.integers(0, 1)),
        ),
        max_size=30,
    )
)
def test_agrees_with_a_dict(script: list[tuple]) -> None:
    """
    One caller after another sees a plain dict, even where upper layers lose entries.
    """

    async def main(_: SimLoop) -> None:
        plain: dict[str, int] = {}
        upper = [MemoryCache[int](entries_max=1), MemoryCache[int](entries_max=2)]
        layers: Layers[int] = Layers({"a": upper[0], "b": upper[1], "far": Far()})
        for step in script:
            match step:
                case "set", key, value:
                    plain[key] = value
                    assert await layers.set(key, value)
                case "delete", key:
                    plain.pop(key, None)
                    await layers.delete(key)
                case "get", key:
                    assert plain.get(key, MISSING) == await layers.get(key, MISSING)
                case "forget", key, index:
                    upper[index].delete(key)

    run(main)


def test_redis_below_memory_and_its_outage() -> None:
    """
    Over a Redis that is down for a while the layers go on from memory, and copy from Redis
    again when it is back.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        near: MemoryCache[str] = MemoryCache()
        layers: Layers[str] = Layers({"near": near, "redis": store})
        got: list[object] = [await layers.set("key", "value", ttl_s=600)]
        world.faults.start()
        got += [await layers.get("key"), await layers.get("other"), await layers.set("x", "y")]
        got.append((layers.layer_stats()["redis"].is_up, layers.layer_stats()["redis"].failures))
        await asyncio.sleep(10)
        near.clear()
        got += [await layers.get("key"), near.get("key"), layers.layer_stats()["redis"].is_up]
        return got

    assert [True, "value", None, False, (False, 2), "value", "value", True] == tell(
        story, outage("redis", for_s=5)
    )


def test_copy_from_redis_lives_no_longer_than_there() -> None:
    """
    What Redis keeps for 6 s more is held above for so long, counted from the question; what it
    keeps for ever, for the layer's own time.
    """

    async def story(store: RedisStore[str], world: World) -> list[object]:
        near: MemoryCache[str] = MemoryCache(ttl_s=3600)
        layers: Layers[str] = Layers({"near": near, "redis": store}, ttl_s=600)
        await store.set("key", "value", ttl_s=10)
        await store.set("ever", "value")
        await world.client.persist("answers:ever")
        await asyncio.sleep(4)
        got = [await layers.get("key"), await layers.get("ever")]
        found = near.find("key")
        assert found is not None
        assert found[1] is not None
        assert 5.9 < found[1] < 6.0
        got += [near.find("ever"), await store.find("none")]
        await asyncio.sleep(6)
        return [*got, near.get("key"), await store.find("key")]

    assert ["value", "value", ("value", 3600.0), None, None, None] == tell(story)


@pytest.mark.parametrize(
    "options",
    [
        {"caches": {}},
        {"caches": {"a": MemoryCache()}, "ttl_s_max": {"b": 1.0}},
        {"caches": {"a": MemoryCache()}, "ttl_s_max": {"a": 0.0}},
        {"caches": {"a": MemoryCache()}, "ttl_s": -1.0},
        {"caches": {"a": MemoryCache()}, "timeout_s": 0.0},
    ],
)
def test_bad_arguments_are_refused(options: dict) -> None:
    """
    No layers, bounds of layers that are not there and times that are none are errors.
    """
    with pytest.raises(ConfigError, match="want"):
        Layers(**options)
