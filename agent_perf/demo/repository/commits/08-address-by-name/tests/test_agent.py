"""The agent against an in-memory Redis and database, a scripted model and an event service."""

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from pathlib import Path

import fakeredis
import httpx
from openai import AsyncOpenAI
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from support_agent.app import create_app
from support_agent.dependencies import Dependencies
from support_agent.settings import Settings

SCHEMA = Path(__file__).parents[1] / "support_agent" / "schema.sql"
ROWS = """
INSERT INTO customers VALUES (1, 'Ada'), (2, 'Bob');
INSERT INTO orders VALUES (10, 1, 'shipped', '2026-01-05', 4990);
INSERT INTO orders VALUES (11, 2, 'open', '2026-01-06', 750);
INSERT INTO order_items VALUES (10, 1, 'Spade', 1), (10, 2, 'Gloves', 2), (11, 1, 'Rake', 1);
INSERT INTO articles VALUES (1, 'delivery', 'We deliver within three days.');
"""


class Services:
    """The model and the event service: they answer as scripted, and keep what they were sent."""

    def __init__(self) -> None:
        self.script: list[dict] = []
        self.prompts: list[dict] = []
        self.event_requests: list[httpx.Request] = []

    def model(self, request: httpx.Request) -> httpx.Response:
        self.prompts.append(json.loads(request.content))
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}
        deltas = self.script.pop(0)
        lines = [
            f"data: {json.dumps({**chunk, 'choices': [{'index': 0, 'delta': delta}]})}\n\n"
            for delta in deltas
        ]
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, text="".join(lines) + "data: [DONE]\n\n")

    def events(self, request: httpx.Request) -> httpx.Response:
        self.event_requests.append(request)
        return httpx.Response(200, json={})


@asynccontextmanager
async def running(services: Services):
    """Run the app on *services*; give a function that asks a question."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    async with engine.begin() as connection:
        for statement in (SCHEMA.read_text() + ROWS).split(";"):
            await connection.exec_driver_sql(statement)
    dependencies = Dependencies(
        redis=fakeredis.FakeAsyncRedis(decode_responses=True),
        engine=engine,
        model=AsyncOpenAI(
            api_key="test",
            http_client=httpx.AsyncClient(transport=httpx.MockTransport(services.model)),
        ),
        http=httpx.AsyncClient(
            base_url="http://events.test", transport=httpx.MockTransport(services.events)
        ),
    )
    app = create_app(dependencies, Settings(event_key="key", event_secret="secret"))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(base_url="http://app.test", transport=transport) as client,
    ):

        async def ask(customer_id: int, text: str) -> httpx.Response:
            return await client.post("/questions", json={"customer_id": customer_id, "text": text})

        yield ask


def test_equal_question_is_answered_from_the_cache():
    services = Services()
    services.script = [[{"content": "In three "}, {"content": "days."}]]

    async def scenario():
        async with running(services) as ask:
            return [(await ask(1, "How long does delivery take?")).json() for _ in range(2)]

    first, second = asyncio.run(scenario())

    assert first == {"text": "In three days.", "source": "model"}
    assert second == {"text": "In three days.", "source": "cache"}
    assert "We deliver within three days." in services.prompts[0]["messages"][2]["content"]
    assert "Ada" in services.prompts[0]["messages"][0]["content"]


def test_model_looks_up_orders_of_the_customer_who_asks():
    call = {"index": 0, "id": "c1", "function": {"name": "lookup_orders", "arguments": ""}}
    arguments = {"index": 0, "function": {"arguments": '{"newest": 3}'}}
    services = Services()
    services.script = [
        [{"tool_calls": [call]}, {"tool_calls": [arguments]}],
        [{"content": "It is on its way."}],
    ]

    async def scenario():
        async with running(services) as ask:
            return (await ask(1, "Where is my order?")).json()

    assert asyncio.run(scenario())["text"] == "It is on its way."
    orders = json.loads(services.prompts[1]["messages"][-1]["content"])
    assert [order["number"] for order in orders] == [10]
    assert orders[0]["items"] == ["1 x Spade", "2 x Gloves"]


def test_events_are_signed_and_in_order():
    services = Services()
    services.script = [[{"content": "Yes."}]]

    async def scenario():
        async with running(services) as ask:
            await ask(1, "Do you sell rakes?")

    asyncio.run(scenario())

    names = []
    for request in services.event_requests:
        query, signature = request.url.query.decode().rsplit("&auth_signature=", 1)
        signed = f"POST\n/apps/1/batch_events\n{query}"
        assert signature == hmac.new(b"secret", signed.encode(), hashlib.sha256).hexdigest()
        assert hashlib.md5(request.content).hexdigest() in query
        names += [event["name"] for event in json.loads(request.content)["batch"]]
    assert names == ["turn.started", "answer.text", "turn.answered"]


def test_unknown_customer_is_refused():
    async def scenario():
        async with running(Services()) as ask:
            return await ask(99, "Hello?")

    assert asyncio.run(scenario()).status_code == 404
