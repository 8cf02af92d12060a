"""Services that go away while a run lasts."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
import redis

from agent_perf.errors import BrokenError
from agent_perf.live.services import Service, embeddable, live_services
from agent_perf.live.world import LiveRedis, RealLoop
from agent_perf.live.world.database_keeper import DatabaseKeeper


class _Deaf:
    """A witness that nobody tells anything of interest."""

    def count(self, name: str, amount: int = 1, detail: str = "") -> None: ...

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None: ...

    def level(self, name: str, change: int) -> None: ...

    def bound(self, name: str, most: int | None) -> None: ...


def test_a_redis_that_went_away_is_told() -> None:
    """A Redis that was shut down during the run is an error of the target, not one of ours."""
    if embeddable(Service.REDIS) is None:
        pytest.skip("no program of a redis service")
    loop = RealLoop()
    try:
        with live_services({}, [Service.REDIS]) as found:
            used = LiveRedis(found[Service.REDIS].url, loop, _Deaf())
            port = used.address()[1]
            with redis.Redis.from_url(used.url) as client:
                client.shutdown(nosave=True, now=True)

            with pytest.raises(BrokenError, match=f"{port}/0 went away during the run"):
                used.close()
    finally:
        loop.close()


async def _ask(url: str, question: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(question, *values)
    finally:
        await connection.close()
    return rows


def test_a_database_is_dropped_though_its_keeper_was_cut_off(postgres_url) -> None:
    """A run whose connections the server ended still drops its database, with a new one."""
    keeper = DatabaseKeeper(postgres_url)
    keeper.run_script("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    asyncio.run(
        _ask(
            postgres_url, f"{cut} WHERE $1::text IN (application_name, datname::text)", keeper.name
        )
    )

    keeper.close()
    assert [] == asyncio.run(
        _ask(postgres_url, "SELECT 1 FROM pg_database WHERE datname = $1", keeper.name)
    )
