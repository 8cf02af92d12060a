"""
What was read from Redis, kept in this process until Redis says that it has changed.

A value is kept only if nothing was heard of its key from before it was asked for until it
came, and served only while the line on which Redis tells of changes is known to be alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from agent_perf.components.cache.memory import MemoryCache
from agent_perf.components.store.invalidations import Invalidations
from agent_perf.components.store.naming import Names
from agent_perf.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis

V = TypeVar("V")

_NEVER: Final = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class NearStats:
    """
    What a near tier has done.

    Attributes:
        hits: Values served from memory.
        kept: Values taken in.
        spoiled: Values not taken in, because they changed while they were on their way.
        dropped: Keys and tags that Redis said have changed.
        losses: Times that all was dropped, because the line to Redis was lost.
        entry_count: Values and generations held now.
        is_trusted: Whether what is held may be served now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"entry_count", "is_trusted"})

    hits: int
    kept: int
    spoiled: int
    dropped: int
    losses: int
    entry_count: int
    is_trusted: bool


class NearTier(Generic[V]):
    """
    The memory in front of one RedisStore.

    A hit is at most *staleness_s* behind Redis if the line to it goes dead without a word,
    and as far as a message travels if all is well. It is never served longer than Redis
    keeps it. Values are handed out as they are, not copied: do not change what you get.

    Args:
        source: A redis-py client, or a URL: one more connection is made with its settings, on
            which Redis tells what changes (``CLIENT TRACKING``, since Redis 6).
        entries_max: Values held at most, >= 1.
        bytes_max: Bytes held at most, >= 1; None for no such bound.
        ttl_s: Longest time to hold a value, > 0.
        staleness_s: How long the line may be silent before nothing is served, > 0.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Attributes:
        hits: Values served from memory.

    Raises:
        ConfigError: If an argument is out of range.

    Example::

        store = RedisStore(client, namespace="answers", kind=str, near=NearTier(client))
    """

    def __init__(
        self,
        source: Redis | str,
        *,
        entries_max: int = 10_000,
        bytes_max: int | None = None,
        ttl_s: float = 60.0,
        staleness_s: float = 3.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not (0 < ttl_s < float("inf") and 0 < staleness_s < float("inf")):
            raise ConfigError(f"ttl_s={ttl_s}, staleness_s={staleness_s}; want finite, > 0")
        self._now_s = time.monotonic if clock is None else clock
        self._ttl_s = ttl_s
        self._held: MemoryCache[_Held[V]] = MemoryCache(
            entries_max=entries_max, bytes_max=bytes_max, statistics=False, clock=self._now_s
        )
        self._find: Callable[[str], _Held[V] | None] = self._held.get
        # Generations take the place of values: what is bounded is the sum of both.
        self._generations: MemoryCache[bytes] = MemoryCache(
            entries_max=entries_max, statistics=False, clock=self._now_s
        )
        self._arrivals: dict[str, _Arrival] = {}
        self._trusted_until_s = _NEVER
        self._staleness_s = staleness_s
        self._source = source
        self._line: Invalidations | None = None
        self._names: Names | None = None
        self.hits = self._kept = self._spoiled = self._dropped = self._losses = 0

    def attach(self, names: Names) -> None:
        """
        Belong to the store whose entries are called by *names*.

        Raises:
            ConfigError: If it belongs to another one.
        """
        if self._names is not None:
            raise ConfigError("a near tier serves one store; make another for this one")
        self._names = names
        self._line = Invalidations(
            self._source,
            prefixes=(names.key, names.tag),
            on_change=self._on_change,
            on_alive=self._on_alive,
            on_loss=self._on_loss,
            period_s=self._staleness_s / 3,
            clock=self._now_s,
        )

    def get(self, key: str, margin_s: float = 0.0) -> _Held[V] | None:
        """Return what is held of *key* and lives for more than *margin_s*, in its place 0."""
        held = self._find(key)
        if held is None:
            return None
        _, then, expires_s = held
        now_s = self._now_s()
        if now_s >= self._trusted_until_s or expires_s - margin_s <= now_s:
            if expires_s <= now_s:
                self._held.delete(key)
            return None
        if then and not self._is_alive(then):
            return None
        self.hits += 1
        return held

    def stats(self) -> NearStats:
        """Return what happened so far."""
        return NearStats(
            hits=self.hits,
            kept=self._kept,
            spoiled=self._spoiled,
            dropped=self._dropped,
            losses=self._losses,
            entry_count=len(self._held) + len(self._generations),
            is_trusted=self._now_s() < self._trusted_until_s,
        )

    async def ready(self) -> None:
        """Return when Redis tells of changes; before that nothing is held."""
        if self._line is not None:
            await self._line.ready()

    async def aclose(self) -> None:
        """Drop everything and close the line."""
        if self._line is not None:
            await self._line.aclose()
        self._on_loss()

    # -- What the store calls

    def claim(self, keys: Sequence[str], tags: Collection[str]) -> Claim:
        """Take note that *keys* and *tags* are asked for from now on."""
        if self._line is not None:
            self._line.ensure_open()
        claim = Claim(self._now_s(), self._trusted_until_s > self._now_s())
        if claim.may_keep:
            for name in (*keys, *map(_tag, tags)):
                self._expect(claim, name)
        return claim

    def extend(self, claim: Claim, tags: Collection[str]) -> None:
        """Take note that *tags* are asked for too."""
        if claim.may_keep:
            for name in map(_tag, tags):
                self._expect(claim, name)

    def keep(
        self, claim: Claim, key: str, value: V | None, then: Mapping[str, bytes], left_ms: int
    ) -> None:
        """Hold *value*, which Redis keeps for *left_ms* more, or for ever if that is -1."""
        if not claim.may_keep or left_ms == 0 or left_ms < -1:
            return
        if any(claim.is_spoiled(name) for name in (key, *map(_tag, then))):
            self._spoiled += 1
            return
        # From when it was asked for: the reply may have been long on its way.
        life_s = self._ttl_s if left_ms < 0 else min(self._ttl_s, left_ms / 1e3)
        expires_s = claim.begin_s + life_s
        rest_s = expires_s - self._now_s()
        if rest_s <= 0:
            return
        self._kept += 1
        for tag, generation in then.items():
            self._generations.set(tag, generation, ttl_s=rest_s)
        # Without a time of its own: get looks at the clock anyway, and once will do.
        self._held.set(key, (value, tuple(then.items()), expires_s))

    def release(self, claim: Claim) -> None:
        """Forget *claim*."""
        for name, arrival in claim.arrivals.items():
            arrival.members -= 1
            if not arrival.members and self._arrivals.get(name) is arrival:
                del self._arrivals[name]

    def drop(self, key: str) -> None:
        """Forget *key*, and what is on its way of it."""
        self._spoil(key)
        self._held.delete(key)

    def drop_tag(self, tag: str) -> None:
        """Forget the generation of *tag*, and with it all that carries the tag."""
        self._spoil(_tag(tag))
        self._generations.delete(tag)

    def clear(self) -> None:
        """Forget everything, and what is on its way."""
        for name in tuple(self._arrivals):
            self._spoil(name)
        self._held.clear()
        self._generations.clear()

    # -- What the line calls

    def _on_change(self, names: Sequence[bytes] | None) -> None:
        if names is None:
            # The database was emptied.
            self.clear()
            return
        assert self._names is not None
        keys, tags = self._names.key, self._names.tag
        for raw in names:
            self._dropped += 1
            name = raw.decode("utf-8", "surrogateescape")
            if name.startswith(keys):
                self.drop(name[len(keys) :])
            elif name.startswith(tags):
                self.drop_tag(name[len(tags) :])

    def _on_alive(self, asked_s: float) -> None:
        """Take note that Redis answered what was asked at *asked_s*."""
        self._trusted_until_s = asked_s + self._staleness_s

    def _on_loss(self) -> None:
        if self._trusted_until_s != _NEVER:
            self._losses += 1
        self._trusted_until_s = _NEVER
        self.clear()

    def _is_alive(self, then: Sequence[tuple[str, bytes]]) -> bool:
        generation = self._generations.get
        return all(generation(tag) == known for tag, known in then)

    def _expect(self, claim: Claim, name: str) -> None:
        if name in claim.arrivals:
            return
        arrival = self._arrivals.get(name)
        if arrival is None:
            arrival = self._arrivals[name] = _Arrival()
        arrival.members += 1
        claim.arrivals[name] = arrival

    def _spoil(self, name: str) -> None:
        arrival = self._arrivals.pop(name, None)
        if arrival is not None:
            arrival.spoiled = True


_Held = tuple[V | None, tuple[tuple[str, bytes], ...], float]
"""A value, the generations of its tags, and when it expires."""


class Claim:
    """
    A read on its way, and what was heard meanwhile.

    Attributes:
        begin_s: When it was asked for.
        may_keep: Whether Redis tells of changes since then.
        arrivals: Name to what is heard of it.
    """

    __slots__ = ("arrivals", "begin_s", "may_keep")

    def __init__(self, begin_s: float, may_keep: bool) -> None:
        self.begin_s = begin_s
        self.may_keep = may_keep
        self.arrivals: dict[str, _Arrival] = {}

    def is_spoiled(self, name: str) -> bool:
        """Return whether *name* changed, or was never asked for with this claim."""
        arrival = self.arrivals.get(name)
        return arrival is None or arrival.spoiled


class _Arrival:
    """The reads of one name that began since it was last heard of."""

    __slots__ = ("members", "spoiled")

    def __init__(self) -> None:
        self.members = 0
        self.spoiled = False


def _tag(tag: str) -> str:
    # Names of keys and tags are of one set here; no key that comes from a store begins so.
    return f"\0#{tag}"
