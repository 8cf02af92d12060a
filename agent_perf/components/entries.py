"""
Entries of one namespace in Redis: how they are named, written, found and removed.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import redis.exceptions as redis_errors

from agent_perf.components.errors import SerializerError, StoreUnavailableError
from agent_perf.components.outage import OutageGuard
from agent_perf.components.serializer import Serializer
from agent_perf.components.tagging import is_alive, unwrap, wrap

if TYPE_CHECKING:
    from redis.asyncio import Redis

V = TypeVar("V")

_log = logging.getLogger(__name__)

DOWN: Final = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.OutOfMemoryError,
    redis_errors.ReadOnlyError,
    OSError,
)
"""What a Redis raises that cannot serve now."""

# A wrong password is a connection error to redis-py; to go on without a cache would hide it.
BROKEN: Final = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)
"""Those among them that will not pass by themselves."""

# Batches of this size remove 2,000 of 20,000 keys in 12 ms; one by one it takes 451 ms.
_SCAN_COUNT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """
    What a store has done since it was made.

    Attributes:
        hits: Keys found, those that hold None included.
        misses: Keys not found, invalidated by a tag, unreadable, or asked while Redis was down.
        refused: Values found that were damaged, foreign or of another type.
        writes: Values written.
        bytes_read: Bytes of the values found.
        bytes_written: Bytes of the values written.
        failures: Calls that Redis did not answer.
    """

    hits: int
    misses: int
    refused: int
    writes: int
    bytes_read: int
    bytes_written: int
    failures: int

    @property
    def hit_ratio(self) -> float:
        """Hits per key asked for, 0 to 1; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[V]):
    """
    What a lookup came to.

    Attributes:
        values: Key to live value; keys without one are absent.
        generations: Tag to its generation now; None for a tag that has none.
        answered: False if Redis is down.
    """

    values: Mapping[str, V | None] = field(default_factory=dict)
    generations: Mapping[str, bytes | None] = field(default_factory=dict)
    answered: bool = True


