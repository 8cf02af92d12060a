"""Research: the graph by itself, behind its endpoint, and while the library is busy."""

import asyncio
import json

from agent_perf import llm, scenario
from agent_perf.sim import Reply
from research_graph.graph import research as ask_graph
from research_graph.main import app

QUERIES = ("compost in winter", "worms in compost", "compost without smell")
SEARCH_S = 0.12
QUESTION = "How does compost work in winter?"
FOUND = json.dumps(
    {
        "results": [
            {"id": n, "title": f"On compost, {n}", "abstract": "It is warm inside. " * 10}
            for n in range(8)
        ]
    }
).encode()


def library(world):
    """Answer searches."""

    async def search(request):
        await asyncio.sleep(SEARCH_S)
        return Reply(content=FOUND)

    world.http.mount("library.example", search)


def busy_library(world):
    """Answer searches, every fifth of them with "come back later"."""
    count = 0

    async def search(request):
        nonlocal count
        count += 1
        await asyncio.sleep(SEARCH_S)
        return Reply(status=503) if count % 5 == 0 else Reply(content=FOUND)

    world.http.mount("library.example", search)


def model_says(world, *reviews):
    """Script a plan of three searches, and a report before each of *reviews*."""
    plan = tuple(llm.call_tool("search_library", query=query) for query in QUERIES)
    written = llm.text(tokens=120, ttft="200ms", itl="3ms")
    turns = [turn for said in reviews for turn in (written, llm.text(said, ttft="150ms"))]
    world.llm(plan, *turns)


@scenario(setup=library, users=(20,), requests=40, p95="1500ms", max_llm_calls=3)
async def graph(world):
    """The graph by itself; its first report is good enough."""
    model_says(world, "OK")
    done = await ask_graph(QUESTION)
    assert done["revisions"] == 0


@scenario(app=app, setup=library, users=(20,), requests=40, p95="2500ms", max_llm_calls=5)
async def endpoint(client, world):
    """The endpoint; each report is sent back once."""
    model_says(world, "Name the sources.", "OK")
    reply = await client.post("/research", json={"question": QUESTION})
    assert reply.status_code == 200, reply.text
    assert reply.json()["revisions"] == 1


@scenario(app=app, setup=busy_library, users=(20,), requests=40, p95="3s", max_llm_calls=3)
async def busy(client, world):
    """The library turns every fifth search away, and is asked again."""
    model_says(world, "OK")
    reply = await client.post("/research", json={"question": QUESTION})
    assert reply.status_code == 200, reply.text
