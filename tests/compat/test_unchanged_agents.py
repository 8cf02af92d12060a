"""Agents as their users write them, measured unchanged: models by name, no client given."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

import openai
import pytest
from fastapi import FastAPI
from langgraph.graph import END, START, StateGraph
from pydantic_ai import Agent

from agent_perf import llm, scenario
from agent_perf.records import Tier
from agent_perf.suite import run_scenario

agent = Agent("openai:gpt-4o-mini", system_prompt="Be brief.", defer_model_check=True)


@agent.tool_plain
async def search_docs(q: str) -> str:
    await asyncio.sleep(0.001)
    return "Refunds take a week."


app = FastAPI()


@app.post("/chat")
async def chat(body: dict[str, str]) -> dict[str, str]:
    return {"answer": (await agent.run(body["message"])).output}


@scenario(app=app, users=(3,), requests=12, max_tool_calls=1)
async def ask_pydantic_ai(client, world):
    world.llm(llm.call_tool("search_docs", q="refunds"), llm.text("Yes.", tokens=3, ttft="21ms"))
    world.tool("search_docs", latency="31ms")
    reply = await client.post("/chat", json={"message": "How do refunds work?"})
    assert {"answer": "Yes."} == reply.json()


class State(TypedDict):
    question: str
    answer: str


def clean(state: State) -> Any:
    """Run in a thread, as LangGraph does with a synchronous node."""
    return {"question": state["question"].strip()}


async def answer(state: State) -> Any:
    async with openai.AsyncOpenAI() as client:
        reply = await client.responses.create(model="gpt-4o-mini", input=state["question"])
    return {"answer": reply.output_text}


builder = StateGraph(State)
builder.add_node("clean", clean)
builder.add_node("answer", answer)
builder.add_edge(START, "clean")
builder.add_edge("clean", "answer")
builder.add_edge("answer", END)
graph = builder.compile()


@scenario(users=(3,), requests=12)
async def ask_langgraph(world):
    world.llm(llm.text("Yes.", ttft="21ms"))
    found = await graph.ainvoke({"question": " How? "})
    assert "Yes." == found["answer"]


@pytest.mark.parametrize("tier", [Tier.CLIENT, Tier.WIRE])
def test_pydantic_ai_is_measured_unchanged(tier) -> None:
    """Its own client is caught, its tool takes the declared time, and its results are counted."""
    run = run_scenario(ask_pydantic_ai, 3, commit="worktree", tier=tier)

    assert {} == run.errors
    assert (2, 1) == (run.most["llm_calls"], run.most["tool_calls"])
    assert min(run.latency_ns) > (31 + 21) * 1_000_000


@pytest.mark.parametrize("tier", [Tier.CLIENT, Tier.WIRE])
def test_langgraph_is_measured_unchanged(tier) -> None:
    """A client made for each question, a synchronous node in a modelled thread."""
    run = run_scenario(ask_langgraph, 3, commit="worktree", tier=tier)

    assert {} == run.errors
    assert (1, 1) == (run.most["llm_calls"], run.most["http_connects"])
