"""
Reads, writes and removals of one namespace that travel together.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.link.client import Command, Reply
from agent_perf.components.store.entries import Found, RedisEntries
from agent_perf.components.store.filling import Filling
from agent_perf.components.store.guarded import GuardedRedis, is_of_another_type
from agent_perf.components.store.naming import Names

V = TypeVar("V")
R = TypeVar("R")


class Later(Generic[R]):
    """What an operation of a batch comes to, once the batch has been sent."""

    __slots__ = ("_value",)
    _value: R

    @property
    def value(self) -> R:
        """The result; an AttributeError before the batch has ended."""
        return self._value

    def settle(self, value: R) -> None:
        """Let *value* be the result."""
        self._value = value


class Batch(Generic[V]):
    """
    Operations that are sent together, in order, at the end of the block; RedisStore.batch.

    If the block raises, nothing is sent. While Redis is down reads miss and writes say False;
    if something was to be removed, the end of the block raises StoreUnavailableError. It is no
    transaction: other clients' commands may come between. Reads go to Redis, past what is
    held near, and take a second round trip if some of them carry tags.

    Args:
        redis: Where to send them.
        names: What entries are called.
        entries: Writes and reads values.
        filling: What is computed now, and must not be stored after a removal.
        ttl_ms: Time to live that was given, or None, to milliseconds.
        leased: Whether removals also end leases.
    """

    def __init__(
        self,
        redis: GuardedRedis,
        names: Names,
        entries: RedisEntries[V],
        filling: Filling[V],
        ttl_ms: Callable[[float | None], int],
        leased: bool,
    ) -> None:
        self._redis = redis
        self._names = names
        self._entries = entries
        self._filling = filling
        self._ttl_ms = ttl_ms
        self._leased = leased
        self._commands: list[Command] = []
        self._reads: list[tuple[int, str, V | None, Later[V | None]]] = []
        self._writes: list[tuple[int, bytes, Later[bool]]] = []
        self._removals: list[tuple[int, Later[int]]] = []
        self._changed: list[str] = []

    def get(self, key: str, default: V | None = None) -> Later[V | None]:
        """Read the value of *key*; *default* if there is none, or Redis is down."""
        later: Later[V | None] = Later()
        self._reads.append((len(self._commands), key, default, later))
        self._commands.append(("GET", self._names.key + key))
        return later

    def set(self, key: str, value: V | None, *, ttl_s: float | None = None) -> Later[bool]:
        """
        Store *value* for *ttl_s* seconds, > 0; the result is False if Redis is down.

        Raises:
            SerializerError: If the value cannot be stored.
        """
        later: Later[bool] = Later()
        data = self._entries.dump(value, {})
        self._writes.append((len(self._commands), data, later))
        self._commands.append(self._entries.set_command(key, data, self._ttl_ms(ttl_s)))
        self._changed.append(key)
        return later

    def delete(self, *keys: str) -> Later[int]:
        """Remove *keys*; the result is how many there were."""
        later: Later[int] = Later()
        if not keys:
            later.settle(0)
            return later
        if self._leased:
            self._commands.append(("UNLINK", *map(self._names.lease.__add__, keys)))
        self._removals.append((len(self._commands), later))
        self._commands.append(("UNLINK", *map(self._names.key.__add__, keys)))
        self._changed += keys
        return later

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None or not self._commands:
            return
        self._filling.forget(self._changed)
        self._entries.forget(self._changed)
        try:
            replies = await self._redis.execute_many(self._commands)
        except StoreUnavailableError:
            self._settle_without()
            if self._removals:
                raise
            return
        finally:
            self._entries.forget(self._changed)
        await self._settle(replies)

    async def _settle(self, replies: list[Reply]) -> None:
        refusals = [reply for reply in replies if isinstance(reply, Exception)]
        for at, data, written in self._writes:
            done = not isinstance(replies[at], Exception)
            written.settle(done)
            if done:
                self._entries.note_write(data)
        for at, removed in self._removals:
            if not isinstance(replies[at], Exception):
                removed.settle(int(replies[at]))
        # One key may be read twice, before and after it was written.
        waiting = self._reads
        while waiting:
            chosen = {read[1]: read for read in reversed(waiting)}
            waiting = [read for read in waiting if chosen[read[1]] is not read]
            keys, found = tuple(chosen), Found[V]()
            await self._entries.settle(found, keys, [replies[chosen[key][0]] for key in keys])
            for _, key, default, read in chosen.values():
                read.settle(found.values.get(key, default))
        for refusal in refusals:
            if not is_of_another_type(refusal):
                raise refusal

    def _settle_without(self) -> None:
        for _, _, default, read in self._reads:
            read.settle(default)
        self._entries.note_misses(len(self._reads))
        for _, _, written in self._writes:
            written.settle(False)
