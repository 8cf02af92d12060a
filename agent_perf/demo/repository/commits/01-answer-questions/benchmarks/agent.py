"""What customers wait for, and what an answer costs: `agent-perf run` measures it."""

import asyncio
from bisect import bisect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path

import httpx
from agent_perf import World, scenario
from agent_perf.load import Ask, Request
from agent_perf.sim import U53, LatencyTable, llm
from openai import AsyncOpenAI

import support_agent
from support_agent.app import create_app
from support_agent.dependencies import HTTP_LIMITS, Dependencies
from support_agent.settings import Settings

SCHEMA = Path(support_agent.__file__).with_name("schema.sql")
CUSTOMERS = 200
TESTER = 1000  # The customer who asks the questions that fill the cache.

# Our model's pace: 0.3 s to 0.7 s until it begins, then 100 to 160 tokens a second.
PACE = {
    name: LatencyTable(name=name, grid=(0, U53), value_ns=range_ns)
    for name, range_ns in {
        "llm.first_token": (300_000_000, 700_000_000),
        "llm.token": (6_000_000, 10_000_000),
    }.items()
}

TOPICS = ("delivery", "a return", "a payment", "the warranty", "my account")
COMMON = [
    question.format(topic)
    for question in (
        "How long does {} take?",
        "What does {} cost?",
        "Who do I ask about {}?",
        "Can I change {} later?",
    )
    for topic in TOPICS
]
ZIPF = list(accumulate(1 / rank for rank in range(1, len(COMMON) + 1)))


@scenario(
    "support.answer",
    users=(50, 200),
    requests=200,
    tables=PACE,
    targets={"latency.p50": 0.010, "latency.p95": 2.0},
)
async def answer(world: World) -> AsyncIterator[Request]:
    """Three of five questions are common ones, answered before; the others are new."""
    async with running_app(world) as client:
        for question in COMMON:
            await ask_agent(client, TESTER, question)

        async def request(ask: Ask) -> str:
            if world.draws.chance("question.common", 0.6):
                drawn = world.draws.u53("question.which") / U53
                question = COMMON[bisect(ZIPF, drawn * ZIPF[-1])]
            else:
                question = f"You wrote to me about case {ask.request_id}: what do I do?"
            return await ask_agent(client, ask.user + 1, question, settle=ask.index < 0)

        yield request


@scenario(
    "support.orders",
    users=(50,),
    requests=100,
    tables=PACE,
    targets={"latency.p95": 3.0},
)
async def orders(world: World) -> AsyncIterator[Request]:
    """Customers ask for their orders: the model looks them up and answers."""
    world.llm.script(llm.call_tool("lookup_orders", newest=5), llm.text(tokens=40))
    async with running_app(world) as client:

        async def request(ask: Ask) -> str:
            question = f"Where is what I ordered, case {ask.request_id}?"
            return await ask_agent(client, ask.user + 1, question, settle=ask.index < 0)

        yield request


@asynccontextmanager
async def running_app(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """Run the app in *world*, with real client libraries; give a client of it."""
    world.database.prepare(SCHEMA.read_text() + rows())
    dependencies = Dependencies(
        redis=world.redis.client(max_connections=CUSTOMERS, decode_responses=True),
        engine=world.database.engine(pool_size=20, max_overflow=30),
        model=AsyncOpenAI(
            api_key="key",
            base_url=world.llm.base_url,
            http_client=world.http.client(limits=HTTP_LIMITS, timeout=30.0),
        ),
        http=world.http.client(base_url=world.pusher.base_url, limits=HTTP_LIMITS, timeout=5.0),
    )
    app = create_app(dependencies, Settings(event_key="key", event_secret="secret"))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://support.test") as client,
    ):
        yield client


async def ask_agent(
    client: httpx.AsyncClient, customer_id: int, question: str, *, settle: bool = False
) -> str:
    """Ask, and return how the answer was found; *settle* waits for its last events too."""
    body = {"customer_id": customer_id, "text": question}
    response = await client.post("/questions", json=body)
    response.raise_for_status()
    if settle:
        await asyncio.sleep(5)
    return "hit" if response.json()["source"] == "cache" else "miss"


def rows() -> str:
    """Return the SQL of customers with 3 to 8 orders of two items, and of the handbook."""
    customers = [(TESTER, "Tester")]
    customers += [(number, f"Customer {number}") for number in range(1, CUSTOMERS + 1)]
    orders = [
        (10 * customer + number, customer, "shipped", "2026-01-05", 4990)
        for customer, _ in customers
        for number in range(3 + customer % 6)
    ]
    items = [
        (order, line, product, line)
        for order, *_ in orders
        for line, product in enumerate(("Spade", "Rake"), start=1)
    ]
    articles = [
        (number, topic, f"What to know about {topic}: we do what we can.")
        for number, topic in enumerate(("delivery", "return", "payment", "warranty", "account"))
    ]
    tables = {
        "customers": customers,
        "orders": orders,
        "order_items": items,
        "articles": articles,
    }
    return "\n".join(
        f"INSERT INTO {name} VALUES {', '.join(map(str, values))};"
        for name, values in tables.items()
    )
