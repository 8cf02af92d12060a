"""A PostgresPool on a real PostgreSQL, directly or through a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agent_perf.components import (
    PostgresPool,
)

ECHO = "SELECT :key AS key, pg_sleep(:s)"


def with_pool(
    url: str, story: Callable[[PostgresPool], Awaitable[None]], **options: object
) -> None:
    """Run *story* with a pool whose connections can be told from others at the server."""

    async def main() -> None:
        async with PostgresPool(url, **options) as pool:
            await story(pool)

    asyncio.run(main())


async def echoes(pool: PostgresPool, count: int, *, seconds: float = 0.0) -> None:
    """Ask for *count* keys at once; each gets its own."""
    rows = await asyncio.gather(
        *(pool.read_one(ECHO, {"key": key, "s": seconds}) for key in range(count))
    )
    assert list(range(count)) == [row.key for row in rows if row is not None]
