"""A benchmark package in one file: a small application and its scenarios, for tests of tier live."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from agent_perf import llm, scenario
from agent_perf.sim import constant_table

TABLES = {"think": constant_table("think", 0.001)}
# What a deployment would say; nobody is there.
cache = redis.asyncio.from_url("redis://cache.internal:6390/3")
engine = create_async_engine("postgresql+asyncpg://shop@db.internal/shop", pool_size=2)
outside = httpx.AsyncClient()
seen: list[str] = []


async def app(scope, receive, send) -> None:
    """Answer by means of everything."""
    if scope["type"] != "http":
        return
    seen.append(f"{scope['server'][0]} {dict(scope['headers'])[b'host'].decode()}")
    await cache.incr("asked")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO asked (said) VALUES ('x')"))
    answer = await outside.post(
        "https://api.openai.com/v1/chat/completions",
        headers={"authorization": "Bearer simulated"},
        json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]},
    )
    body = answer.content
    await send({"type": "http.response.start", "status": answer.status_code, "headers": []})
    await send({"type": "http.response.body", "body": body})


def prepared(world) -> None:
    """Make the table."""
    world.database.prepare("CREATE TABLE asked (id INTEGER PRIMARY KEY, said TEXT)")
    world.llm.script(llm.text("Hello", ttft="2ms", itl="1ms"))


@scenario("shop.ask", app=app, setup=prepared, users=(1,), requests=3, tables=TABLES)
async def ask(client, world, ask):
    """One question."""
    reply = await client.get("/")
    assert reply.status_code == 200
    assert reply.json()["choices"][0]["message"]["content"] == "Hello"


@scenario("shop.endless", users=(1,), requests=1, tables=TABLES)
async def endless(world):
    """A request that says when it is under way, and never ends."""
    world.database.prepare("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    client = world.redis.client()
    await client.set("left", "behind")
    place = Path(os.environ["SHOP_STARTED"])
    # Whole or not at all, for somebody looks whether it is there.
    place.with_suffix(".new").write_text(f"{world.database.url} {world.redis.url}")
    place.with_suffix(".new").rename(place)
    await asyncio.sleep(3600)
