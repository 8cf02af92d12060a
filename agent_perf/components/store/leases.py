"""
One computation at a time among all processes: who holds the lease computes, the others wait.

The lease is a key with a token of the holder's. A value is stored only by who still holds
it, in one step with giving it up; whoever removes the value removes the lease as well, so
that a value computed from what was before is not stored after.

Source: Nishtala et al., "Scaling Memcache at Facebook" (NSDI 2013), section 3.2.1, Leases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Generic, TypeVar

from agent_perf.components.errors import StoreUnavailableError
from agent_perf.components.link.client import Command
from agent_perf.components.store.entries import RedisEntries
from agent_perf.components.store.generations import token
from agent_perf.components.store.guarded import GuardedRedis
from agent_perf.components.store.naming import Names, milliseconds

V = TypeVar("V")

# A waiter looks after 10 ms, 20, 40... and then 10 times a second.
_PAUSE_MIN_S: Final = 0.010
_PAUSE_MAX_S: Final = 0.100

_STORE: Final = """if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('UNLINK', KEYS[1])
return 1"""
_GIVE_UP: Final = """if redis.call('GET', KEYS[1]) == ARGV[1] then
return redis.call('UNLINK', KEYS[1]) end
return 0"""


class Leases(Generic[V]):
    """
    The leases of one namespace.

    Args:
        redis: Where they are.
        names: What they are called.
        entries: Where the values are.
        hold_s: How long one may compute before another does it too, > 0; so long, too, does
            another wait.

    Example::

        leases = Leases(redis, Names("answers"), entries, hold_s=10)
    """

    def __init__(
        self, redis: GuardedRedis, names: Names, entries: RedisEntries[V], *, hold_s: float
    ) -> None:
        self._redis = redis
        self._names = names
        self._entries = entries
        self._hold_s = hold_s
        self._hold_ms = milliseconds(hold_s)

    async def compute(
        self,
        key: str,
        function: Callable[[], Awaitable[V]],
        *,
        life_ms: int,
        generations: Mapping[str, bytes],
        may_store: Callable[[], bool],
        known_stale_ms: int,
    ) -> V:
        """
        Return the value of *key*: another's if it comes in time, else of ``function()``.

        Args:
            key: Of the value.
            function: Computes it.
            life_ms: How long it is stored.
            generations: Of its tags.
            may_store: Whether it was not invalidated in this process meanwhile.
            known_stale_ms: A value with no more than this left is the one to be replaced.
        """
        name, mine = self._names.lease + key, token()
        held, waited_s, pause_s = False, 0.0, _PAUSE_MIN_S
        try:
            while True:
                held = await self._claim(name, mine)
                # After the claim: what the last holder stored before giving up is seen.
                found = await self._entries.find((key,), generations, ttls=True)
                if key in found.values and not 0 <= found.left_ms[key] <= known_stale_ms:
                    return found.values[key]  # type: ignore[return-value]  # As it was stored.
                if held or waited_s >= self._hold_s:
                    break
                await asyncio.sleep(pause_s)
                waited_s += pause_s
                pause_s = min(2 * pause_s, _PAUSE_MAX_S)
            value = await function()
            if held and may_store():
                data = self._entries.dump(value, generations)
                held = False
                await self._store(key, name, mine, data, life_ms, generations)
            return value
        finally:
            if held:
                with suppress(StoreUnavailableError):
                    await self._redis.execute("EVAL", _GIVE_UP, 1, name, mine)

    async def _claim(self, name: str, mine: bytes) -> bool:
        try:
            return bool(await self._redis.execute("SET", name, mine, "NX", "PX", self._hold_ms))
        except StoreUnavailableError:
            # Without Redis there is nobody to agree with.
            return True

    async def _store(
        self,
        key: str,
        name: str,
        mine: bytes,
        data: bytes,
        life_ms: int,
        generations: Mapping[str, bytes],
    ) -> None:
        commands: list[Command] = [
            ("EVAL", _STORE, 2, name, self._names.key + key, mine, data, life_ms)
        ]
        commands += self._entries.tags.prolongations(generations)
        self._entries.forget((key,))
        with suppress(StoreUnavailableError):
            replies = await self._redis.execute_many(commands)
            if isinstance(replies[0], Exception):
                raise replies[0]
            if replies[0]:
                self._entries.note_write(data)
        self._entries.forget((key,))