class RedisEntries(Generic[V]):
    """
    The entries of one namespace; RedisStore is the pleasant way to use them.

    Args:
        client: Gives bytes; stays the caller's to close.
        namespace: Keys are ``namespace:key``, tags ``namespace#tag``.
        serializer: Writes and reads the values.
        guard: Every command goes through it.
        tag_ttl_s: How long a tag outlives its last use, > 0.

    Example::

        entries = RedisEntries(client, "answers", Serializer(str), guard, tag_ttl_s=86_400)
        await entries.write({"q-17": "hello"}, 60.0, {})
    """

    def __init__(
        self,
        client: Redis,
        namespace: str,
        serializer: Serializer[V],
        guard: OutageGuard,
        *,
        tag_ttl_s: float,
    ) -> None:
        # redis-py types each command as "a result, or an awaitable of one".
        self._client: Any = client
        self._namespace = namespace
        self._serializer = serializer
        self._guard = guard
        self._tag_ttl_ms = _milliseconds(tag_ttl_s)
        self._hits = self._misses = self._refused = self._writes = 0
        self._bytes_read = self._bytes_written = 0

    def stats(self) -> StoreStats:
        """Return what happened so far."""
        return StoreStats(
            hits=self._hits,
            misses=self._misses,
            refused=self._refused,
            writes=self._writes,
            bytes_read=self._bytes_read,
            bytes_written=self._bytes_written,
            failures=self._guard.failures,
        )

    async def find(self, keys: Sequence[str], tags: Collection[str] = ()) -> Found[V]:
        """
        Return the live values of *keys*, in one round trip if their tags are among *tags*.

        Never raises for Redis being down: nothing is found then.
        """
        tags = tuple(tags)
        try:
            answers = await self._fetch([*map(self._name, keys), *map(self._tag_name, tags)])
            generations = dict(zip(tags, answers[len(keys) :], strict=True))
            opened = self._open(dict(zip(keys, answers, strict=False)))
            unknown = {tag for _, then in opened.values() for tag in then} - generations.keys()
            if unknown:
                # In sorted order: a set of strings is walked differently in every process.
                missing = sorted(unknown)
                late = await self._fetch([self._tag_name(tag) for tag in missing])
                generations |= zip(missing, late, strict=True)
        except StoreUnavailableError:
            self._misses += len(keys)
            return Found(answered=False)
        values = {
            key: value for key, (value, then) in opened.items() if is_alive(then, generations)
        }
        self._hits += len(values)
        self._misses += len(keys) - len(values)
        return Found(values=values, generations=generations)

    async def write(
        self, values: Mapping[str, V | None], ttl_s: float, generations: Mapping[str, bytes]
    ) -> bool:
        """
        Store *values* for *ttl_s* seconds in one round trip; return False if Redis is down.

        All get the same tags: *generations* has the one that each had beforehand.

        Raises:
            SerializerError: If a value cannot be stored.
        """
        rows = {
            self._name(key): wrap(self._serializer.dumps(value), generations)
            for key, value in values.items()
        }
        ttl_ms = _milliseconds(ttl_s)
        try:
            await self._guard.attempt(lambda: self._send(rows, ttl_ms, generations))
        except StoreUnavailableError:
            return False
        self._writes += len(rows)
        self._bytes_written += sum(map(len, rows.values()))
        return True

    async def ensure(
        self, tags: Iterable[str], known: Mapping[str, bytes | None]
    ) -> dict[str, bytes]:
        """
        Return the generation of each of *tags*, giving one to those that have none.

        Raises:
            StoreUnavailableError: If Redis is down.
        """
        generations = {tag: known.get(tag) for tag in tags}
        newborn = [tag for tag, generation in generations.items() if generation is None]
        if newborn:
            generations |= await self._guard.attempt(lambda: self._give_birth(newborn))
        return {tag: generation for tag, generation in generations.items() if generation}

    async def renew(self, tag: str) -> None:
        """Give *tag* another generation; raise StoreUnavailableError if Redis is down."""
        name, token = self._tag_name(tag), _token()
        await self._guard.attempt(lambda: self._client.set(name, token, px=self._tag_ttl_ms))

    async def remove(self, keys: Iterable[str]) -> int:
        """Remove *keys*; return how many there were, or raise StoreUnavailableError."""
        return await self._unlink([self._name(key) for key in keys])

    async def remove_matching(self, pattern: str) -> int:
        """Remove the keys that match *pattern*; return how many, or raise StoreUnavailableError."""
        cursor, count = 0, 0
        while True:
            cursor, names = await self._guard.attempt(self._scan(cursor, self._name(pattern)))
            count += await self._unlink(names)
            if not cursor:
                return count

    def _scan(self, cursor: int, match: str) -> Callable[[], Awaitable[tuple[int, list[bytes]]]]:
        return lambda: self._client.scan(cursor, match=match, count=_SCAN_COUNT)

    async def _unlink(self, names: Sequence[str | bytes]) -> int:
        if not names:
            return 0
        count: int = await self._guard.attempt(lambda: self._client.unlink(*names))
        return count

    async def _fetch(self, names: Sequence[str]) -> list[bytes | None]:
        if len(names) == 1:
            return [await self._guard.attempt(lambda: self._client.get(names[0]))]
        answers: list[bytes | None] = await self._guard.attempt(lambda: self._client.mget(names))
        return answers

    def _open(
        self, answers: Mapping[str, bytes | None]
    ) -> dict[str, tuple[V | None, Mapping[str, bytes]]]:
        """Return the readable ones, with the generations that their tags had."""
        opened = {}
        for key, stored in answers.items():
            if stored is None:
                continue
            try:
                data, then = unwrap(stored)
                opened[key] = self._serializer.loads(data), then
            except SerializerError as error:
                # The next write puts it right; until then it is counted, not served.
                if not self._refused:
                    _log.warning("refused the value of %s: %s", self._name(key), error)
                self._refused += 1
            else:
                self._bytes_read += len(stored)
        return opened

    async def _send(self, rows: Mapping[str, bytes], ttl_ms: int, tags: Iterable[str]) -> None:
        tag_names = [self._tag_name(tag) for tag in tags]
        if len(rows) == 1 and not tag_names:
            [(name, data)] = rows.items()
            await self._client.set(name, data, px=ttl_ms)
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for name, data in rows.items():
                pipeline.set(name, data, px=ttl_ms)
            for tag_name in tag_names:
                pipeline.pexpire(tag_name, self._tag_ttl_ms)
            await pipeline.execute()

    async def _give_birth(self, tags: Sequence[str]) -> dict[str, bytes | None]:
        names = [self._tag_name(tag) for tag in tags]
        async with self._client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.set(name, _token(), px=self._tag_ttl_ms, nx=True)
            # Another process may have been first: its token is the one that counts.
            pipeline.mget(names)
            return dict(zip(tags, (await pipeline.execute())[-1], strict=True))

    def _name(self, key: str) -> str:
        return f"{self._namespace}:{key}"

    def _tag_name(self, tag: str) -> str:
        return f"{self._namespace}#{tag}"


def _token() -> bytes:
    # Not a counter: one that Redis evicted would begin anew, and wake the dead. From the
    # shared generator, which is seeded anew in every forked process.
    return b"%016x" % random.getrandbits(64)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1e3))
