"""Scenarios written as one function."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis.asyncio
from fastapi import FastAPI, Request, Response
from openai import AsyncOpenAI

from agent_perf import llm, scenario
from agent_perf.errors import BrokenError, ConfigError, RealWorldAccess, UsageError
from agent_perf.records import Tier
from agent_perf.suite import run_scenario

# An application as people have it: clients at import, others in the lifespan.
cache = redis.asyncio.from_url("redis://cache.internal:6379/0", decode_responses=True)
client_of_openai = AsyncOpenAI(api_key="sk-x", max_retries=0)
gate = asyncio.Semaphore(1)
_TOOL = {"type": "function", "function": {"name": "search_docs", "parameters": {"type": "object"}}}


@asynccontextmanager
async def _lifespan(app: FastAPI) -> Any:
    await cache.ping()
    yield
    await cache.aclose()
    await client_of_openai.close()


app = FastAPI(lifespan=_lifespan)


@app.post("/chat")
async def chat(request: Request) -> dict[str, str]:
    said = await request.json()
    messages: list[Any] = [{"role": "user", "content": said["message"]}]
    while True:
        reply = await client_of_openai.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=[_TOOL]
        )
        message = reply.choices[0].message
        if not message.tool_calls:
            return {"answer": message.content or ""}
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            async with gate:
                await cache.incr("searches")
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "A week."})


@app.get("/me")
async def me(request: Request, response: Response) -> dict[str, str]:
    known = request.cookies.get("who", "nobody")
    response.set_cookie("who", request.query_params["name"])
    return {"who": known}


@app.get("/away")
async def away() -> None:
    import httpx

    async with httpx.AsyncClient() as http:
        await http.get("https://billing.example/v1/bill")


def _small(**arguments: Any) -> Any:
    return scenario(**{"users": (2,), "requests": 12, "think": None, **arguments})


@_small(app=app, p95="150ms", max_llm_calls=2, max_cost_usd=0.004)
async def answer_with_search(client, world):
    world.llm(
        llm.call_tool("search_docs", q="refunds"), llm.text(tokens=32, ttft="21ms", itl="2ms")
    )
    world.tool("search_docs", latency="31ms")
    reply = await client.post("/chat", json={"message": "How do refunds work?"})
    assert reply.status_code == 200


def test_an_unchanged_app_is_measured() -> None:
    """Its clients of import time are caught; calls, tools and cost of one request are known."""
    run = run_scenario(answer_with_search, 2, commit="worktree")

    assert "test_plain.answer_with_search" == answer_with_search.name
    assert {} == run.errors
    assert 2 == run.most["llm_calls"] == run.most["http_requests"]
    assert 1 == run.most["tool_calls"] == run.most["redis_trips"]
    # 31 ms for the tool, 21 ms to the first token, 31 tokens of 2 ms; the rest is drawn.
    assert min(run.latency_ns) > (31 + 21 + 62) * 1_000_000
    assert {
        "latency.p95": 0.15,
        "request.llm_calls": 2,
        "request.llm_cost_usd": 0.004,
        "success_ratio": 1.0,
    } == run.targets


def test_worlds_of_one_process_find_the_same_app_anew() -> None:
    """Clients that a shutdown closed, and connections of a closed loop, do not matter."""
    first, second = (run_scenario(answer_with_search, 2, commit="worktree") for _ in range(2))

    assert first.trace_digest == second.trace_digest


def test_the_same_function_runs_over_a_network() -> None:
    """At tier wire, https ends before the network, and the counts are the same."""
    run = run_scenario(answer_with_search, 2, commit="worktree", tier=Tier.WIRE)

    assert {} == run.errors
    assert (2, 1) == (run.most["llm_calls"], run.most["tool_calls"])


def test_stubs_are_refused_by_name() -> None:
    """An app makes its clients itself: no stub can take their place."""
    with pytest.raises(UsageError, match="run this scenario on tier 'client' or 'wire'"):
        run_scenario(answer_with_search, 2, commit="worktree", tier=Tier.STUB)


def test_users_have_cookies_of_their_own() -> None:
    """Each user has a client; none finds another's session."""
    seen = []

    @_small(app=app)
    async def who(client, ask):
        reply = await client.get("/me", params={"name": f"user {ask.user}"})
        seen.append((ask.user, reply.json()["who"]))

    run_scenario(who, 2, commit="worktree")

    assert {(0, "nobody"), (0, "user 0"), (1, "nobody"), (1, "user 1")} == set(seen)


def test_unknown_hosts_are_refused_with_the_line_to_write() -> None:
    """The host, and both ways to say what it answers."""

    @_small(app=app)
    async def bill(client):
        await client.get("/away")

    with pytest.raises(RealWorldAccess) as caught:
        run_scenario(bill, 2, commit="worktree")

    assert "GET https://billing.example/v1/bill" in str(caught.value)
    assert "world.http.mount('billing.example', handler)" in str(caught.value)


