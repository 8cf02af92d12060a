"""One question to an agent, with a model that costs nothing: ours and pydantic-ai's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pydantic_ai
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agent_perf.components import (
    Agent,
    Chunk,
    Message,
    PydanticAiModel,
    Question,
    Reply,
    Talker,
    Tool,
    ToolCall,
)
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Agent: one question"
INTRO = """
pydantic-ai 2.68 with a `FunctionModel`, ours with a plain async function that says the same. Both
keep the conversation, run the tools a model asks for, count tokens and stream. They are not equal,
so no ratio is asked for: pydantic-ai validates tool arguments and output against schemas, keeps a
typed history and has hooks on each step; ours has deadline, retries, breaker, latency figures and
validation of the question around the call. *agent-perf over pydantic-ai* is our agent with the same
`FunctionModel` behind `PydanticAiModel`.
"""

TEXT = "lorem ipsum dolor sit amet " * 60
CHUNKS = [TEXT[start : start + 40] for start in range(0, len(TEXT), 40)]
QUESTION = Question(text="hello")
UNEQUAL = "schemas and hooks instead of deadline, retries, breaker, figures"


async def _say(_: Sequence[Message], __: Sequence[Tool]) -> str:
    return TEXT


async def _stream(_: Sequence[Message], __: Sequence[Tool]) -> AsyncIterator[Chunk]:
    for chunk in CHUNKS:
        yield chunk


async def _use_tool(messages: Sequence[Message], _: Sequence[Tool]) -> Reply:
    if messages[-1].role == "tool":
        return Reply(text=messages[-1].content)
    call = ToolCall(id="1", name="lookup", arguments='{"query": "refunds"}')
    return Reply(tool_calls=(call,))


async def _theirs_say(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
    return ModelResponse(parts=[TextPart(TEXT)])


async def _theirs_stream(_: list[ModelMessage], __: AgentInfo) -> AsyncIterator[str]:
    for chunk in CHUNKS:
        yield chunk


async def _theirs_use_tool(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
    last = messages[-1].parts[-1]
    if last.part_kind == "tool-return":
        return ModelResponse(parts=[TextPart(str(last.content))])
    return ModelResponse(parts=[ToolCallPart("lookup", json.dumps({"query": "refunds"}), "1")])


async def _lookup(query: str) -> str:
    return f"found {query}"


def _loop(run: Callable[[], Awaitable[str]], expected: str) -> Contestant:
    async def block(times: int) -> None:
        for _ in range(times):
            assert await run() == expected

    return block


async def contests() -> AsyncIterator[Contest]:
    """Give the contests of this section."""
    yield _text()
    yield _tool()
    yield _streamed()


def _text() -> Contest:
    ours = Agent(Talker(_say))
    function = FunctionModel(_theirs_say)
    theirs = pydantic_ai.Agent(function)
    over = Agent(Talker(PydanticAiModel(function, stream=False)))

    async def run() -> str:
        return (await theirs.run("hello")).output

    return Contest(
        title="a text of 1,620 characters",
        contestants={
            OURS: _loop(_ask(ours), TEXT),
            "agent-perf over pydantic-ai": _loop(_ask(over), TEXT),
            "pydantic-ai": _loop(run, TEXT),
        },
        calls=30,
        unequal={"pydantic-ai": UNEQUAL, "agent-perf over pydantic-ai": "an adapter more"},
    )


def _tool() -> Contest:
    schema = {
        "type": "object",
        "properties": {"query": {"type": "string"}},
        "required": ["query"],
    }
    tool = Tool(name="lookup", description="Looks up.", parameters=schema, call=_lookup)
    ours = Agent(Talker(_use_tool, tools=[tool]))
    theirs = pydantic_ai.Agent(FunctionModel(_theirs_use_tool))
    theirs.tool_plain(_lookup, name="lookup", description="Looks up.")

    async def run() -> str:
        return (await theirs.run("hello")).output

    return Contest(
        title="one tool call",
        contestants={
            OURS: _loop(_ask(ours), "found refunds"),
            "pydantic-ai": _loop(run, "found refunds"),
        },
        calls=20,
        unequal={"pydantic-ai": UNEQUAL},
    )


def _streamed() -> Contest:
    ours = Agent(Talker(_stream))
    function = FunctionModel(stream_function=_theirs_stream)
    theirs = pydantic_ai.Agent(function)
    over = Agent(Talker(PydanticAiModel(function)))

    async def run() -> str:
        async with theirs.run_stream("hello") as result:
            stream = result.stream_text(delta=True, debounce_by=None)
            return "".join([piece async for piece in stream])

    return Contest(
        title="a stream of 41 pieces",
        contestants={
            OURS: _loop(_read(ours), TEXT),
            "agent-perf over pydantic-ai": _loop(_read(over), TEXT),
            "pydantic-ai": _loop(run, TEXT),
        },
        calls=20,
        unequal={"pydantic-ai": UNEQUAL, "agent-perf over pydantic-ai": "an adapter more"},
    )


def _ask(agent: Agent) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        return (await agent.ask(QUESTION)).text

    return ask


def _read(agent: Agent) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return "".join([piece async for piece in agent.stream(QUESTION) if isinstance(piece, str)])

    return read
