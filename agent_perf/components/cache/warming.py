"""
Filling a cache before it is needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from agent_perf.components.cache.layer import settled
from agent_perf.components.cache.stats import MISSING
from agent_perf.errors import ConfigError

K = TypeVar("K")
K_contra = TypeVar("K_contra", contravariant=True)
V = TypeVar("V")

logger = logging.getLogger(__name__)


class Warmable(Protocol[K_contra]):
    """A cache that can be filled; each may be a coroutine function or a plain one."""

    def get(self, key: K_contra, default: Any) -> Any:
        """Return the value of *key*, or *default*."""

    def set(self, key: K_contra, value: Any, *, ttl_s: float | None = None) -> Any:
        """Store *value*; False if that was not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStats:
    """
    What became of the keys since the warmer was made.

    Attributes:
        loaded: Values loaded and stored.
        present: Keys that the cache had already.
        failed: Keys whose value could not be loaded or stored.
        in_flight: Keys being worked on now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"in_flight"})

    loaded: int
    present: int
    failed: int
    in_flight: int


class Warmer(Generic[K, V]):
    """
    Loads keys into a cache, several at a time, and no faster than the source can bear.

    A key that fails is logged and counted, and the others go on. Cancelled, it stops at
    once; what was loaded is in the cache.

    Args:
        cache: MemoryCache, DiskCache, RedisStore, Layers, or one of yours: see Warmable.
        load: Key to value.
        ttl_s: Time to live, > 0; None for the cache's own.
        concurrency: Keys worked on at once, >= 1.
        rate_per_s: Loads begun per second at most, > 0, evenly spread; None for no bound.
        refresh: Whether to load what the cache has already.

    Raises:
        ConfigError: If an argument is out of its range.

    Example::

        warmer = Warmer(cache, load=answer_of, concurrency=20, rate_per_s=100)
        stats = await warmer.warm(most_asked)
    """

    def __init__(
        self,
        cache: Warmable[K],
        load: Callable[[K], Awaitable[V]],
        *,
        ttl_s: float | None = None,
        concurrency: int = 10,
        rate_per_s: float | None = None,
        refresh: bool = False,
    ) -> None:
        if concurrency < 1 or (rate_per_s is not None and not rate_per_s > 0):
            raise ConfigError(
                f"concurrency={concurrency}, rate_per_s={rate_per_s}; want >= 1, and > 0 or None"
            )
        self._cache = cache
        self._load = load
        self._ttl_s = ttl_s
        self._concurrency = concurrency
        self._gap_s = 0.0 if rate_per_s is None else 1 / rate_per_s
        self._refresh = refresh
        self._next_s = 0.0
        self._loaded = self._present = self._failed = self._in_flight = 0

    def stats(self) -> WarmStats:
        """Return what happened so far; it may be asked while it runs."""
        return WarmStats(
            loaded=self._loaded,
            present=self._present,
            failed=self._failed,
            in_flight=self._in_flight,
        )

    async def warm(self, keys: Iterable[K] | AsyncIterable[K]) -> WarmStats:
        """
        Load *keys*, and return what became of all keys so far.

        The next key is asked for when a place is free, so *keys* may be endless. An error
        of *keys* itself ends the work and is raised.
        """
        supply = _supply(keys)
        turn = asyncio.Lock()
        self._next_s = asyncio.get_running_loop().time()
        workers = [asyncio.create_task(self._work(supply, turn)) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await supply.aclose()
        return self.stats()

    async def _work(self, supply: AsyncIterator[K], turn: asyncio.Lock) -> None:
        while True:
            async with turn:
                # Only one may ask an async generator at a time.
                key = await anext(supply, MISSING)
            if key is MISSING:
                return
            self._in_flight += 1
            try:
                await self._warm_one(key)
            finally:
                self._in_flight -= 1

    async def _warm_one(self, key: K) -> None:
        try:
            if not self._refresh:
                held = await settled(self._cache.get, key, MISSING)
                if held is not MISSING:
                    self._present += 1
                    return
            await self._wait_for_turn()
            value = await self._load(key)
            stored = await settled(self._cache.set, key, value, ttl_s=self._ttl_s)
        except Exception:
            self._failed += 1
            logger.warning("cache: could not warm %r", key, exc_info=True)
            return
        if stored is False:
            self._failed += 1
            logger.warning("cache: did not take %r", key)
        else:
            self._loaded += 1

    async def _wait_for_turn(self) -> None:
        now_s = asyncio.get_running_loop().time()
        begin_s = max(now_s, self._next_s)
        self._next_s = begin_s + self._gap_s
        if begin_s > now_s:
            await asyncio.sleep(begin_s - now_s)


async def _supply(keys: Iterable[K] | AsyncIterable[K]) -> AsyncGenerator[K, None]:
    if isinstance(keys, AsyncIterable):
        async for key in keys:
            yield key
    else:
        for key in keys:
            yield key
