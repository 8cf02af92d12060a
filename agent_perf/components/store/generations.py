"""
Tags of one namespace: each has a generation in Redis, which ends all that carries it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agent_perf.components.link.client import Command
from agent_perf.components.store.guarded import GuardedRedis
from agent_perf.components.store.naming import Names

if TYPE_CHECKING:
    from agent_perf.components.store.near import NearTier


class Generations:
    """
    The generations of tags; see tagging.py for what they do.

    Args:
        redis: Where they are.
        names: What they are called.
        ttl_ms: How long one outlives its last use.
        near: Knows some of them, too.

    Example::

        generations = Generations(redis, Names("answers"), 86_400_000, None)
        await generations.ensure(["user-1"], {})
    """

    def __init__(
        self, redis: GuardedRedis, names: Names, ttl_ms: int, near: NearTier[Any] | None
    ) -> None:
        self._redis = redis
        self._names = names
        self._ttl_ms = ttl_ms
        self._near = near

    async def ensure(
        self, tags: Iterable[str], known: Mapping[str, bytes | None]
    ) -> dict[str, bytes]:
        """
        Return the generation of each of *tags*, giving one to those that have none.

        Raises:
            StoreUnavailableError: If Redis is down.
        """
        generations: dict[str, bytes | None] = {tag: known.get(tag) for tag in tags}
        newborn = [tag for tag, generation in generations.items() if generation is None]
        if newborn:
            generations |= await self._give_birth(newborn)
        return {tag: mine for tag, mine in generations.items() if mine is not None}

    async def renew(self, tag: str) -> None:
        """Give *tag* another generation; raise StoreUnavailableError if Redis is down."""
        self._forget_tag(tag)
        await self._redis.execute("SET", self._names.tag + tag, token(), "PX", self._ttl_ms)
        self._forget_tag(tag)

    def prolongations(self, tags: Iterable[str]) -> list[Command]:
        """Return the commands that let *tags* outlive what is stored under them now."""
        return [("PEXPIRE", self._names.tag + tag, self._ttl_ms) for tag in tags]

    def _forget_tag(self, tag: str) -> None:
        if self._near is not None:
            self._near.drop_tag(tag)

    async def _give_birth(self, tags: Sequence[str]) -> dict[str, bytes | None]:
        names = [self._names.tag + tag for tag in tags]
        births: list[Command] = [("SET", name, token(), "PX", self._ttl_ms, "NX") for name in names]
        # Another process may have been first: its token is the one that counts.
        replies = await self._redis.execute_all([*births, ("MGET", *names)])
        born: dict[str, bytes | None] = dict(zip(tags, replies[-1], strict=True))
        # What keeps a tag from being born and is none, somebody else has put there: a list, say.
        # To go on without would store entries that nothing invalidates.
        for tag in [tag for tag, generation in born.items() if generation is None]:
            born[tag] = mine = token()
            await self._redis.execute("SET", self._names.tag + tag, mine, "PX", self._ttl_ms)
        return born


def token() -> bytes:
    """Return 16 letters that nobody else has, for a generation or a lease."""
    # Not a counter: one that Redis evicted would begin anew, and wake the dead. From the
    # shared generator, which is seeded anew in every forked process.
    return b"%016x" % random.getrandbits(64)
