"""The whole path with real clients while a service behind it is down: simulated, and real."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy.ext.asyncio import create_async_engine

from agent_perf import World, scenario
from agent_perf.components import (
    Agent,
    AgentPolicy,
    CircuitBreaker,
    Database,
    ErrorCategory,
    EventBatcher,
    Message,
    OpenAiModel,
    PusherClient,
    Question,
    RedisStore,
    RequestError,
    Talker,
    Tool,
)
from agent_perf.sim.faults import Fault, hang, outage
from agent_perf.suite import Ask, Request, run_scenario
from tests.services.proxy import Proxy

REQUESTS = 120


def run_with(fault: Fault) -> tuple[list[object], list[float]]:
    """Return what 120 requests of four users came to, in order of their begin, and when."""
    outcomes: list[object] = []
    begun_s: list[float] = []

    @scenario("agent.faults", requests=REQUESTS, faults=(fault,))
    async def build(world: World) -> AsyncIterator[Request]:
        world.database.prepare("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
        async with (
            world.redis.client(socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as client,
            world.http.client() as http,
            world.http.client(httpx2) as llm_http,
            Database(world.database.engine()) as database,
            EventBatcher(
                PusherClient(
                    http, app_id="1", key="key", secret="secret", base_url=world.pusher.base_url
                ).send_batch
            ) as events,
        ):

            async def load(question: Question) -> list[Message]:
                rows = await database.read("SELECT body FROM notes LIMIT 1")
                return [Message(role="system", content=row.body) for row in rows]

            async def save(question: Question, text: str) -> None:
                await database.write("INSERT INTO notes (body) VALUES (:body)", {"body": text})

            agent = Agent(
                Talker(
                    OpenAiModel(world.llm.openai(http_client=llm_http), "gpt-4o-mini"),
                    breaker=CircuitBreaker(open_s=1.0),
                ),
                cache=RedisStore(client, namespace="answers", kind=str),
                loads=[load],
                save=save,
                publish=events.publish,
                policy=AgentPolicy(deadline_s=4.0),
            )
            first_s = asyncio.get_running_loop().time()

            async def request(ask: Ask) -> None:
                index = len(outcomes)
                outcomes.append(None)
                begun_s.append(asyncio.get_running_loop().time() - first_s)
                await asyncio.sleep(0.25)
                question = Question(text=f"question {ask.index}", channel=f"chat-{ask.user}")
                try:
                    outcomes[index] = (await agent.ask(question)).path
                except RequestError as error:
                    outcomes[index] = error.category

            yield request

    run_scenario(build, 4, commit="worktree")
    return outcomes, begun_s


@pytest.mark.parametrize(
    ("fault", "allowed"),
    [
        # The store goes on without Redis, the batcher holds events back: nobody notices.
        (outage("redis", at_s=1, for_s=2), set()),
        (hang("redis", at_s=1, for_s=2), set()),
        (outage("pusher", at_s=1, for_s=2), set()),
        (outage("database", at_s=1, for_s=2), {ErrorCategory.NETWORK, ErrorCategory.UNAVAILABLE}),
        (outage("llm", at_s=1, for_s=2), {ErrorCategory.NETWORK, ErrorCategory.UNAVAILABLE}),
        (hang("llm", at_s=1, for_s=2), {ErrorCategory.TIMEOUT}),
    ],
    ids=lambda value: f"{value.service}-{value.kind.value}" if isinstance(value, Fault) else "",
)
def test_an_outage_is_survived(fault: Fault, allowed: set[ErrorCategory]) -> None:
    """
    While one service is down for two seconds, requests fail as that service's failure says,
    or not at all; those that begin before and well after are answered.
    """
    outcomes, begun_s = run_with(fault)
    failed = {outcome for outcome in outcomes if isinstance(outcome, ErrorCategory)}

    assert REQUESTS <= len(outcomes)
    assert None not in outcomes
    assert failed <= allowed
    assert begun_s[-1] > 20
    # The warm-up takes some three seconds; the breaker probes a second after the last failure.
    assert not any(
        isinstance(outcome, ErrorCategory)
        for outcome, at_s in zip(outcomes, begun_s, strict=True)
        if at_s < 1 or at_s > 12
    )


@pytest.mark.services
@pytest.mark.parametrize("which", ["redis", "postgresql"])
def test_a_real_service_goes_away_in_mid_request(
    which: str, redis_url: str, postgres_url: str
) -> None:
    """
    Redis' or PostgreSQL's connections are cut while fifty requests are under way, and new ones
    refused: every request ends, with its own answer or with the category of the failure, and
    afterwards all are answered again.
    """
    names = urlsplit(redis_url), urlsplit(postgres_url)
    table = f"agent_{uuid.uuid4().hex}"

    async def main() -> None:
        async with (
            Proxy(names[0].hostname or "", names[0].port or 6379) as redis_proxy,
            Proxy(names[1].hostname or "", names[1].port or 5432) as postgres_proxy,
        ):
            client = redis.asyncio.Redis(
                port=redis_proxy.port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0)
            )
            user = names[1].username or "root"
            target = f"{user}@127.0.0.1:{postgres_proxy.port}{names[1].path}"
            engine = create_async_engine(f"postgresql+asyncpg://{target}", pool_size=5)
            direct = await asyncpg.connect(postgres_url)
            await direct.execute(f"CREATE TABLE {table} (body TEXT NOT NULL)")
            try:
                await drill(client, engine, redis_proxy if which == "redis" else postgres_proxy)
            finally:
                await direct.execute(f"DROP TABLE {table}")
                await direct.close()
                with contextlib.suppress(redis.ConnectionError):
                    keys = [key async for key in client.scan_iter(f"{table}*")]
                    if keys:
                        await client.delete(*keys)
                await client.aclose()

    async def drill(client: redis.asyncio.Redis, engine: object, proxy: Proxy) -> None:
        cut = asyncio.Event()

        async def model(messages: Sequence[Message], _: Sequence[Tool]) -> str:
            if not cut.is_set() and messages[-1].content == "question 25":
                proxy.refuse()
                cut.set()
            await asyncio.sleep(0.02)
            return messages[-1].content

        async with Database(engine) as database:

            async def save(_: Question, text: str) -> None:
                await database.write(f"INSERT INTO {table} VALUES (:body)", {"body": text})

            agent = Agent(
                Talker(model),
                cache=RedisStore(client, namespace=table, kind=str),
                save=save,
                policy=AgentPolicy(deadline_s=2.0),
            )

            async def ask(number: int) -> object:
                text = f"question {number}"
                try:
                    return (await agent.ask(Question(text=text))).text == text
                except RequestError as error:
                    return error.category

            outcomes = await asyncio.gather(*(ask(number) for number in range(50)))
            # A connect that the cut caught in the midst may hang until the deadline.
            allowed = {ErrorCategory.NETWORK, ErrorCategory.UNAVAILABLE, ErrorCategory.TIMEOUT}
            assert cut.is_set()
            assert set(outcomes) <= {True} | (set() if which == "redis" else allowed)
            proxy.heal()
            # The store leaves a Redis that was down alone for a second; answers come anyway.
            assert [True] * 10 == await asyncio.gather(*(ask(100 + n) for n in range(10)))

    asyncio.run(main())
