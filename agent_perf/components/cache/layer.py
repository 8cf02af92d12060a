"""
One layer of a layered cache: any object that gets, sets and deletes, and what became of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from agent_perf.components.cache.stats import MISSING
from agent_perf.components.errors import SerializerError, StoreUnavailableError
from agent_perf.components.health import Health
from agent_perf.errors import ConfigError

T = TypeVar("T")
V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)
D = TypeVar("D")

logger = logging.getLogger(__name__)


class LayerCache(Protocol):
    """
    What a layer is made of: MemoryCache, DiskCache, RedisStore, or one of yours.

    Each may be a coroutine function or a plain one. Beside these, ``find(key)``, which
    gives (value, seconds left or None for ever) or None, tells copies how long to live;
    ``is_up`` tells a miss from an outage; ``health()`` answers for itself.
    """

    def get(self, key: str, default: Any) -> Any:
        """Return the value of *key*, or *default*."""

    def set(self, key: str, value: Any, *, ttl_s: float | None = None) -> Any:
        """Store *value*, for the layer's own time if *ttl_s* is None."""

    def delete(self, key: str) -> Any:
        """Remove *key*; raise if that cannot be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStats:
    """
    What became of a layer since it was made.

    Attributes:
        hits: Lookups that it answered.
        misses: Lookups that it could not answer, those that failed included.
        failures: Calls that it failed, and that went on without it.
        copies: Values that it received from the layers below.
        is_up: Whether it did what it was last asked for.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"is_up"})

    hits: int
    misses: int
    failures: int
    copies: int
    is_up: bool


class Layer(Generic[V]):
    """
    A cache with a name, whose failures are counted and told once per outage.

    Args:
        name: For people.
        cache: See LayerCache.
        unknown_ttl_s: How long a copy lives of what the cache cannot tell the life of.
        ttl_s_max: Longest life of anything in it; None for no such bound.
        timeout_s: Longest wait for it; None for no such bound.
    """

    def __init__(
        self,
        name: str,
        cache: LayerCache,
        *,
        unknown_ttl_s: float,
        ttl_s_max: float | None,
        timeout_s: float | None,
    ) -> None:
        self.name = name
        self._cache = cache
        self._unknown_ttl_s = unknown_ttl_s
        self._ttl_s_max = ttl_s_max
        self._timeout_s = timeout_s
        self._find: Callable[[str], Any] | None = getattr(cache, "find", None)
        # A value may itself be awaitable, so the function decides, not what it returns.
        self.is_near = not inspect.iscoroutinefunction(self._find or cache.get)
        self._hits = self._misses = self._failures = self._copies = 0
        self._is_up = True

    def glance(self, key: str) -> V | Any:
        """Return the value of *key* if the layer is near and has it; MISSING if not."""
        try:
            value = self._cache.get(key, MISSING)
        except (ConfigError, TypeError):
            raise
        except Exception as error:  # noqa: BLE001 (told by _note_failure)
            self._note_failure(error)
            return MISSING
        if value is MISSING:
            self._misses += 1
        else:
            self._hits += 1
        return value

    async def look(self, key: str) -> tuple[V, float | None] | None:
        """Return the value of *key* and how long it still lives, None for ever; or None."""
        found = await self._attempt(self._found, key)
        if found is None:
            self._misses += 1
        else:
            self._hits += 1
        return found

    async def store(self, key: str, value: V, ttl_s: float | None, *, is_copy: bool) -> bool:
        """Store *value*; return whether it was done."""
        if self._ttl_s_max is not None:
            ttl_s = self._ttl_s_max if ttl_s is None else min(ttl_s, self._ttl_s_max)
        stored = await self._attempt(self._set, key, value, ttl_s)
        self._copies += is_copy and bool(stored)
        return bool(stored)

    async def remove(self, key: str) -> None:
        """
        Remove *key*.

        Raises:
            StoreUnavailableError: If the layer does not do it: it may still be there.
        """
        if not await self._attempt(self._delete, key):
            raise StoreUnavailableError(f"{self.name} is down: {key!r} may still be there")

    def stats(self) -> LayerStats:
        """Return what happened so far."""
        return LayerStats(
            hits=self._hits,
            misses=self._misses,
            failures=self._failures,
            copies=self._copies,
            is_up=self._is_up,
        )

    async def health(self) -> Health:
        """Return what the cache says of itself, or how the last call of it ended."""
        ask: Callable[[], Any] | None = getattr(self._cache, "health", None)
        if ask is None:
            return Health(is_up=self._is_up, latency_s=0.0, detail="" if self._is_up else "failed")
        health: Health = await ask()
        return health

    async def _found(self, key: str) -> tuple[V, float | None] | None:
        if self._find is not None:
            found: tuple[V, float | None] | None = await settled(self._find, key)
            return found
        value = await settled(self._cache.get, key, MISSING)
        return None if value is MISSING else (value, self._unknown_ttl_s)

    async def _set(self, key: str, value: V, ttl_s: float | None) -> bool:
        # What returns nothing has stored it.
        return await settled(self._cache.set, key, value, ttl_s=ttl_s) is not False

    async def _delete(self, key: str) -> bool:
        await settled(self._cache.delete, key)
        return True

    async def _attempt(self, call: Callable[..., Awaitable[T]], *args: object) -> T | None:
        try:
            async with (
                nullcontext() if self._timeout_s is None else asyncio.timeout(self._timeout_s)
            ):
                result = await call(*args)
        except (ConfigError, SerializerError):
            # The caller's mistake, in this layer and in every other.
            raise
        except Exception as error:  # noqa: BLE001 (told by _note_failure)
            self._note_failure(error)
            return None
        if getattr(self._cache, "is_up", True):
            self._note_success()
        elif not result:
            self._note_failure(None)
        return result

    def _note_failure(self, error: Exception | None) -> None:
        self._failures += 1
        if self._is_up:
            self._is_up = False
            logger.warning("going on without the layer %s: %s", self.name, error or "it is down")

    def _note_success(self) -> None:
        if not self._is_up:
            self._is_up = True
            logger.warning("the layer %s is back", self.name)


async def settled(function: Callable[..., Any], *args: object, **options: object) -> Any:
    """Return what *function*, plain or a coroutine function, comes to."""
    result = function(*args, **options)
    return await result if inspect.iscoroutinefunction(function) else result
