"""
The request path of an agent: cache, database, model, tools and events together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache

import httpx2

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, in_world, per_call
from agent_perf.components import (
    Agent,
    Database,
    EventBatcher,
    MemoryCache,
    Message,
    OpenAiModel,
    PusherClient,
    Question,
    RedisStore,
    Talker,
    Tool,
)
from agent_perf.sim import U53, llm
from agent_perf.suite import Ask, Request

ASKS = 200
ASKS_OF_MODEL = 20
QUESTIONS = 400
USERS = 200

_SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE turns (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, said TEXT NOT NULL);
CREATE INDEX turns_by_user ON turns (user_id);
CREATE TABLE articles (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {USERS})
INSERT INTO users SELECT i, 'user-' || i FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
INSERT INTO articles SELECT i, 'article ' || i FROM n;
"""


class _Layers:
    """Memory before Redis."""

    def __init__(self, store: RedisStore[str]) -> None:
        self._near: MemoryCache[str] = MemoryCache(entries_max=200, ttl_s=600.0)
        self._store = store

    async def get_or_set(self, key: str, compute: Callable[[], Awaitable[str]], /) -> str:
        return await self._near.get_or_set(key, lambda: self._store.get_or_set(key, compute))


class _Memory:
    """What an agent remembers of users, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def profile(self, question: Question) -> Sequence[Message]:
        row = await self._database.read_one(
            "SELECT name FROM users WHERE id = :id", {"id": int(question.user_id)}
        )
        return [Message(role="system", content=f"The user is {row.name if row else 'new'}.")]

    async def turns(self, question: Question) -> Sequence[Message]:
        rows = await self._database.read(
            "SELECT said FROM turns WHERE user_id = :id ORDER BY id DESC LIMIT 4",
            {"id": int(question.user_id)},
        )
        return [Message(role="user", content=row.said) for row in reversed(rows)]

    async def save(self, question: Question, answer: str) -> None:
        await self._database.write(
            "INSERT INTO turns (user_id, said) VALUES (:id, :said)",
            {"id": int(question.user_id), "said": question.text},
        )

    async def search(self, query: str) -> list[str]:
        rows = await self._database.read(
            "SELECT title FROM articles WHERE title LIKE :pattern LIMIT 5",
            {"pattern": f"%{query}%"},
        )
        return [row.title for row in rows]


def _search_tool(memory: _Memory) -> Tool:
    return Tool(
        name="search",
        description="Search the help articles.",
        parameters={
            "type": "object",
            "properties": {"query": {"type": "string"}},
            "required": ["query"],
        },
        call=memory.search,
    )


@asynccontextmanager
async def _agent(world: World, *, with_tools: bool) -> AsyncIterator[Agent]:
    """Give an agent with everything around it, over real clients of simulated services."""
    world.database.prepare(_SCHEMA)
    async with (
        world.redis.client(max_connections=50, socket_timeout=1.0) as redis,
        world.http.client() as http,
        world.http.client(httpx2) as llm_http,
        Database(world.database.engine(pool_size=20, max_overflow=30)) as database,
        EventBatcher(
            PusherClient(
                http, app_id="1", key="key", secret="secret", base_url=world.pusher.base_url
            ).send_batch
        ) as events,
    ):
        client = world.llm.openai(http_client=llm_http)
        memory = _Memory(database)
        tools = [_search_tool(memory)] if with_tools else []
        store: RedisStore[str] = RedisStore(redis, namespace="answers", kind=str)
        yield Agent(
            Talker(OpenAiModel(client, "gpt-4o-mini"), tools=tools),
            cache=_Layers(store),
            key=lambda question: question.text,
            loads=[memory.profile, memory.turns],
            save=memory.save,
            publish=events.publish,
        )


def _question(world: World, ask: Ask) -> Question:
    # A power law in integers: a few questions are asked most of the time.
    number = QUESTIONS * world.draws.u53("question") ** 4 // U53**4
    return Question(
        text=f"How do I return order {number}?",
        user_id=str(ask.user),
        channel=f"private-user-{ask.user}",
    )


@scenario("agent.chat", requests=400, targets="agent.request")
async def chat(world: World) -> AsyncIterator[Request]:
    """A question, its answer streamed; popular ones come from the cache."""
    async with _agent(world, with_tools=False) as agent:

        async def request(ask: Ask) -> str:
            answer = await agent.ask(_question(world, ask))
            return answer.path

        yield request


class Chat(ScenarioBenchmark):
    scenario = chat
    latencies = ("p50", "p95", "p99", "miss.p95")
    counts = (
        "llm_calls",
        "llm_tokens_in",
        "llm_tokens_out",
        "llm_cost_nanousd",
        "llm_calls_holding_db",
        "db_statements",
        "redis_trips",
        "redis_misses",
        "event_requests",
        "http_requests",
    )

    def setup_cache(self) -> Cache:
        return self.measure()


@scenario("agent.tools", requests=200, warmup=0, targets="api.standard")
async def tools(world: World) -> AsyncIterator[Request]:
    """A question for which the model searches first; nobody has asked it before."""
    world.llm.script(llm.call_tool("search", query="article 17"), llm.text(tokens=12))
    async with _agent(world, with_tools=True) as agent:

        async def request(ask: Ask) -> str:
            question = Question(
                text=f"Question {ask.request_id}",
                user_id=str(ask.user),
                channel=f"private-user-{ask.user}",
            )
            answer = await agent.ask(question)
            return answer.path

        yield request


class Tools(ScenarioBenchmark):
    scenario = tools
    counts = (
        "llm_calls",
        "llm_tokens_in",
        "llm_tokens_out",
        "llm_cost_nanousd",
        "llm_calls_holding_db",
        "tool_calls",
        "db_statements",
        "redis_trips",
        "event_requests",
    )

    def setup_cache(self) -> Cache:
        return self.measure()


async def _parrot(messages: Sequence[Message], tools: Sequence[Tool], /) -> str:
    return messages[-1].content


@cache
def _remembering() -> Agent:
    cached: MemoryCache[str] = MemoryCache(ttl_s=3600.0)
    return Agent(Talker(_parrot), cache=cached)


@cache
def _forgetful() -> Agent:
    return Agent(Talker(_parrot))


async def _asks(agent: Agent) -> None:
    question = Question(text="How do refunds work?", user_id="17")
    for _ in range(ASKS):
        await agent.ask(question)


class RequestPath:
    """The agent with a model that costs nothing; CPU time per request."""

    @per_call(ASKS)
    def time_hit(self) -> None:
        drive(_asks(_remembering()))

    @per_call(ASKS)
    def time_miss(self) -> None:
        drive(_asks(_forgetful()))


class Everything:
    """The whole path, real clients and simulated services included; CPU time per request."""

    # Seconds of imports in each fresh process: asv measures it, a duet's rounds leave it out.
    duet = False

    @per_call(ASKS_OF_MODEL)
    def time_miss(self) -> None:
        in_world(self._calls)

    def peakmem_20_requests(self) -> None:
        in_world(self._calls)

    async def _calls(self, world: World) -> None:
        async with _agent(world, with_tools=False) as agent:
            for number in range(ASKS_OF_MODEL):
                await agent.ask(Question(text=f"Question {number}", user_id="17"))
