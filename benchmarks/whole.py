"""
A whole backend of the components: each request goes through nearly all of them.

Memory before Redis for answers, a near tier for profiles, cached queries, a model with tools,
price, budget, breaker, bulkhead, events to those who listen, metrics of every part, and one
Backend that starts and stops them.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, in_world, per_call
from agent_perf.components import (
    PRICES,
    Agent,
    AgentMetrics,
    Answer,
    Backend,
    Budget,
    Bulkhead,
    ChannelAuth,
    ChannelRegistry,
    CircuitBreaker,
    Database,
    EventBatcher,
    Layers,
    MemoryCache,
    Message,
    Metrics,
    ModelTimeoutError,
    ModelUnavailableError,
    NearTier,
    OpenAiModel,
    PusherClient,
    PusherPool,
    QueryCache,
    Question,
    RedisClient,
    RedisLink,
    RedisPyClient,
    RedisStore,
    RequestError,
    RetryPolicy,
    Signer,
    Talker,
    TalkPolicy,
    Tool,
    WebhookEvent,
    prometheus_text,
)
from agent_perf.load import Poisson
from agent_perf.records import Tier
from agent_perf.sim import U53, llm
from agent_perf.sim.faults import errors, outage
from agent_perf.suite import Ask, Request, goodput_at_least, recovers_within

ASKS_OF_MODEL = 20
QUESTIONS = 400
USERS = 200
CLIENTS = 5
PAGES = 10

# Nobody listens to every fourth channel, and one question in sixteen wants the articles.
_DESERTED = 4
_SEARCHED = 16

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


class _Memory:
    """What an agent knows: profiles near at hand, turns and articles by cached queries."""

    def __init__(self, database: Database, profiles: RedisStore[str], bulkhead: Bulkhead) -> None:
        self._database = database
        self._profiles = profiles
        self._bulkhead = bulkhead
        self.queries = QueryCache(database, ttl_s=60.0)

    async def profile(self, question: Question) -> Sequence[Message]:
        async def read() -> str:
            row = await self._database.read_one(
                "SELECT name FROM users WHERE id = :id", {"id": int(question.user_id)}
            )
            return row.name if row else "new"

        name = await self._profiles.get_or_set(question.user_id, read)
        return [Message(role="system", content=f"The user is {name}.")]

    async def turns(self, question: Question) -> Sequence[Message]:
        rows = await self.queries.read(
            "SELECT said FROM turns WHERE user_id = :id ORDER BY id DESC LIMIT 4",
            {"id": int(question.user_id)},
        )
        return [Message(role="user", content=row.said) for row in reversed(rows)]

    async def save(self, question: Question, answer: str) -> None:
        await self.queries.write(
            "INSERT INTO turns (user_id, said) VALUES (:id, :said)",
            {"id": int(question.user_id), "said": question.text},
        )

    async def search(self, query: str) -> list[str]:
        async with self._bulkhead:
            rows = await self.queries.read(
                "SELECT title FROM articles WHERE title LIKE :pattern LIMIT 5",
                {"pattern": f"%{query}%"},
            )
        return [row.title for row in rows]


class _Channels:
    """Who listens, and who may."""

    def __init__(self, events: EventBatcher) -> None:
        self._events = events
        self.registry = ChannelRegistry()
        self.auth = ChannelAuth(
            Signer("key", "secret"), lambda user, channel: channel == f"private-user-{user}"
        )
        for user in range(USERS):
            said = "channel_occupied" if (user + 1) % _DESERTED else "channel_vacated"
            self.registry.note(WebhookEvent(name=said, channel=f"private-user-{user}"))

    def publish(self, channel: str, name: str, data: object, /) -> None:
        if self.registry.is_occupied(channel) is not False:
            self._events.publish(channel, name, data)


class _Service:
    """An agent as a backend serves it: a token for the channel, the answer, and the figures."""

    def __init__(self, backend: Backend, agent: Agent, channels: _Channels) -> None:
        self.metrics = Metrics(namespace="shop")
        self._backend = backend
        self._agent = agent
        self._channels = channels
        self._agents = AgentMetrics()
        self.metrics.watch("agents", self._agents.stats, keys=AgentMetrics.KEYS)
        backend.watch_in(self.metrics)

    async def ask(self, question: Question) -> Answer:
        begin_s = time.monotonic()
        with self._backend.request():
            if question.channel:
                await self._channels.auth.authorize(question.user_id, "17.42", question.channel)
            try:
                answer = await self._agent.ask(question)
            except RequestError as error:
                taken_s = time.monotonic() - begin_s
                self._agents.add("support", latency_s=taken_s, error=error.category)
                raise
            self._agents.add_answer("support", answer)
            return answer


def _client(world: World) -> RedisClient:
    """Return a link where there is a network; in the process, redis-py behind its interface."""
    if world.tier is Tier.WIRE:
        return RedisLink(world.redis.url)
    return RedisPyClient(world.redis.client(max_connections=50, socket_timeout=1.0), owned=True)


def _near(world: World) -> NearTier[str] | None:
    """Return a near tier where Redis can tell what changes: stubs know no subscriptions."""
    return NearTier(world.redis.url) if world.tier is Tier.WIRE else None


def _talker(world: World, http: httpx2.AsyncClient, memory: _Memory) -> Talker:
    return Talker(
        OpenAiModel(world.llm.openai(http_client=http), "gpt-4o-mini", max_tokens=500),
        tools=[
            Tool(
                name="search",
                description="Search the help articles.",
                parameters={"type": "object", "properties": {"query": {"type": "string"}}},
                call=memory.search,
            )
        ],
        price=PRICES.of("gpt-4o-mini"),
        policy=TalkPolicy(reply_tokens_max=500, silence_s_max=5.0),
        breaker=CircuitBreaker(
            counts=(ModelTimeoutError, ModelUnavailableError),
            on_change=lambda state: world.state("breaker.model", state),
        ),
        budget=Budget(100.0),
    )


@asynccontextmanager
async def _service(world: World) -> AsyncIterator[_Service]:
    """Give a service that has started, over clients of simulated services."""
    world.database.prepare(_SCHEMA)
    world.llm.route(
        lambda chat: chat.last_user_text.startswith("Which article"),
        llm.call_tool("search", query="article 17"),
        llm.text(tokens=12),
    )
    async with world.http.client() as http, world.http.client(httpx2) as llm_http:
        redis = _client(world)
        near = _near(world)
        profiles = RedisStore(redis, namespace="profiles", kind=str, near=near)
        answers = RedisStore(redis, namespace="answers", kind=str, ttl_s=600.0)
        database = Database(world.database.engine(pool_size=20, max_overflow=30))
        bulkhead = Bulkhead(running_max=20, waiting_max=200, wait_s_max=1.0)
        memory = _Memory(database, profiles, bulkhead)
        pool = PusherPool(
            [
                PusherClient(
                    http, app_id="1", key="key", secret="secret", base_url=world.pusher.base_url
                )
                for _ in range(CLIENTS)
            ]
        )
        # Waits of 0.1 s to 5 s: they outlast an event service that is down for seconds.
        events = EventBatcher(pool.send_batch, retry=RetryPolicy(attempts=8))
        channels = _Channels(events)
        layers: Layers[str] = Layers(
            {"memory": MemoryCache(entries_max=200, ttl_s=600.0), "redis": answers},
            ttl_s_max={"memory": 60.0},
        )
        agent = Agent(
            _talker(world, llm_http, memory),
            cache=layers,
            key=lambda question: question.text,
            loads=[memory.profile, memory.turns],
            save=memory.save,
            publish=channels.publish,
        )

        backend = Backend()
        backend.part("redis", stop=redis.aclose, health=answers.health, critical=False)
        backend.part(
            "profiles",
            start=near.ready if near else None,
            stop=profiles.aclose,
            stats=profiles.stats,
            needs=("redis",),
            critical=False,
        )
        if near:
            backend.part("near", stats=near.stats)
        backend.part(
            "answers",
            stop=answers.aclose,
            stats=answers.stats,
            needs=("redis",),
            critical=False,
        )
        backend.part("layers", stats=layers.stats)
        backend.part(
            "database", stop=database.aclose, health=database.health, stats=database.pool_stats
        )
        backend.part("queries", stats=memory.queries.stats, needs=("database",))
        backend.part("pusher", stop=pool.aclose, health=pool.health, stats=pool.stats)
        backend.part("events", stop=events.aclose, stats=events.stats, needs=("pusher",))
        backend.part("bulkhead", stats=bulkhead.stats)
        backend.part("channels", stats=channels.registry.stats)
        backend.part("tokens", stats=channels.auth.stats)
        backend.part("agent", stats=agent.stats, needs=("layers", "queries", "events", "bulkhead"))
        async with backend:
            service = _Service(backend, agent, channels)
            yield service
        # Every part is told, and whatever failed meanwhile, no event was lost.
        page = prometheus_text(service.metrics.collect())
        assert "shop_scrape_errors_total{" not in page
        assert events.stats().published == events.stats().delivered


def _question(world: World, ask: Ask) -> Question:
    # A power law in integers: a few questions are asked most of the time.
    number = QUESTIONS * world.draws.u53("question") ** 4 // U53**4
    wants = "Which article is about" if number % _SEARCHED == _SEARCHED - 1 else "How do I return"
    return Question(
        text=f"{wants} order {number}?",
        user_id=str(ask.user),
        channel=f"private-user-{ask.user}",
    )


@scenario("agent.backend", requests=400, targets="agent.request")
async def backend(world: World) -> AsyncIterator[Request]:
    """A question through a whole backend; popular ones come from memory, some need a tool."""
    async with _service(world) as service:

        async def request(ask: Ask) -> str:
            answer = await service.ask(_question(world, ask))
            return answer.path

        yield request


class WholeBackend(ScenarioBenchmark):
    scenario = backend
    latencies = ("p50", "p95", "p99", "miss.p95")
    counts = (
        "llm_calls",
        "llm_cost_nanousd",
        "llm_calls_holding_db",
        "tool_calls",
        "db_statements",
        "redis_trips",
        "redis_misses",
        "event_requests",
        "http_requests",
    )

    def setup_cache(self) -> Cache:
        return self.measure()


_FAULTS = (
    outage("redis", at_s=8, for_s=4),
    errors("llm", ratio=0.5, status=429, retry_after_s=0.5, at_s=18, for_s=4),
    outage("database", at_s=28, for_s=4),
    errors("pusher", ratio=1.0, status=503, at_s=38, for_s=4),
)
_CHECKS = (
    *(recovers_within(fault.label, 3.0) for fault in _FAULTS),
    goodput_at_least(0.95, during="redis outage"),
    goodput_at_least(0.95, during="pusher errors"),
)


@scenario(
    "agent.backend_faults", load=Poisson(rate_hz=50, for_s=50), faults=_FAULTS, checks=_CHECKS
)
async def backend_faults(world: World) -> AsyncIterator[Request]:
    """The same while Redis, the model, the database and the event service fail in turn."""
    async with _service(world) as service:

        async def request(ask: Ask) -> str:
            answer = await service.ask(_question(world, ask))
            return answer.path

        yield request


class WholeBackendInTrouble(ScenarioBenchmark):
    scenario = backend_faults
    counts = ("llm_calls", "db_statements", "redis_trips", "event_requests")

    def setup_cache(self) -> Cache:
        return self.measure()


class Everything:
    """The whole path, real clients and simulated services included; CPU time per request."""

    # Seconds of imports in each fresh process: asv measures it, a duet's rounds leave it out.
    duet = False

    @per_call(ASKS_OF_MODEL)
    def time_miss(self) -> None:
        async def calls(world: World) -> None:
            async with _service(world) as service:
                for number in range(ASKS_OF_MODEL):
                    await service.ask(Question(text=f"Question {number}", user_id="17"))

        in_world(calls)

    @per_call(PAGES)
    def time_page(self) -> None:
        async def calls(world: World) -> None:
            async with _service(world) as service:
                for _ in range(PAGES):
                    prometheus_text(service.metrics.collect())

        in_world(calls)
