"""
What looks right and is not: naive designs beside ours, so that their price can be seen.

`tests/components/test_naive.py` and `test_naive_paths.py` show what each gets wrong.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import cache

from agent_perf.asv_plugin import per_call
from agent_perf.components import Histogram, MemoryCache

CALLS = 100
ENTRIES = 1_000
SAMPLES = 10_000


class NaiveCache:
    """A dict with times: cleans up whenever its size is a multiple of 50."""

    def __init__(self, entries_max: int = ENTRIES, ttl_s: float = 3600.0) -> None:
        self._entries: dict[object, tuple[object, float]] = {}
        self._entries_max = entries_max
        self._ttl_s = ttl_s

    def get(self, key: object) -> object:
        # Full at 1,000, its size is a multiple of 50 for ever.
        if len(self._entries) % 50 == 0:
            now_s = time.monotonic()
            for stale in [
                k for k, (_, at_s) in self._entries.items() if now_s - at_s > self._ttl_s
            ]:
                del self._entries[stale]
        found = self._entries.get(key)
        return found[0] if found else None

    def set(self, key: object, value: object) -> None:
        if len(self._entries) >= self._entries_max and key not in self._entries:
            del self._entries[min(self._entries, key=lambda k: self._entries[k][1])]
        self._entries[key] = (value, time.monotonic())

    async def get_or_set(self, key: object, compute: Callable[[], Awaitable[object]]) -> object:
        value = self.get(key)
        if value is None:
            value = await compute()
            self.set(key, value)
        return value


class NaiveSamples:
    """All samples in a list, its percentile at int(n * q)."""

    def __init__(self) -> None:
        self.samples: list[float] = []

    def observe(self, value: float) -> None:
        self.samples.append(value)

    def quantile(self, q: float) -> float:
        return sorted(self.samples)[int(len(self.samples) * q)]


def naive_key(name: str, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    return f"{name}:{hash(str(args) + str(kwargs))}"


@cache
def _full_naive() -> NaiveCache:
    entries = NaiveCache()
    for key in range(ENTRIES):
        entries.set(key, key)
    return entries


@cache
def _full() -> MemoryCache[int]:
    entries: MemoryCache[int] = MemoryCache(entries_max=ENTRIES, ttl_s=3600.0)
    for key in range(ENTRIES):
        entries.set(key, key)
    return entries


class FullCache:
    """A hit and an eviction at 1,000 entries; CPU time per operation."""

    @per_call(CALLS)
    def time_hit_naive(self) -> None:
        get = _full_naive().get
        for key in range(CALLS):
            get(key)

    @per_call(CALLS)
    def time_hit(self) -> None:
        get = _full().get
        for key in range(CALLS):
            get(key)

    @per_call(CALLS)
    def time_evict_naive(self) -> None:
        put = _full_naive().set
        for key in range(CALLS):
            put((key, time.monotonic_ns()), key)

    @per_call(CALLS)
    def time_evict(self) -> None:
        put = _full().set
        for key in range(CALLS):
            put((key, time.monotonic_ns()), key)


class Latencies:
    """Ten thousand latencies and their P95; CPU time per latency."""

    @per_call(SAMPLES)
    def time_observe_naive(self) -> None:
        self._observe(NaiveSamples())

    @per_call(SAMPLES)
    def time_observe(self) -> None:
        self._observe(Histogram())

    def _observe(self, latencies: NaiveSamples | Histogram) -> None:
        for n in range(SAMPLES):
            latencies.observe(0.001 + n * 1e-6)
            # A dashboard looks at it now and then.
            if n % 1_000 == 999:
                latencies.quantile(0.95)
