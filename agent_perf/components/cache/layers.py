"""
Caches before caches: memory before disk before Redis, as one.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Generic, ParamSpec, TypeVar, overload

from agent_perf.components.cache.entries import checked_ttl
from agent_perf.components.cache.flight import Flights
from agent_perf.components.cache.keys import text_key
from agent_perf.components.cache.layer import Layer, LayerCache, LayerStats
from agent_perf.components.cache.stats import MISSING, LayersStats
from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

P = ParamSpec("P")
V = TypeVar("V")
D = TypeVar("D")


class Layers(Generic[V]):
    """
    Layers of caches, the nearest first, for one event loop at a time.

    What a lower layer knows is copied into those above, for as long as it still lives there.
    However many callers miss at once, the layers are asked and the value is computed
    once. A layer that fails is gone on without, counted, and told of once per outage.
    What is set or deleted reaches all layers, the lowest first, and nothing that was
    looked up before it is copied after it; copies in other processes live on until they
    expire.

    Args:
        caches: Names to caches, the nearest first; see LayerCache.
        ttl_s: Default time to live, > 0; None to leave it to each layer.
        ttl_s_max: Names to the longest life of anything in that layer, > 0.
        unknown_ttl_s: Life of copies from a layer that cannot tell how long its entries
            still live, > 0: an entry may outlive its time by that much.
        timeout_s: Longest wait for one layer, > 0; None to leave it to the layers.

    Raises:
        ConfigError: If an argument is out of its range.

    Example::

        layers = Layers({"memory": MemoryCache(), "disk": DiskCache("answers.db")})
        answer = await layers.get_or_set("q-17", lambda: ask_model("q-17"), ttl_s=600)
    """

    def __init__(
        self,
        caches: Mapping[str, LayerCache],
        *,
        ttl_s: float | None = None,
        ttl_s_max: Mapping[str, float] | None = None,
        unknown_ttl_s: float = 60.0,
        timeout_s: float | None = None,
    ) -> None:
        bounds = dict(ttl_s_max or {})
        if not caches or bounds.keys() - caches.keys():
            raise ConfigError(
                f"layers {list(caches)}, ttl_s_max for {list(bounds)}; want one layer or more, "
                "and bounds of those alone"
            )
        if timeout_s is not None and not timeout_s > 0:
            raise ConfigError(f"timeout_s={timeout_s}; want > 0, or None")
        for each_s in (ttl_s, unknown_ttl_s, *bounds.values()):
            if each_s is not None:
                checked_ttl(each_s)
        self._ttl_s = ttl_s
        self._layers: tuple[Layer[V], ...] = tuple(
            Layer(
                name,
                cache,
                unknown_ttl_s=unknown_ttl_s,
                ttl_s_max=bounds.get(name),
                timeout_s=timeout_s,
            )
            for name, cache in caches.items()
        )
        # A look at a near layer needs no flight.
        self._top = self._layers[0] if self._layers[0].is_near else None
        self._rest = self._layers[1:] if self._top else self._layers
        self._looks = Flights()
        self._flights = Flights()
        self._watches: dict[str, list[_Watch]] = {}
        self._changing: dict[str, _Turn] = {}
        self._hits = self._misses = self._computations = self._outdated = 0

    @overload
    async def get(self, key: str) -> V | None: ...
    @overload
    async def get(self, key: str, default: D) -> V | D: ...
    async def get(self, key: str, default: D | None = None) -> V | D | None:
        """Return the value of *key* from the nearest layer that has it, or *default*."""
        value = self._top.glance(key) if self._top else MISSING
        if value is MISSING:
            value = await self._looks.join(key, lambda: self._look(key))
        if value is MISSING:
            self._misses += 1
            return default
        self._hits += 1
        return value

    async def set(self, key: str, value: V, ttl_s: float | None = None) -> bool:
        """
        Store *value* in all layers, for *ttl_s* seconds if given, > 0.

        Returns whether all stored it; one that did not may still hold what was before.
        """
        ttl_s = self._ttl_s if ttl_s is None else checked_ttl(ttl_s)
        async with self._change(key):
            stored = [
                await layer.store(key, value, ttl_s, is_copy=False)
                for layer in reversed(self._layers)
            ]
        return all(stored)

    async def delete(self, *keys: str) -> None:
        """
        Remove *keys* from all layers.

        Raises:
            StoreUnavailableError: If a layer fails: there they may still be. All others
                have removed them.
        """
        failed: list[str] = []
        for key in keys:
            async with self._change(key):
                for layer in reversed(self._layers):
                    try:
                        await layer.remove(key)
                    except StoreUnavailableError as error:
                        failed.append(str(error))
        if failed:
            raise StoreUnavailableError("; ".join(failed))

    async def get_or_set(
        self, key: str, compute: Callable[[], Awaitable[V]], *, ttl_s: float | None = None
    ) -> V:
        """Return the value of *key* from the nearest layer, or from ``compute()``."""
        value = self._top.glance(key) if self._top else MISSING
        if value is not MISSING:
            self._hits += 1
            return value
        ttl_s = self._ttl_s if ttl_s is None else checked_ttl(ttl_s)
        return await self._flights.join(key, lambda: self._fill(key, compute, ttl_s))

    def cached(
        self, *, ttl_s: float | None = None, key: Callable[..., str] | None = None
    ) -> Callable[[Callable[P, Awaitable[V]]], Callable[P, Coroutine[Any, Any, V]]]:
        """
        Return a decorator that answers an async function's calls from these layers.

        Args:
            ttl_s: Time to live of its results, > 0; the layers' own if not given.
            key: Arguments to key; by default the arguments' values, see call_key. A
                method's *self* takes part with its attribute ``cache_key``. Functions of one
                module and name, such as those that another function makes, share their
                entries: tell them apart here.
        """
        if ttl_s is not None:
            checked_ttl(ttl_s)

        def decorate(function: Callable[P, Awaitable[V]]) -> Callable[P, Coroutine[Any, Any, V]]:
            name = f"{function.__module__}.{function.__qualname__}"

            @functools.wraps(function)
            async def answer(*args: P.args, **kwargs: P.kwargs) -> V:
                slot = f"{name}:{key(*args, **kwargs)}" if key else text_key(name, args, kwargs)
                compute = functools.partial(function, *args, **kwargs)
                return await self.get_or_set(slot, compute, ttl_s=ttl_s)

            return answer

        return decorate

    def stats(self) -> LayersStats:
        """Return what happened so far."""
        each = self.layer_stats().values()
        return LayersStats(
            hits=self._hits,
            misses=self._misses,
            computations=self._computations,
            failures=sum(stats.failures for stats in each),
            copies=sum(stats.copies for stats in each),
            outdated=self._outdated,
        )

    def layer_stats(self) -> dict[str, LayerStats]:
        """Return names to what happened in that layer, the nearest first."""
        return {layer.name: layer.stats() for layer in self._layers}

    async def health(self) -> Health:
        """Return whether all layers are up, and which are not."""
        healths = {layer.name: await layer.health() for layer in self._layers}
        down = [f"{name}: {health.detail}" for name, health in healths.items() if not health.is_up]
        return Health(
            is_up=not down,
            latency_s=sum(health.latency_s for health in healths.values()),
            detail="; ".join(down),
        )

    async def _look(self, key: str) -> V | Any:
        with self._watch(key) as watch:
            return await self._search(key, watch)

    async def _fill(self, key: str, compute: Callable[[], Awaitable[V]], ttl_s: float | None) -> V:
        with self._watch(key) as watch:
            value = await self._search(key, watch)
            if value is not MISSING:
                self._hits += 1
                return value
            self._misses += 1
            self._computations += 1
            value = await compute()
            await self._keep(key, value, ttl_s, len(self._layers), watch, is_copy=False)
            return value

    async def _search(self, key: str, watch: _Watch) -> V | Any:
        above = len(self._layers) - len(self._rest)
        for index, layer in enumerate(self._rest, above):
            found = await layer.look(key)
            if found is not None:
                value, left_s = found
                await self._keep(key, value, left_s, index, watch, is_copy=True)
                return value
        return MISSING

    async def _keep(
        self,
        key: str,
        value: V,
        ttl_s: float | None,
        count: int,
        watch: _Watch,
        *,
        is_copy: bool,
    ) -> None:
        """Store *value* in the *count* uppermost layers, the lowest first, while it is true."""
        for layer in reversed(self._layers[:count]):
            if watch.holds():
                await layer.store(key, value, ttl_s, is_copy=is_copy)
                if watch.holds():
                    continue
                # Overtaken on the way: nobody knows which of the two came last. If it cannot
                # be removed, the layer has counted that; the value is true all the same.
                with suppress(StoreUnavailableError):
                    await layer.remove(key)
            self._outdated += 1
            return

    @contextmanager
    def _watch(self, key: str) -> Iterator[_Watch]:
        watch = _Watch(is_current=key not in self._changing)
        self._watches.setdefault(key, []).append(watch)
        try:
            yield watch
        finally:
            watches = self._watches[key]
            watches.remove(watch)
            if not watches:
                del self._watches[key]

    @asynccontextmanager
    async def _change(self, key: str) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        turn = self._changing.get(key)
        if turn is None or turn.loop is not loop:
            turn = self._changing[key] = _Turn(loop)
        turn.members += 1
        self._outdate(key)
        try:
            # One at a time: two that go through the layers side by side may arrive in another
            # order above than below, and leave them in disagreement.
            async with turn.lock:
                try:
                    yield
                except BaseException:
                    # Left on the way: below it may be done, so nothing above may hide it.
                    if self._top is not None:
                        with suppress(StoreUnavailableError):
                            await self._top.remove(key)
                    raise
        finally:
            turn.members -= 1
            if not turn.members and self._changing.get(key) is turn:
                del self._changing[key]
            # Who looked while it changed may have seen the old value.
            self._outdate(key)

    def _outdate(self, key: str) -> None:
        self._looks.forget(key)
        self._flights.forget(key)
        for watch in self._watches.get(key, ()):
            watch.is_current = False


class _Watch:
    """Whether a key is as it was when somebody began to look at it."""

    __slots__ = ("is_current",)

    def __init__(self, *, is_current: bool) -> None:
        self.is_current = is_current

    def holds(self) -> bool:
        return self.is_current


class _Turn:
    """The changes of one key that are under way or wait, one at a time."""

    __slots__ = ("lock", "loop", "members")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.lock = asyncio.Lock()
        self.members = 0