def test_a_host_can_be_played() -> None:
    """By a route that names it, given once for the world."""

    def prepare(world):
        world.http.router.get("https://billing.example/v1/bill").respond(json={})

    @_small(app=app, setup=prepare)
    async def bill(client):
        assert 200 == (await client.get("/away")).status_code

    assert {} == run_scenario(bill, 2, commit="worktree").errors


def test_set_up_and_variables_come_first() -> None:
    """Set-up runs once, before the start-up or, with a client, after it; variables are set."""
    order = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        order.append(f"start-up {os.environ['TENANT']}")
        yield
        order.append("shutdown")

    def make() -> FastAPI:
        order.append("made")
        return FastAPI(lifespan=lifespan)

    def before(world):
        order.append("before")

    async def after(world, client):
        order.append(f"after {(await client.get('/docs')).status_code}")

    for setup in (before, after):

        @_small(app=make, env={"TENANT": "7"}, setup=setup)
        async def ask(client):
            pass

        run_scenario(ask, 2, commit="worktree")

    assert ["before", "made", "start-up 7", "shutdown"] == order[:4]
    assert ["made", "start-up 7", "after 200", "shutdown"] == order[4:]


def test_a_plain_function_needs_no_app() -> None:
    """Each call is one request to whatever it calls; clients of its own are caught."""

    @scenario
    async def look(world, ask):
        found = await cache.incr(f"n:{ask.user}")
        return "first" if found == 1 else "again"

    run = run_scenario(look, 1, commit="worktree")

    assert "test_plain.look" == look.name
    assert {"again"} == set(run.path)
    assert 1 == run.most["redis_trips"]


def test_a_generator_gets_the_client_too() -> None:
    """What it does before it yields is done once."""
    built = []

    @_small(app=app)
    async def steps(client, world):
        built.append((await client.get("/docs")).status_code)

        async def request(ask):
            await client.get("/me", params={"name": "x"})

        yield request
        built.append("closed")

    run_scenario(steps, 2, commit="worktree")

    assert [200, "closed"] == built


def test_a_failed_assertion_misses_a_target() -> None:
    """What a request asserts is promised for all of them, unless the scenario says less."""

    @_small(app=app)
    async def sometimes(client, ask):
        assert ask.index != 3

    @_small(app=app, success_ratio="50%")
    async def seldom(client, ask):
        assert ask.index != 3

    run = run_scenario(sometimes, 2, commit="worktree")

    assert 2 == len(run.errors)
    assert 1.0 == run.targets["success_ratio"]
    assert 0.5 == seldom.targets["success_ratio"]


def test_a_misspelt_tool_is_told() -> None:
    """A latency that no tool ever took is a slip, if a similar tool is there."""

    @_small(app=app)
    async def ask(client, world):
        world.llm(llm.call_tool("search_docs", q="x"), llm.text("Ok."))
        world.tool("serach_docs", latency="31ms")
        await client.post("/chat", json={"message": "?"})

    with pytest.raises(BrokenError, match="did you mean 'search_docs'?"):
        run_scenario(ask, 2, commit="worktree")


async def _with_client(client):
    pass


async def _with_typo(wolrd):
    pass


async def _with_star(*world):
    pass


def _plain(world):
    pass


async def _fine(world):
    pass


def _yields(world):
    yield


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (_with_client, {}, "there is no app to be its"),
        (_with_typo, {}, "takes 'wolrd', and parameters go by their names; did you mean 'world'?"),
        (_with_star, {}, "takes '*world'"),
        (_plain, {}, "neither an `async def` function"),
        (_fine, {"app": 7}, "app=7; want an ASGI application"),
        (_fine, {"env": {"A": 1}}, "env has 'A': 1"),
        (_fine, {"setup": 3}, "setup=3; want a function"),
        (_fine, {"setup": _yields}, "yields; want a function"),
        (_fine, {"setup": _with_typo}, "did you mean 'world'?"),
        (_fine, {"p95": "1s", "targets": {"latency.p95": 2}}, "latency.p95 is a target twice"),
        (_fine, {"p95_s": 1}, "did you mean 'p95'?"),
        (_fine, {"targets": {"request.lm_calls": 2}}, "did you mean 'request.llm_calls'?"),
    ],
)
def test_each_misuse_is_named(function, arguments, said) -> None:
    """When it is declared, with what would do."""
    with pytest.raises(ConfigError) as caught:
        scenario("a.b", **arguments)(function)

    assert said in str(caught.value)


def test_a_function_that_cannot_lend_its_name_is_told() -> None:
    """A lambda has no name to be found by."""
    with pytest.raises(ConfigError, match="cannot be its name"):
        scenario(lambda world: None)
