"""How many connections a PostgreSQL says it has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from agent_perf.errors import BrokenError, UsageError
from agent_perf.measure import PostgresActivity, ResourceSampler
from tests.services.addresses import free_port


@asynccontextmanager
async def own_database(url: str) -> AsyncIterator[str]:
    """Give the address of a database that nobody else uses."""
    import asyncpg

    name = f"agent_perf_resources_{os.getpid()}"
    master = await asyncpg.connect(url)
    await master.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        await master.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await master.close()


@pytest.mark.services
def test_postgres_tells_a_known_number_of_connections(postgres_url) -> None:
    """
    Five are five, the sampler's own aside: asked by itself, and at the ticks of a sampler.
    """
    import asyncpg

    async def main() -> tuple[float, float, float]:
        async with own_database(postgres_url) as url:
            with PostgresActivity(url) as activity:
                none = await asyncio.to_thread(activity)
                held = [await asyncpg.connect(url) for _ in range(5)]
                five = await asyncio.to_thread(activity)
            with (
                PostgresActivity(url) as gauge,
                ResourceSampler(
                    os.getpid(), name="it", interval_s=0.05, gauges={"db_connections": gauge}
                ) as sampler,
            ):
                await asyncio.sleep(0.15)
            for one in held:
                await one.close()
            return none, five, sampler.result().series["db_connections"].sample_mean

    assert (0.0, 5.0, 5.0) == asyncio.run(main())


def test_a_server_that_is_not_there_is_told() -> None:
    """
    With the reason, and without the address: it may hold a password.
    """
    url = f"postgresql://me:secret@127.0.0.1:{free_port()}/x"
    with PostgresActivity(url) as activity, pytest.raises(BrokenError, match="not tell") as told:
        activity()

    assert "secret" not in str(told.value)


def test_what_is_no_postgres_is_refused() -> None:
    """
    Before anything is sampled.
    """
    for url in ("mysql://here", "postgresql://me:hunter2@127.0.0.1:99999/x", "postgresql://h:x/x"):
        with pytest.raises(UsageError, match="no address of PostgreSQL") as told:
            PostgresActivity(url)
        assert "hunter2" not in str(told.value)
