"""
A cache in Redis, over a redis.asyncio client of yours.

Reads and writes outlive Redis: while it is down they miss, and say so. Removals do not:
one that cannot be done is an error, because what it should have removed would be served
when Redis comes back.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, overload

from agent_perf.components.entries import BROKEN, DOWN, Found, RedisEntries, StoreStats
from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.flight import Flights
from agent_perf.components.keys import text_key
from agent_perf.components.outage import OutageGuard
from agent_perf.components.serializer import Serializer
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis

P = ParamSpec("P")
V = TypeVar("V")
D = TypeVar("D")

_NAMESPACE: Final = re.compile(r"[\w.-]+")


class RedisStore(Generic[V]):
    """
    A cache of values of one type, under one namespace in Redis.

    Args:
        client: Made with ``decode_responses=False``, which is the default. It stays yours
            to close.
        namespace: Letters, digits, ``_``, ``.`` and ``-``: keys are ``namespace:key``.
        kind: Type of the values; what is read is checked against it.
        ttl_s: Time to live unless given with the value, > 0.
        tag_ttl_s: How long a tag outlives its last use; longer than any *ttl_s*.
        serializer: One of *kind*, if its bounds should differ.
        timeout_s: Longest wait for Redis in one call; None to leave it to the client.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_change: Of the breaker that leaves a Redis that is down alone: as in CircuitBreaker.

    Example::

        store = RedisStore(redis.asyncio.Redis(), namespace="answers", kind=str, ttl_s=60)
        answer = await store.get_or_set("q-17", lambda: ask_model("q-17"))
    """

    def __init__(  # noqa: PLR0913 (all but three are optional, and named where they are given)
        self,
        client: Redis,
        *,
        namespace: str,
        kind: type[V],
        ttl_s: float = 300.0,
        tag_ttl_s: float = 86_400.0,
        serializer: Serializer[V] | None = None,
        timeout_s: float | None = None,
        clock: Callable[[], float] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigError(f"namespace={namespace!r}; want letters, digits, '_', '.' and '-'")
        if not 0 < ttl_s <= tag_ttl_s:
            raise ConfigError(f"ttl_s={ttl_s}, tag_ttl_s={tag_ttl_s}; want 0 < ttl_s <= tag_ttl_s")
        if client.connection_pool.connection_kwargs.get("decode_responses"):
            raise ConfigError(
                "the Redis client decodes responses; values are bytes: make one "
                "with decode_responses=False"
            )
        self._ttl_s = ttl_s
        self._guard = OutageGuard(
            "redis",
            down=DOWN,
            broken=BROKEN,
            timeout_s=timeout_s,
            clock=clock,
            on_change=on_change,
        )
        self._entries = RedisEntries(
            client, namespace, serializer or Serializer(kind), self._guard, tag_ttl_s=tag_ttl_s
        )
        self._flights = Flights()
        self._looks: dict[str, _Look] = {}

    @property
    def is_up(self) -> bool:
        """Whether Redis answered the last call; True before the first."""
        return self._guard.is_up

    def stats(self) -> StoreStats:
        """Return what happened so far."""
        return self._entries.stats()

    @overload
    async def get(self, key: str) -> V | None: ...
    @overload
    async def get(self, key: str, default: D) -> V | D | None: ...
    async def get(self, key: str, default: D | None = None) -> V | D | None:
        """Return the value of *key*; *default* if there is none, or Redis is down."""
        return (await self._entries.find((key,))).values.get(key, default)

    async def mget(self, keys: Collection[str]) -> dict[str, V | None]:
        """Return those of *keys* that have a value, with it, in one round trip."""
        found = await self._entries.find(tuple(dict.fromkeys(keys))) if keys else None
        return dict(found.values) if found else {}

    async def set(
        self, key: str, value: V | None, *, ttl_s: float | None = None, tags: Collection[str] = ()
    ) -> bool:
        """
        Store *value* for *ttl_s* seconds, > 0; return False if Redis is down.

        *tags* are names under which invalidate_tag will remove it.

        Raises:
            SerializerError: If the value cannot be stored.
        """
        try:
            generations = await self._entries.ensure(tags, {})
        except StoreUnavailableError:
            return False
        return await self._entries.write({key: value}, self._ttl(ttl_s), generations)

    async def mset(self, values: Mapping[str, V | None], *, ttl_s: float | None = None) -> bool:
        """Store *values* in one round trip; return False if Redis is down."""
        return not values or await self._entries.write(values, self._ttl(ttl_s), {})

    async def get_or_set(
        self,
        key: str,
        compute: Callable[[], Awaitable[V]],
        *,
        ttl_s: float | None = None,
        tags: Collection[str] = (),
    ) -> V:
        """
        Return the value of *key*, from ``compute()`` if there is none.

        However many callers of this process miss at once, *compute* runs once. What was
        invalidated while it was computed is returned, and not stored.
        """
        found: Found[V] = Found(answered=False)
        if key not in self._flights:
            found = await self._look_up(key, tags)
            if key in found.values:
                return found.values[key]  # type: ignore[return-value]  # None only if V has it.
        return await self._flights.join(
            key, lambda: self._compute(key, compute, ttl_s, tags, found)
        )

    def cached(
        self,
        *,
        ttl_s: float | None = None,
        key: Callable[..., str] | None = None,
        tags: Callable[..., Collection[str]] | None = None,
    ) -> Callable[[Callable[P, Awaitable[V]]], Callable[P, Coroutine[Any, Any, V]]]:
        """
        Return a decorator that answers an async function's calls from this store.

        Args:
            ttl_s: As in set.
            key: Arguments to key; by default the arguments' values, see call_key. A
                method's *self* takes part with its attribute ``cache_key``.
            tags: Arguments to tags.

        Example::

            @store.cached(ttl_s=60, tags=lambda user_id: [f"user-{user_id}"])
            async def profile(user_id: int) -> dict[str, str]: ...
        """

        def decorate(
            function: Callable[P, Awaitable[V]],
        ) -> Callable[P, Coroutine[Any, Any, V]]:
            name = f"{function.__module__}.{function.__qualname__}"

            @functools.wraps(function)
            async def answer(*args: P.args, **kwargs: P.kwargs) -> V:
                slot = f"{name}:{key(*args, **kwargs)}" if key else text_key(name, args, kwargs)
                return await self.get_or_set(
                    slot,
                    lambda: function(*args, **kwargs),
                    ttl_s=ttl_s,
                    tags=tags(*args, **kwargs) if tags else (),
                )

            return answer

        return decorate

    async def delete(self, *keys: str) -> int:
        """
        Remove *keys*; return how many there were.

        Raises:
            StoreUnavailableError: If Redis is down: they may still be there.
        """
        for key in keys:
            self._flights.forget(key)
        return await self._entries.remove(keys)

    async def invalidate(self, pattern: str) -> int:
        """
        Remove the keys that match *pattern*, a glob as in Redis; return how many.

        It walks all keys of the database in batches, without blocking it. Where it is
        known beforehand what goes together, a tag costs one write instead.

        Raises:
            StoreUnavailableError: If Redis is down, or goes down on the way.
        """
        self._flights.forget_all()
        return await self._entries.remove_matching(pattern)

    async def invalidate_tag(self, tag: str) -> None:
        """
        Make every value stored with *tag* a miss, in one write.

        Raises:
            StoreUnavailableError: If Redis is down: they may still be served.
        """
        self._flights.forget_all()
        await self._entries.renew(tag)

    async def _look_up(self, key: str, tags: Collection[str]) -> Found[V]:
        look = self._looks.setdefault(key, _Look())
        look.members += 1
        try:
            found = await self._entries.find((key,), tags)
        finally:
            look.members -= 1
            if not look.members:
                del self._looks[key]
        if look.overtaken and key not in found.values:
            # While our miss was on its way here, another's value was stored.
            found = await self._entries.find((key,), tags)
        return found

    async def _compute(
        self,
        key: str,
        compute: Callable[[], Awaitable[V]],
        ttl_s: float | None,
        tags: Collection[str],
        found: Found[V],
    ) -> V:
        generations: Mapping[str, bytes] | None = None
        if found.answered:
            # Before computing: what is invalidated meanwhile must be stored as dead.
            with suppress(StoreUnavailableError):
                generations = await self._entries.ensure(tags, found.generations)
        value = await compute()
        if generations is not None and self._flights.carries(key):
            await self._entries.write({key: value}, self._ttl(ttl_s), generations)
            if key in self._looks:
                self._looks[key].overtaken = True
        return value

    def _ttl(self, ttl_s: float | None) -> float:
        if ttl_s is None:
            return self._ttl_s
        if not ttl_s > 0:
            raise ConfigError(f"ttl_s={ttl_s}; want > 0")
        return ttl_s


class _Look:
    """The look-ups of one key that are on their way."""

    __slots__ = ("members", "overtaken")

    def __init__(self) -> None:
        self.members = 0
        self.overtaken = False
