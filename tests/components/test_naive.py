"""Known faults of naive designs, in memory: each claim is kept by ours, and broken by the naive one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from agent_perf.components import (
    Histogram,
    MemoryCache,
    call_key,
)
from agent_perf.sim import SimLoop, simulate
from benchmarks.naive import NaiveCache, NaiveSamples, naive_key
from tests.components.naive_claims import only_ours_keeps

Quantile = Callable[[Sequence[float], float], float | None]


def naive_quantile(samples: Sequence[float], q: float) -> float | None:
    latencies = NaiveSamples()
    latencies.samples += samples
    return latencies.quantile(q)


def our_quantile(samples: Sequence[float], q: float) -> float | None:
    latencies = Histogram()
    for sample in samples:
        latencies.observe(sample)
    return latencies.quantile(q)


def test_a_percentile_is_at_its_rank() -> None:
    """
    The P95 of 1 to 100 is 95: at ``int(n * .95)``, counted from 0, stands the next one.
    """

    def claim(quantile: Quantile) -> None:
        value = quantile([float(n) for n in range(1, 101)], 0.95)
        assert value is not None
        assert abs(value - 95) <= 95 / 256

    only_ours_keeps(claim, naive=naive_quantile, ours=our_quantile)


@pytest.mark.parametrize("count", [1, 10, 19])
def test_a_p95_of_few_is_not_told(count: int) -> None:
    """
    Of fewer than 20 values the P95 is the maximum, and so not to be printed as a P95.
    """

    def claim(quantile: Quantile) -> None:
        assert quantile([float(n) for n in range(1, count + 1)], 0.95) is None

    only_ours_keeps(claim, naive=naive_quantile, ours=our_quantile)


def test_the_p95_of_twenty_is_not_their_maximum() -> None:
    """
    Of 20 values the P95 is the nineteenth.
    """

    def claim(quantile: Quantile) -> None:
        value = quantile([*[1.0] * 19, 1_000.0], 0.95)
        assert value is not None
        assert abs(value - 1) <= 1 / 256

    only_ours_keeps(claim, naive=naive_quantile, ours=our_quantile)


def test_latencies_are_kept_in_bounded_memory() -> None:
    """
    25,000 latencies take as much as 5,000, give or take a few cells.
    """

    def claim(kind: type[NaiveSamples | Histogram]) -> None:
        sizes = []
        for count in (5_000, 25_000):
            tracemalloc.start()
            latencies = kind()
            for n in range(count):
                latencies.observe(0.001 + (n % 997) * 1e-5)
            sizes.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
        assert sizes[1] < sizes[0] + 50_000

    only_ours_keeps(claim, naive=NaiveSamples, ours=Histogram)


Caches = NaiveCache | MemoryCache[object]


def test_a_cached_none_is_a_hit() -> None:
    """
    A function that found nothing is not called again to find nothing.
    """

    def claim(cache: Caches) -> None:
        calls: list[int] = []

        async def find() -> None:
            calls.append(1)

        async def main() -> None:
            await cache.get_or_set("user-17", find)
            await cache.get_or_set("user-17", find)

        asyncio.run(main())
        assert 1 == len(calls)

    only_ours_keeps(claim, naive=NaiveCache(), ours=MemoryCache())


def test_many_who_miss_ask_once() -> None:
    """
    Fifty who miss one key at once call the function once.
    """

    def claim(cache: Caches) -> None:
        calls: list[int] = []

        async def compute() -> object:
            calls.append(1)
            await asyncio.sleep(1)
            return 17

        async def main(_: SimLoop) -> None:
            await asyncio.gather(*(cache.get_or_set("key", compute) for _ in range(50)))

        simulate(main)
        assert 1 == len(calls)

    only_ours_keeps(claim, naive=NaiveCache(), ours=MemoryCache())


def test_a_hit_looks_at_one_entry() -> None:
    """
    A hit in a full cache of 1,000 runs less than a hundred lines of Python: no clean-up that
    the size happens to ask for.
    """

    def claim(cache: Caches) -> None:
        for key in range(1_000):
            cache.set(key, key)
        lines = 0

        def trace(frame: object, event: str, _: object) -> object:
            nonlocal lines
            lines += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)  # type: ignore[arg-type]  # Its own type is not to be had.
        try:
            cache.get(17)
        finally:
            sys.settrace(before)
        assert lines < 100

    only_ours_keeps(claim, naive=NaiveCache(1_000), ours=MemoryCache(entries_max=1_000))


def test_the_least_recently_used_goes() -> None:
    """
    Of three entries in a cache of three, the one not asked for makes room: not the oldest.
    """

    def claim(cache: Caches) -> None:
        for key in "abc":
            cache.set(key, key)
        cache.get("a")
        cache.set("d", "d")
        assert ("a", None) == (cache.get("a"), cache.get("b"))

    only_ours_keeps(claim, naive=NaiveCache(3), ours=MemoryCache(entries_max=3))


KEYS = """
from agent_perf.components import call_key
from benchmarks.naive import naive_key
print({}("shop.answer", ("refund?", {{"a", "b", "c"}} and 1), {{"locale": "en"}}))
"""


def test_keys_are_equal_in_every_process() -> None:
    """
    Two processes make one key of equal arguments, whatever their hash seeds.
    """

    def claim(make: str) -> None:
        keys = {
            subprocess.run(
                [sys.executable, "-c", KEYS.format(make)],
                env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert 1 == len(keys)

    only_ours_keeps(claim, naive="naive_key", ours="call_key")


class Id:
    """Prints as its number, like many a wrapper of an id."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.cache_key = value

    def __repr__(self) -> str:
        return f"<Id {self.value // 10}…>"


def test_different_arguments_have_different_keys() -> None:
    """
    Two objects that print alike are two keys.
    """

    def claim(make: Callable[..., object]) -> None:
        assert make("f", (Id(17),), {}) != make("f", (Id(18),), {})

    only_ours_keeps(claim, naive=naive_key, ours=call_key)
