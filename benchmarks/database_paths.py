"""
Ways to a row: prepared statements, cached results, one query for many rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Any

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, per_call
from agent_perf.components import ConnectionPool, Database, QueryCache, fingerprint
from agent_perf.suite import Ask, Request

CALLS = 1_000
PAGE = 20
USERS = 500

_SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, total INTEGER NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {USERS})
INSERT INTO users SELECT i, 'user-' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {10 * USERS})
INSERT INTO orders SELECT i, 1 + i % {USERS}, i FROM n;
"""
_PAGE = "SELECT id, user_id FROM orders WHERE id > :after ORDER BY id LIMIT :count"
_NAME = "SELECT name FROM users WHERE id = :id"
_NAMES = f"SELECT id, name FROM users WHERE id IN ({', '.join(f':id{n}' for n in range(PAGE))})"


def _database(world: World) -> Database:
    world.database.prepare(_SCHEMA)
    return Database(world.database.engine(pool_size=20, max_overflow=30))


def _after(world: World) -> int:
    return world.draws.integer("after", 0, 9 * USERS)


@scenario("database.page_n_plus_1", requests=400)
async def page_n_plus_1(world: World) -> AsyncIterator[Request]:
    """A page of orders, and for each of them its user: 21 statements."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            page = await database.read(_PAGE, {"after": _after(world), "count": PAGE})
            for order in page:
                await database.read_one(_NAME, {"id": order.user_id})

        yield request


@scenario("database.page_in", requests=400)
async def page_in(world: World) -> AsyncIterator[Request]:
    """The same page with its users in one query: 2 statements."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            page = await database.read(_PAGE, {"after": _after(world), "count": PAGE})
            ids = [order.user_id for order in page]
            await database.read(_NAMES, {f"id{n}": key for n, key in enumerate(ids)})

        yield request


@scenario("database.page_cached", requests=400)
async def page_cached(world: World) -> AsyncIterator[Request]:
    """The page with N + 1 again, where users come from cached results, and are seldom written."""
    async with _database(world) as database:
        users = QueryCache(database, ttl_s=3600.0)

        async def request(ask: Ask) -> str:
            page = await database.read(_PAGE, {"after": _after(world), "count": PAGE})
            before = users.stats().misses
            for order in page:
                await users.read(_NAME, {"id": order.user_id})
            if ask.index % 100 == 99:
                await users.write("UPDATE users SET name = 'x' WHERE id = :id", {"id": 1})
            return "hit" if users.stats().misses == before else "miss"

        yield request


class PageNPlus1(ScenarioBenchmark):
    scenario = page_n_plus_1
    counts = ("db_statements", "db_waits")

    def setup_cache(self) -> Cache:
        return self.measure()


class PageIn(ScenarioBenchmark):
    scenario = page_in
    counts = ("db_statements", "db_waits")

    def setup_cache(self) -> Cache:
        return self.measure()


class PageCached(ScenarioBenchmark):
    scenario = page_cached
    counts = ("db_statements", "db_waits")

    def setup_cache(self) -> Cache:
        return self.measure()


class _Nothing:
    """A connection that leads nowhere, and a source that knows one row."""

    opened_s = freed_s = 0.0

    def is_open(self) -> bool:
        return True

    async def settle(self) -> bool:
        return True

    async def close(self) -> None:
        """There is nothing to close."""

    def abandon(self) -> None:
        """There is nothing to abandon."""

    async def read(
        self, sql: str, parameters: Mapping[str, object] | None = None, /
    ) -> Sequence[Any]:
        return [(1, "Ada")]

    async def write(self, sql: str, parameters: Mapping[str, object] | None = None, /) -> int:
        return 1


@cache
def _texts() -> list[str]:
    return [f"SELECT a, b FROM t{n} WHERE a IN (1, 2, {n}) AND b = 'x{n}'" for n in range(CALLS)]


class Paths:
    """What a statement costs on its way, without any database; CPU time per call."""

    @per_call(CALLS)
    def time_take_and_give_back(self) -> None:
        async def calls() -> None:
            async def open_one() -> _Nothing:
                return _Nothing()

            pool = ConnectionPool(open_one, size=2)
            pool.give_back(await pool.take())
            for _ in range(CALLS):
                pool.give_back(pool.take_now() or await pool.take())

        drive(calls())

    @per_call(CALLS)
    def time_take_in_line(self) -> None:
        async def calls() -> None:
            async def open_one() -> _Nothing:
                return _Nothing()

            pool = ConnectionPool(open_one, size=2, overflow_max=0)

            async def one() -> None:
                connection = await pool.take()
                await asyncio.sleep(0)
                pool.give_back(connection)

            await asyncio.gather(*(one() for _ in range(CALLS)))

        drive(calls())

    @per_call(CALLS)
    def time_cached_read_hit(self) -> None:
        async def calls() -> None:
            cached = QueryCache(_Nothing())
            for _ in range(CALLS):
                await cached.read(_NAME, {"id": 17})

        drive(calls())

    @per_call(CALLS)
    def time_fingerprint_new(self) -> None:
        fingerprint.cache_clear()
        for sql in _texts():
            fingerprint(sql)

    @per_call(CALLS)
    def time_fingerprint_known(self) -> None:
        sql = _texts()[0]
        for _ in range(CALLS):
            fingerprint(sql)
