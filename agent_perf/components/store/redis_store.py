"""
A cache in Redis, over a client of yours: redis-py's, or any RedisClient.

Reads and writes outlive Redis: while it is down they miss, and say so. Removals do not:
one that cannot be done is an error, because what it should have removed would be served
when Redis comes back.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeVar, overload

from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.health import Health
from agent_perf.components.link.client import RedisClient
from agent_perf.components.resilience.outage import OutageGuard
from agent_perf.components.store.batch import Batch
from agent_perf.components.store.decorating import decorator
from agent_perf.components.store.entries import Found, RedisEntries
from agent_perf.components.store.filling import Filling, Want
from agent_perf.components.store.guarded import BROKEN, DOWN, GuardedRedis, as_client
from agent_perf.components.store.leases import Leases
from agent_perf.components.store.naming import Names, milliseconds
from agent_perf.components.store.serializer import Serializer
from agent_perf.components.store.statistics import StoreStats, Tally
from agent_perf.components.store.tagging import TAGGED
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from agent_perf.components.store.near import NearTier

P = ParamSpec("P")
V = TypeVar("V")
D = TypeVar("D")

_NOTHING: Final = object()


class RedisStore(Generic[V]):
    """
    A cache of values of one type, under one namespace in Redis.

    Args:
        client: A redis-py client, made with ``decode_responses=False``, which is the
            default; or a RedisClient. It stays yours to close.
        namespace: Letters, digits, ``_``, ``.`` and ``-``: keys are ``namespace:key``.
        kind: Type of the values; what is read is checked against it.
        version: Of the values, likewise or a number: with another one everything is a miss.
            Keys are ``namespace@version:key`` then.
        ttl_s: Time to live unless given with the value, > 0.
        tag_ttl_s: How long a tag outlives its last use; longer than any *ttl_s*.
        lease_s: Computes a missing value once among all processes: how long one of them may
            take before another tries, and how long others wait, > 0; None: once in each.
        near: Keeps what was read in this process.
        serializer: One of *kind*, if its bounds or its compression should differ.
        timeout_s: Longest wait for Redis in one call; None to leave it to the client.
        clock: Monotonic seconds; ``time.monotonic`` if not given.
        on_change: Of the breaker that leaves a Redis that is down alone: as in CircuitBreaker.

    Example::

        store = RedisStore(redis.asyncio.Redis(), namespace="answers", kind=str, ttl_s=60)
        answer = await store.get_or_set("q-17", lambda: ask_model("q-17"))
    """

    def __init__(  # noqa: PLR0913 (all but three are optional, and named where they are given)
        self,
        client: Redis | RedisClient,
        *,
        namespace: str,
        kind: type[V],
        version: int | str | None = None,
        ttl_s: float = 300.0,
        tag_ttl_s: float = 86_400.0,
        lease_s: float | None = None,
        near: NearTier[V] | None = None,
        serializer: Serializer[V] | None = None,
        timeout_s: float | None = None,
        clock: Callable[[], float] | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        if not 0 < ttl_s <= tag_ttl_s:
            raise ConfigError(f"ttl_s={ttl_s}, tag_ttl_s={tag_ttl_s}; want 0 < ttl_s <= tag_ttl_s")
        if lease_s is not None and not lease_s > 0:
            raise ConfigError(f"lease_s={lease_s}; want > 0 or None")
        self._names = names = Names(namespace, version)
        self._ttl_ms = milliseconds(ttl_s)
        self._now_s = time.monotonic if clock is None else clock
        self._guard = OutageGuard(
            "redis",
            down=DOWN,
            broken=BROKEN,
            timeout_s=timeout_s,
            clock=clock,
            on_change=on_change,
        )
        self._client = as_client(client)
        self._redis = GuardedRedis(self._client, self._guard)
        self._tally = Tally()
        serializer = serializer or Serializer(kind)
        self._loads, self._key_prefix = serializer.loads, names.key
        self._near = near
        if near is not None:
            near.attach(names)
        self._entries = RedisEntries(
            self._redis, names, serializer, self._tally, tag_ttl_s=tag_ttl_s, near=near
        )
        self._leased = lease_s is not None
        leases = None
        if lease_s is not None:
            leases = Leases(self._redis, names, self._entries, hold_s=lease_s)
        self._filling = Filling(self._entries, self._tally, leases)

    @property
    def is_up(self) -> bool:
        """Whether Redis answered the last call; True before the first."""
        return self._guard.is_up

    def stats(self) -> StoreStats:
        """Return what happened so far."""
        near_hits = 0 if self._near is None else self._near.hits
        return self._tally.freeze(self._guard.failures, near_hits)

    async def health(self) -> Health:
        """Ask Redis whether it is there, whatever came of the calls before."""
        begin_s, detail = self._now_s(), ""
        try:
            await self._client.execute("PING")
        except (*DOWN, *BROKEN) as error:
            detail = f"{type(error).__name__}: {error}"
        return Health(is_up=not detail, latency_s=self._now_s() - begin_s, detail=detail)

    async def aclose(self) -> None:
        """End what goes on in the background; the client stays open."""
        await self._filling.aclose()
        if self._near is not None:
            await self._near.aclose()

    @overload
    async def get(self, key: str) -> V | None: ...
    @overload
    async def get(self, key: str, default: D) -> V | D | None: ...
    async def get(self, key: str, default: D | None = None) -> V | D | None:
        """Return the value of *key*; *default* if there is none, or Redis is down."""
        if self._near is not None:
            held = self._near.get(key)
            if held is not None:
                return held[0]
            return (await self._entries.find((key,))).values.get(key, default)
        if not self._guard.is_quiet:
            return (await self._entries.find((key,))).values.get(key, default)
        # What follows is `find`, for one untagged key while all is well.
        tally = self._tally
        try:
            stored = await self._client.execute("GET", self._key_prefix + key)
            if stored is None:
                tally.misses += 1
                return default
            if not self._guard.is_quiet:
                self._guard.succeed()  # type: ignore[unreachable]  # It may change meanwhile.
            if stored.startswith(TAGGED):
                found: Found[V] = Found()
                await self._entries.settle(found, (key,), (stored,))
                return found.values.get(key, default)
            value = self._loads(stored)
        except Exception as error:
            if not self._entries.is_miss(key, error):
                raise
            return default
        tally.hits += 1
        tally.bytes_read += len(stored)
        return value

    async def find(self, key: str) -> tuple[V | None, float | None] | None:
        """Return the live value of *key* and the seconds it has left, None for ever; or None."""
        begin_s = self._now_s()
        found = await self._entries.find((key,), ttls=True)
        if key not in found.values:
            return None
        left_ms = found.left_ms[key]
        if left_ms == -1:
            return found.values[key], None
        # From when it was asked for: the reply may have been long on its way.
        left_s = left_ms / 1e3 - (self._now_s() - begin_s)
        return (found.values[key], left_s) if left_s > 0 else None

    async def mget(self, keys: Collection[str]) -> dict[str, V | None]:
        """Return those of *keys* that have a value, with it, in one round trip."""
        wanted, near = tuple(dict.fromkeys(keys)), self._near
        if near is None:
            return (await self._entries.find(wanted)).values if wanted else {}
        held = {key: near.get(key) for key in wanted}
        missing = [key for key, slot in held.items() if slot is None]
        found = (await self._entries.find(missing)).values if missing else {}
        # In the order asked for, whatever came from where.
        return {
            key: found[key] if slot is None else slot[0]
            for key, slot in held.items()
            if slot is not None or key in found
        }

    async def set(
        self, key: str, value: V | None, *, ttl_s: float | None = None, tags: Collection[str] = ()
    ) -> bool:
        """
        Store *value* for *ttl_s* seconds, > 0; return False if Redis is down.

        *tags* are names under which invalidate_tag will remove it.

        Raises:
            SerializerError: If the value cannot be stored.
        """
        generations: Mapping[str, bytes] = {}
        if tags:
            try:
                generations = await self._entries.tags.ensure(tags, {})
            except StoreUnavailableError:
                return False
        self._filling.forget((key,))
        return await self._entries.write({key: value}, self._ttl(ttl_s), generations)

    async def mset(self, values: Mapping[str, V | None], *, ttl_s: float | None = None) -> bool:
        """Store *values* in one round trip; return False if Redis is down."""
        if not values:
            return True
        self._filling.forget(values)
        return await self._entries.write(values, self._ttl(ttl_s), {})

    async def touch(self, key: str, *, ttl_s: float | None = None) -> bool:
        """
        Let *key* live for *ttl_s* seconds from now, > 0; return whether that was done.

        False: there is no such key, or Redis is down.
        """
        with suppress(StoreUnavailableError):
            return await self._entries.prolong(key, self._ttl(ttl_s))
        return False

    def batch(self) -> Batch[V]:
        """
        Return a collection of reads, writes and removals that go in one round trip.

        Example::

            async with store.batch() as batch:
                old = batch.get("q-17")
                batch.set("q-18", "hello")
            print(old.value)
        """
        return Batch(
            self._redis, self._names, self._entries, self._filling, self._ttl, self._leased
        )

    async def get_or_set(
        self,
        key: str,
        compute: Callable[[], Awaitable[V]],
        *,
        ttl_s: float | None = None,
        stale_s: float = 0.0,
        tags: Collection[str] = (),
    ) -> V:
        """
        Return the value of *key*, from ``compute()`` if there is none.

        However many callers of this process miss at once, *compute* runs once. What was
        set, removed or invalidated while it was computed is returned, and not stored.

        For *stale_s* seconds after *ttl_s* the value is stored for, >= 0, it is still
        served, while one *compute* in the background gets the next. (get serves it, too.)
        """
        if stale_s < 0:
            raise ConfigError(f"stale_s={stale_s}; want >= 0")
        near, filling = self._near, self._filling
        if near is not None and (held := near.get(key, stale_s)) is not None:
            return held[0]  # type: ignore[return-value]  # None only if V has it.
        plain = not (tags or stale_s) and key not in filling
        since = filling.stores
        if plain:
            value = await self.get(key, _NOTHING)
            if value is not _NOTHING:
                return value  # type: ignore[return-value]  # None only if V has it.
        want = Want(
            key=key,
            compute=compute,
            ttl_ms=self._ttl(ttl_s),
            stale_ms=milliseconds(stale_s) if stale_s else 0,
            tags=tags,
        )
        if plain:
            return await filling.answer_miss(want, since, answered=self._guard.is_up)
        return await filling.answer(want)

    def cached(
        self,
        *,
        ttl_s: float | None = None,
        stale_s: float = 0.0,
        key: Callable[..., str] | None = None,
        tags: Callable[..., Collection[str]] | None = None,
    ) -> Callable[[Callable[P, Awaitable[V]]], Callable[P, Coroutine[object, object, V]]]:
        """
        Return a decorator that answers an async function's calls from this store.

        Args:
            ttl_s: As in set.
            stale_s: As in get_or_set.
            key: Arguments to key; by default the arguments' values, see call_key. A
                method's *self* takes part with its attribute ``cache_key``. Functions of one
                module and name, such as those that another function makes, share their
                entries: tell them apart here.
            tags: Arguments to tags.

        Example::

            @store.cached(ttl_s=60, tags=lambda user_id: [f"user-{user_id}"])
            async def profile(user_id: int) -> dict[str, str]: ...
        """
        return decorator(
            functools.partial(self.get_or_set, ttl_s=ttl_s, stale_s=stale_s), key, tags
        )

    async def delete(self, *keys: str) -> int:
        """
        Remove *keys*; return how many there were.

        Raises:
            StoreUnavailableError: If Redis is down: they may still be there.
        """
        self._filling.forget(keys)
        return await self._entries.remove(keys, leases=self._leased)

    async def invalidate(self, pattern: str) -> int:
        """
        Remove the keys that match *pattern*, a glob as in Redis; return how many.

        It walks all keys of the database in batches, without blocking it. Where it is
        known beforehand what goes together, a tag costs one write instead.

        Raises:
            StoreUnavailableError: If Redis is down, or goes down on the way.
        """
        self._filling.forget_all()
        return await self._entries.remove_matching(pattern, leases=self._leased)

    async def invalidate_tag(self, tag: str) -> None:
        """
        Make every value stored with *tag* a miss, in one write.

        Raises:
            StoreUnavailableError: If Redis is down: they may still be served.
        """
        self._filling.forget_all()
        await self._entries.tags.renew(tag)

    def _ttl(self, ttl_s: float | None) -> int:
        if ttl_s is None:
            return self._ttl_ms
        if not ttl_s > 0:
            raise ConfigError(f"ttl_s={ttl_s}; want > 0")
        return milliseconds(ttl_s)
