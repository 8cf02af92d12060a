"""Agent frameworks as their users run them: pydantic-ai and LangGraph."""

import asyncio
import operator
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypedDict

import httpx2
import openai
import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import Draws, SimHttp, SimLlm, SimLoop, llm, simulate
from agent_perf.sim.latency import constant_table
from tests.sim.services.ledger import Ledger

FIRST_S, TOKEN_S, TOOL_S = 0.5, 0.01, 0.06
_TABLES = {
    "llm.first_token": constant_table("llm.first_token", FIRST_S),
    "llm.token": constant_table("llm.token", TOKEN_S),
    "http.connect": constant_table("http.connect", 0),
}


def _agent(*turns: Any) -> Agent[None, str]:
    draws = Draws(1, _TABLES)
    http = SimHttp(draws, Ledger())
    service = SimLlm(http, draws, Ledger(), tokens_per_chunk=1)
    service.script(*turns)
    client = openai.AsyncOpenAI(
        api_key="simulated", base_url=service.base_url, http_client=http.client(httpx2)
    )
    model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))
    return Agent(model)


_CALL = (
    (llm.call_tool("look", what="a"), llm.call_tool("look", what="b")),
    llm.text("done", tokens=1),
)


def test_pydantic_ai_calls_async_tools_side_by_side() -> None:
    """Two model calls with two tools between them take the model's time and one tool's."""

    async def main(loop: SimLoop) -> tuple[str, float]:
        agent = _agent(*_CALL)

        @agent.tool_plain
        async def look(what: str) -> str:
            await asyncio.sleep(TOOL_S)
            return what

        result = await agent.run("Hello")
        tokens = result.usage.output_tokens
        return result.output, loop.time() - (tokens - 2) * TOKEN_S

    output, took_s = simulate(main)

    assert "done" == output
    assert pytest.approx(2 * FIRST_S + TOOL_S, abs=1e-8) == took_s


@pytest.mark.parametrize("executor", ["inline", "refuse"])
def test_pydantic_ai_runs_sync_tools_on_modelled_workers(
    executor: Literal["inline", "refuse"],
) -> None:
    """A sync tool's sleep takes virtual time with workers; without, the tool is named."""

    async def main(loop: SimLoop) -> float:
        agent = Agent(TestModel())

        @agent.tool_plain
        def look(what: str) -> str:
            time.sleep(TOOL_S)
            return what

        await agent.run("Hello")
        return loop.time()

    if executor == "inline":
        assert TOOL_S == simulate(main, executor=executor)
    else:
        with pytest.raises(RealWorldAccess, match=r"\.look .*test_agents\.py.*executor="):
            simulate(main, executor=executor)


def test_pydantic_ai_streams_token_by_token() -> None:
    """The first piece comes with the first token, each further one a token later."""

    async def main(loop: SimLoop) -> list[float]:
        agent = _agent(llm.text("one two three four", tokens=4))
        async with agent.run_stream("Hello") as result:
            pieces = result.stream_text(delta=True, debounce_by=None)
            return [loop.time() async for _ in pieces]

    assert pytest.approx([FIRST_S + i * TOKEN_S for i in range(4)], abs=1e-8) == simulate(main)


class _Seen(TypedDict):
    names: Annotated[list[str], operator.add]


Node = Callable[[_Seen], Any]


def _async_node(name: str, seconds: float) -> Node:
    async def node(state: _Seen) -> dict[str, list[str]]:
        await asyncio.sleep(seconds)
        return {"names": [name]}

    return node


def _sync_node(name: str, seconds: float) -> Node:
    def node(state: _Seen) -> dict[str, list[str]]:
        time.sleep(seconds)
        return {"names": [name]}

    return node


def _graph(make: Callable[[str, float], Node]) -> Any:
    """Return a -> (b, c) -> d, where b takes longest."""
    graph = StateGraph(_Seen)
    for name, seconds in (("a", 0.1), ("b", 0.3), ("c", 0.2), ("d", 0.1)):
        graph.add_node(name, make(name, seconds))
    for edge in ((START, "a"), ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", END)):
        graph.add_edge(*edge)
    return graph.compile()


def test_langgraph_runs_branches_side_by_side() -> None:
    """A graph takes the time of its longest path, and streams updates at their instants."""

    async def main(loop: SimLoop) -> tuple[list[str], float, list[tuple[str, float]]]:
        result = await _graph(_async_node).ainvoke({"names": []})
        took_s = loop.time()
        updates = _graph(_async_node).astream({"names": []}, stream_mode="updates")
        told = [(*update, round(loop.time() - took_s, 9)) async for update in updates]
        return result["names"], took_s, told

    names, took_s, told = simulate(main)

    assert (["a", "b", "c", "d"], 0.5) == (names, took_s)
    assert [("a", 0.1), ("c", 0.3), ("b", 0.4), ("d", 0.5)] == told


def test_langgraph_runs_sync_nodes_on_modelled_workers() -> None:
    """Sync nodes sleep in virtual time with workers; without, the node is named."""

    async def main(loop: SimLoop) -> float:
        await _graph(_sync_node).ainvoke({"names": []})
        return loop.time()

    assert 0.5 == simulate(main, executor="inline")
    with pytest.raises(RealWorldAccess, match=r"_sync_node\.<locals>\.node .*test_agents\.py"):
        simulate(main)


def test_langgraph_calls_tools_side_by_side() -> None:
    """A ToolNode awaits all calls of one message together."""

    async def look(what: str) -> str:
        """Look it up."""
        await asyncio.sleep(TOOL_S)
        return what.upper()

    async def main(loop: SimLoop) -> tuple[list[str], float]:
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode([look]))
        graph.add_edge(START, "tools")
        graph.add_edge("tools", END)
        calls = [
            {"name": "look", "args": {"what": what}, "id": what, "type": "tool_call"}
            for what in "ab"
        ]
        message = AIMessage("", tool_calls=calls)
        result = await graph.compile().ainvoke({"messages": [message]})
        return [one.content for one in result["messages"][1:]], loop.time()

    assert (["A", "B"], TOOL_S) == simulate(main)


def test_a_sync_front_is_refused_or_fails_at_once() -> None:
    """`run_sync` and `invoke` would block the loop: neither hangs, both fail."""

    async def run(loop: SimLoop) -> None:
        Agent(TestModel()).run_sync("Hello")

    async def invoke(loop: SimLoop) -> None:
        _graph(_sync_node).invoke({"names": []})

    with pytest.raises(RuntimeError, match="already running"):
        simulate(run)
    with pytest.raises(RealWorldAccess, match=r"time\.sleep\(0\.1\).*await asyncio\.sleep"):
        simulate(invoke)
