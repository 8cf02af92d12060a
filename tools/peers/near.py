"""A value that is in this process already, and that Redis would say if it changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from agent_perf.components import NearTier, RedisLink, RedisStore
from tools.peers._layers import PREFIX, TTL_S, URL, Value, remove_all, value_of
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Near tier"
_LIBRARIES = ("cashews", "aiocache", "redis")
INTRO = f"""
A hit in memory, in front of Redis: ours and cashews' `client_side=True` drop what Redis says has
changed (`CLIENT TRACKING`); aiocache's memory backend knows nothing of changes by others, and
cannot be compared in that. Versions: {", ".join(f"{name} {version(name)}" for name in _LIBRARIES)}.
"""


async def contests() -> AsyncIterator[Contest]:
    """Yield a hit of 1 KB."""
    import aiocache
    from cashews import Cache

    value, key = value_of(1024), f"{PREFIX}-near"
    async with RedisLink(URL) as link:
        near: NearTier[Value] = NearTier(URL)
        store = RedisStore(link, namespace=f"{PREFIX}-n", kind=Value, ttl_s=TTL_S, near=near)
        await near.ready()
        cashews = Cache()
        cashews.setup(URL, client_side=True, client_side_prefix=f"{PREFIX}:")
        await cashews.init()
        memory = aiocache.SimpleMemoryCache()
        try:
            await store.set(key, value)
            await cashews.set(key, value, expire=TTL_S)
            await memory.set(key, value, ttl=TTL_S)
            for get in (store.get, cashews.get, memory.get):
                assert value == await get(key)
            # What we wrote comes back to us as a change; after that reads are kept.
            for _ in range(1000):
                await store.get(key)
                if near.stats().hits > 100:
                    break
            begin = near.stats().hits
            yield Contest(
                title="hit, 1 KB",
                contestants={
                    OURS: _gets(store.get, key),
                    "cashews client_side": _gets(cashews.get, key),
                    "aiocache memory": _gets(memory.get, key),
                },
                calls=2000,
                want={"cashews client_side": 4.0},
                unequal={"aiocache memory": "is not told of changes by others"},
            )
            assert near.stats().hits - begin > 15 * 2000
        finally:
            await store.aclose()
            await cashews.close()
            await remove_all()


def _gets(get: Any, key: str) -> Contestant:
    async def run(calls: int) -> None:
        for _ in range(calls):
            await get(key)

    return run
