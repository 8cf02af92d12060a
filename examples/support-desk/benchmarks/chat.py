"""What customers do: ask for help, ask for an order, watch an answer being written."""

from datetime import date

from agent_perf import llm, scenario
from support_desk.main import app
from support_desk.shop import Article, Line, Order, Product, Session, create_tables

ARTICLES = 40
ORDERS = 60
LINES_PER_ORDER = 4


async def shop_is_open(world):
    """Fill the database, in the world, before the application starts."""
    await create_tables()
    async with Session.begin() as session:
        session.add_all(
            Article(title=f"Refunds {n}", body="Send it back within 30 days. " * 8)
            for n in range(ARTICLES)
        )
        session.add_all(Product(id=n, name=f"Plant {n}") for n in range(1, 21))
        await session.flush()
        for n in range(1, ORDERS + 1):
            lines = [
                Line(product_id=(n + k) % 20 + 1, quantity=k + 1) for k in range(LINES_PER_ORDER)
            ]
            session.add(Order(id=n, placed_on=date(2026, 3, 1), lines=lines))


def session_of(ask):
    """Return a session of its own for every four questions of a user."""
    return f"user{ask.user}-{ask.index // 4}"


@scenario(app=app, setup=shop_is_open, users=(1, 20), requests=100, p95="700ms", max_llm_calls=2)
async def help_question(client, world, ask):
    """One of ten questions; a session's first may have been answered to somebody else."""
    world.llm(
        llm.call_tool("search_articles", query="refunds by mail"),
        llm.text(tokens=40, ttft="150ms", itl="4ms"),
    )
    message = ask.text or f"How do refunds work, case {(ask.user * 7 + ask.index) % 10}?"
    reply = await client.post("/chat", json={"session_id": session_of(ask), "message": message})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert len(body["sources"]) == 3
    return "hit" if body["cached"] else "miss"


@scenario(
    app=app,
    setup=shop_is_open,
    users=(20,),
    requests=100,
    p95="800ms",
    max_llm_calls=2,
    max_db_statements=4,
    max_cost_usd=0.002,
)
async def order_question(client, world, ask):
    """Where is my order?"""
    order_id = abs(ask.user * 31 + ask.index) % ORDERS + 1
    world.llm(
        llm.call_tool("order_status", order_id=order_id),
        llm.text(tokens=30, ttft="150ms", itl="4ms"),
    )
    message = f"Where is my order {order_id}?"
    reply = await client.post("/chat", json={"session_id": session_of(ask), "message": message})
    assert reply.status_code == 200, reply.text


@scenario(app=app, setup=shop_is_open, users=(20,), requests=60, p95="1s", max_llm_calls=2)
async def streamed_answer(client, world, ask):
    """The answer as server-sent events."""
    world.llm(
        llm.call_tool("search_articles", query="refunds"),
        llm.text(tokens=40, ttft="150ms", itl="4ms"),
    )
    question = {"session_id": session_of(ask), "message": "How do refunds work?"}
    async with client.stream("POST", "/chat/stream", json=question) as reply:
        events = [line async for line in reply.aiter_lines() if line.startswith("data: ")]
    assert len(events) > 2
    assert '"sources"' in events[-1]
