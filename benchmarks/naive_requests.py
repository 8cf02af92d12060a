"""
Requests that do too much, one thing after the other, or hold on to what others need.

Each stands beside the same request as our components serve it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark
from agent_perf.components import (
    Database,
    Message,
    OpenAiModel,
    RedisStore,
    Reply,
    Spoken,
    Talker,
    Tally,
    Tool,
    ToolCall,
)
from agent_perf.sim import llm
from agent_perf.suite import Ask, Request

ROWS = 20
KEYS = 200
TOOLS = 5

_SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
INSERT INTO users SELECT i, 'user-' || i FROM n;
"""


@asynccontextmanager
async def _database(world: World) -> AsyncIterator[Database]:
    world.database.prepare(_SCHEMA)
    async with Database(world.database.engine(pool_size=5, max_overflow=0)) as database:
        yield database


@scenario("naive.rows_one_by_one", users=(1, 20), requests=40)
async def rows_one_by_one(world: World) -> AsyncIterator[Request]:
    """A list of twenty rows, and a statement for each."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            for row in await database.read("SELECT id FROM users"):
                await database.read_one("SELECT name FROM users WHERE id = :id", {"id": row.id})

        yield request


@scenario("naive.rows_together", users=(1, 20), requests=40)
async def rows_together(world: World) -> AsyncIterator[Request]:
    """The same rows in one statement."""
    async with _database(world) as database:

        async def request(ask: Ask) -> None:
            await database.read("SELECT id, name FROM users")

        yield request


@scenario("naive.connection_each", users=(1, 20), requests=40)
async def connection_each(world: World) -> AsyncIterator[Request]:
    """A client of Redis for each request."""

    async def request(ask: Ask) -> None:
        async with world.redis.client() as client:
            await client.get("key")

    yield request


@scenario("naive.connection_kept", users=(1, 20), requests=40)
async def connection_kept(world: World) -> AsyncIterator[Request]:
    """One client of Redis for all."""
    async with world.redis.client() as client:

        async def request(ask: Ask) -> None:
            await client.get("key")

        yield request


@asynccontextmanager
async def _talking(world: World) -> AsyncIterator[tuple[Database, Talker]]:
    world.llm.script(llm.text(tokens=20))
    async with _database(world) as database, world.http.client(httpx2) as http:
        client = world.llm.openai(http_client=http)
        yield database, Talker(OpenAiModel(client, "gpt-4o-mini"))


@scenario("naive.holding", users=(1, 20), requests=40)
async def holding(world: World) -> AsyncIterator[Request]:
    """A model is asked in the middle of a transaction: nobody else has its connection."""
    async with _talking(world) as (database, talker):

        async def request(ask: Ask) -> None:
            async with database.transaction():
                await talker.talk([Message(role="user", content="hello")], None, Tally())

        yield request


@scenario("naive.releasing", users=(1, 20), requests=40)
async def releasing(world: World) -> AsyncIterator[Request]:
    """A row is read, its connection goes back, and then the model is asked."""
    async with _talking(world) as (database, talker):

        async def request(ask: Ask) -> None:
            row = await database.read_one("SELECT name FROM users WHERE id = 1")
            assert row is not None
            await talker.talk([Message(role="user", content=row.name)], None, Tally())

        yield request


@scenario("naive.tools_in_turn", users=(1, 20), requests=40)
async def tools_in_turn(world: World) -> AsyncIterator[Request]:
    """Five tools that know nothing of each other, one after the other."""

    async def request(ask: Ask) -> None:
        for _ in range(TOOLS):
            await world.tool("search")

    yield request


@scenario("naive.tools_together", users=(1, 20), requests=40)
async def tools_together(world: World) -> AsyncIterator[Request]:
    """The same tools as a Talker runs them."""

    async def search() -> str:
        await world.tool("search")
        return "found"

    async def ask_for_tools(messages: Sequence[Message], _: Sequence[Tool], /) -> Spoken:
        if messages[-1].role == "tool":
            return "done"
        calls = tuple(ToolCall(id=str(n), name="search", arguments="{}") for n in range(TOOLS))
        return Reply(tool_calls=calls)

    tool = Tool(name="search", description="", parameters={"type": "object"}, call=search)
    talker = Talker(ask_for_tools, tools=[tool])

    async def request(ask: Ask) -> None:
        await talker.talk([Message(role="user", content="hello")], None, Tally())

    yield request


@scenario("naive.delete_one_by_one", users=(1, 20), requests=10)
async def delete_one_by_one(world: World) -> AsyncIterator[Request]:
    """Two hundred keys are found with SCAN, and deleted singly."""
    async with world.redis.client() as client:

        async def request(ask: Ask) -> None:
            await client.mset({f"answers:{n}": "x" for n in range(KEYS)})
            async for key in client.scan_iter("answers:*"):
                await client.delete(key)

        yield request


@scenario("naive.delete_in_batches", users=(1, 20), requests=10)
async def delete_in_batches(world: World) -> AsyncIterator[Request]:
    """The same keys, found by the hundreds and unlinked in batches."""
    async with world.redis.client() as client:
        store: RedisStore[str] = RedisStore(client, namespace="answers", kind=str)

        async def request(ask: Ask) -> None:
            await store.mset({str(n): "x" for n in range(KEYS)})
            await store.invalidate("*")

        yield request


class RowsOneByOne(ScenarioBenchmark):
    scenario = rows_one_by_one
    counts = ("db_statements",)

    def setup_cache(self) -> Cache:
        return self.measure()


class RowsTogether(ScenarioBenchmark):
    scenario = rows_together
    counts = ("db_statements",)

    def setup_cache(self) -> Cache:
        return self.measure()


class ConnectionEach(ScenarioBenchmark):
    scenario = connection_each
    counts = (
        "redis_connects",
        "redis_trips",
    )

    def setup_cache(self) -> Cache:
        return self.measure()


class ConnectionKept(ScenarioBenchmark):
    scenario = connection_kept
    counts = (
        "redis_connects",
        "redis_trips",
    )

    def setup_cache(self) -> Cache:
        return self.measure()


class Holding(ScenarioBenchmark):
    scenario = holding
    counts = ("llm_calls_holding_db",)

    def setup_cache(self) -> Cache:
        return self.measure()


class Releasing(ScenarioBenchmark):
    scenario = releasing
    counts = ("llm_calls_holding_db",)

    def setup_cache(self) -> Cache:
        return self.measure()


class ToolsInTurn(ScenarioBenchmark):
    scenario = tools_in_turn
    counts = ("tool_calls",)

    def setup_cache(self) -> Cache:
        return self.measure()


class ToolsTogether(ScenarioBenchmark):
    scenario = tools_together
    counts = ("tool_calls",)

    def setup_cache(self) -> Cache:
        return self.measure()


class DeleteOneByOne(ScenarioBenchmark):
    scenario = delete_one_by_one
    counts = ("redis_trips",)

    def setup_cache(self) -> Cache:
        return self.measure()


class DeleteInBatches(ScenarioBenchmark):
    scenario = delete_in_batches
    counts = ("redis_trips",)

    def setup_cache(self) -> Cache:
        return self.measure()
