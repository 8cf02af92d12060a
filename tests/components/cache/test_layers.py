"""Layers of caches: what is found, copied and computed, and layers that are down."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from agent_perf.components import (
    DiskCache,
    Layers,
    MemoryCache,
    Serializer,
    inline,
)
from agent_perf.components.errors import StoreUnavailableError
from agent_perf.sim import SimLoop
from tests.components.cache.layering import Far, run


def test_found_below_is_copied_above() -> None:
    """
    What only the lowest layer knows is answered from there once, and from the top afterwards.
    """
    near: MemoryCache[str] = MemoryCache()
    middle, far = Far(), Far()
    far.values["key"] = "value"

    async def main(loop: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": near, "middle": middle, "far": far})
        got = [await layers.get("key"), loop.time(), await layers.get("key"), loop.time()]
        stats = layers.layer_stats()
        assert [(1, 1), (0, 1), (1, 0)] == [(s.hits, s.misses) for s in stats.values()]
        assert [1, 1, 0] == [s.copies for s in stats.values()]
        assert (2, 0, 2) == (layers.stats().hits, layers.stats().misses, layers.stats().copies)
        return got

    # Middle and far are asked, and middle is given its copy: three seconds.
    assert ["value", 3.0, "value", 3.0] == run(main)
    assert {"key": "value"} == middle.values


def test_copy_lives_as_long_as_its_original(tmp_path: Path) -> None:
    """
    A copy of what has 6 s left lives 6 s, or less where a layer's bound says so.
    """

    async def main(_: SimLoop) -> list[object]:
        disk: DiskCache[str] = DiskCache(tmp_path / "d", serializer=Serializer(str), run=inline)
        near: MemoryCache[str] = MemoryCache(ttl_s=3600)
        tight: MemoryCache[str] = MemoryCache(ttl_s=3600)
        await disk.set("key", "value", ttl_s=10)
        await disk.set("ever", "value")
        await asyncio.sleep(4)
        layers: Layers[str] = Layers(
            {"tight": tight, "near": near, "disk": disk}, ttl_s_max={"tight": 2}
        )
        got: list[object] = [await layers.get("key"), await layers.get("ever")]
        got += [cache.find(key) for cache in (tight, near) for key in ("key", "ever")]
        await asyncio.sleep(6)
        got.append(await layers.get("key"))
        await disk.aclose()
        return got

    tight = [("value", 2.0), ("value", 2.0)]
    assert ["value", "value", *tight, ("value", 6.0), ("value", 3600.0), None] == run(main)


def test_copy_of_unknown_life_lives_as_told() -> None:
    """
    What a layer cannot tell the life of lives unknown_ttl_s in the layers above.
    """
    near: MemoryCache[str] = MemoryCache(ttl_s=3600)
    far = Far()
    far.values["key"] = "value"

    async def main(_: SimLoop) -> object:
        layers: Layers[str] = Layers({"near": near, "far": far}, unknown_ttl_s=7)
        await layers.get("key")
        return near.find("key")

    assert ("value", 7.0) == run(main)


@pytest.mark.parametrize("known", [True, False])
def test_ten_thousand_callers_ask_once(known: bool) -> None:
    """
    However many callers want one key at once, each layer is asked once and the value is
    computed at most once.
    """
    far, runs = Far(), []
    if known:
        far.values["key"] = "value"

    async def compute() -> str:
        runs.append(1)
        await asyncio.sleep(1)
        return "value"

    async def main(loop: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": MemoryCache(), "far": far})
        got = await asyncio.gather(*(layers.get_or_set("key", compute) for _ in range(10_000)))
        looks = await asyncio.gather(*(layers.get("key") for _ in range(100)))
        return [{*got, *looks}, loop.time()]

    assert [{"value"}, 1.0 if known else 3.0] == run(main)
    assert (1, 0 if known else 1, 0 if known else 1) == (
        far.asked["get"],
        far.asked["set"],
        len(runs),
    )


def test_ten_thousand_keys_at_once() -> None:
    """
    10,000 callers of 10,000 keys get their own values, and nothing is left behind.
    """
    far = Far()

    async def main(loop: SimLoop) -> list[object]:
        layers: Layers[int] = Layers({"near": MemoryCache(entries_max=20_000), "far": far})

        async def compute(n: int) -> int:
            await asyncio.sleep(1)
            return n

        got = await asyncio.gather(
            *(layers.get_or_set(f"{n}", lambda n=n: compute(n)) for n in range(10_000))
        )
        left = len(layers._watches) + len(layers._changing) + len(layers._flights)
        return [got == list(range(10_000)), left, loop.time()]

    assert [True, 0, 3.0] == run(main)


def test_cached_none_is_a_hit_in_every_layer(tmp_path: Path) -> None:
    """
    None is found, copied and not computed again.
    """
    runs: list[int] = []

    async def main(_: SimLoop) -> list[object]:
        disk: DiskCache[None] = DiskCache(
            tmp_path / "d", serializer=Serializer(type(None)), run=inline
        )
        near: MemoryCache[None] = MemoryCache()
        layers: Layers[None] = Layers({"near": near, "disk": disk})

        @layers.cached(ttl_s=60)
        async def find(user_id: int) -> None:
            runs.append(user_id)

        got: list[object] = [await find(17), await find(17)]
        near.clear()
        got += [await find(17), layers.stats().computations]
        await disk.aclose()
        return got

    assert [None, None, None, 1] == run(main)
    assert [17] == runs


@pytest.mark.parametrize(
    "error", [OSError("no route"), StoreUnavailableError("down"), RuntimeError("bug")]
)
def test_layer_that_is_down_is_gone_on_without(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """
    While a layer fails the others answer and values are computed; the log says so once,
    and once more when it is back; removals are refused, and done in the others.
    """
    far, near = Far(), MemoryCache[str]()
    far.error = error

    async def compute() -> str:
        return "value"

    async def main(_: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": near, "far": far})
        got: list[object] = [
            await layers.get("key"),
            await layers.set("key", "value"),
            await layers.get_or_set("key", compute),
            await layers.get_or_set("other", compute),
        ]
        with pytest.raises(StoreUnavailableError, match="'key' may still be there"):
            await layers.delete("key")
        got += ["key" in near, (await layers.health()).is_up]
        far.error = None
        got += [await layers.set("key", "value"), (await layers.health()).is_up]
        got += [layers.layer_stats()["far"].failures, layers.stats().failures]
        return got

    with caplog.at_level(logging.WARNING):
        got = run(main)
    assert [None, False, "value", "value", False, False, True, True, 5, 5] == got
    assert 2 == len(caplog.messages)
    assert caplog.messages[0].startswith("going on without the layer far")
    assert "the layer far is back" == caplog.messages[1]


def test_layer_that_hangs_is_not_waited_for() -> None:
    """
    A layer that does not answer costs timeout_s and counts as down.
    """
    far = Far(takes_s=3600)

    async def main(loop: SimLoop) -> list[object]:
        layers: Layers[str] = Layers({"near": MemoryCache(), "far": far}, timeout_s=0.5)
        got = await layers.get("key", "default")
        return [got, loop.time(), layers.layer_stats()["far"].is_up]

    assert ["default", 0.5, False] == run(main)
