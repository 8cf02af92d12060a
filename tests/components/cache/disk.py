"""How stories of a disk cache are told: in virtual time, and in real time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent_perf.components import DiskCache, inline
from agent_perf.sim import SimLoop, simulate


def simulated(path: Path, story: Callable[[DiskCache[bytes]], Awaitable[object]], **options):
    """Run *story* with a cache in virtual time, and return what it returns."""

    async def main(_: SimLoop) -> object:
        cache: DiskCache[bytes] = DiskCache(path, **{"run": inline, **options})
        try:
            return await story(cache)
        finally:
            await cache.aclose()

    return simulate(main)


def real(path: Path, story: Callable[[DiskCache[bytes]], Awaitable[object]], **options):
    """Do the same in real time, with the cache's own thread."""

    async def main() -> object:
        cache: DiskCache[bytes] = DiskCache(path, **options)
        try:
            return await story(cache)
        finally:
            await cache.aclose()

    return asyncio.run(main())
