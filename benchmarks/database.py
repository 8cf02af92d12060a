"""
The database pool: single queries, joins, and more users than connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sqlalchemy import text

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, in_world, per_call
from agent_perf.components import Database
from agent_perf.suite import Ask, Request

USERS = 500
READS = 100

_SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, team INTEGER NOT NULL);
CREATE TABLE messages (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX messages_by_user ON messages (user_id);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {USERS})
INSERT INTO users SELECT i, 'user-' || i, i % 20 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {10 * USERS})
INSERT INTO messages SELECT i, 1 + i % {USERS}, 'message ' || i FROM n;
"""

_BY_ID = "SELECT name, team FROM users WHERE id = :id"
_BY_TEAM = """
SELECT users.name, COUNT(*) AS sent, MAX(messages.id) AS last
FROM users JOIN messages ON messages.user_id = users.id
WHERE users.team = :team GROUP BY users.id ORDER BY sent DESC, users.id LIMIT 10
"""
_OF_USER = "SELECT body FROM messages WHERE user_id = :id ORDER BY id DESC LIMIT 5"
_RENAME = "UPDATE users SET name = :name WHERE id = :id"


def _database(world: World) -> Database:
    world.database.prepare(_SCHEMA)
    return Database(world.database.engine(pool_size=20, max_overflow=30))


def _user_id(world: World) -> int:
    return world.draws.integer("user", 1, USERS)


@scenario("database.simple_query", requests=1_000, targets="db.evaluation")
async def simple_query(world: World) -> AsyncIterator[Request]:
    """One row by its key, the standard query."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            await database.read_one(_BY_ID, {"id": _user_id(world)})

        yield request


class SimpleQuery(ScenarioBenchmark):
    scenario = simple_query
    counts = ("db_statements", "db_waits", "db_connects")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("database.complex_query", requests=600, targets="db.complex")
async def complex_query(world: World) -> AsyncIterator[Request]:
    """A join with groups, then the rows that it points at."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            team = world.draws.integer("team", 0, 19)
            rows = await database.read(_BY_TEAM, {"team": team})
            last = [row.last for row in rows]
            names = ", ".join(f":id{n}" for n in range(len(last)))
            await database.read(
                f"SELECT id, body FROM messages WHERE id IN ({names})",
                {f"id{n}": key for n, key in enumerate(last)},
            )

        yield request


class ComplexQuery(ScenarioBenchmark):
    scenario = complex_query
    counts = ("db_statements", "db_waits", "db_connects")

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("database.pool", requests=1_000, think=None, targets="db.complex")
async def pool(world: World) -> AsyncIterator[Request]:
    """Two reads in a transaction, without a pause: 200 users on 50 connections."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            user_id = _user_id(world)
            async with database.transaction() as connection:
                await connection.execute(text(_BY_ID), {"id": user_id})
                await connection.execute(text(_OF_USER), {"id": user_id})

        yield request


class Pool(ScenarioBenchmark):
    scenario = pool
    counts = ("db_statements", "db_waits", "db_connects")

    def setup_cache(self) -> Cache:
        return self.measure()


class Read:
    """Reads through the pool, the simulated server included; CPU time per read."""

    @per_call(READS)
    def time_read_one(self) -> None:
        async def calls(world: World) -> None:
            async with _database(world) as database:
                for key in range(1, READS + 1):
                    await database.read_one(_BY_ID, {"id": key})

        in_world(calls)

    def peakmem_5_000_rows(self) -> None:
        async def calls(world: World) -> None:
            async with _database(world) as database:
                await database.read("SELECT id, user_id, body FROM messages")

        in_world(calls)


class Write:
    """Transactions through the pool, the simulated server included; CPU time per write."""

    @per_call(READS)
    def time_write(self) -> None:
        async def calls(world: World) -> None:
            async with _database(world) as database:
                for key in range(1, READS + 1):
                    await database.write(_RENAME, {"id": key, "name": "renamed"})

        in_world(calls)
