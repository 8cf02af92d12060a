"""Each way to a model, told what to play."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from agent_perf.components import (
    Llm,
    Message,
    ModelError,
    ModelRateLimitError,
    OpenAiModel,
    PydanticAiModel,
    RetryPolicy,
    Tool,
    ToolCall,
    Usage,
)
from agent_perf.sim import SimHttp, SimLlm, SimLoop, llm, simulate
from tests.components.fakes import Counts, constant_draws

ONCE = RetryPolicy(attempts=1)
ASKED = [Message(role="user", content="What is it like?")]


async def weather(city: str) -> str:
    return f"sunny in {city}"


WEATHER = Tool(
    name="weather",
    description="Tells the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    call=weather,
)


class Told:
    """What a scripted model does, one turn after the other, whoever plays it."""

    def __init__(self, *turns: object) -> None:
        self.turns = turns
        self.closed = 0


# Each gives a model that plays what it is told: text, ("tool", name, arguments), a status to
# refuse with, "hang", or "cut" in the middle.
Adapter = Callable[[Told], object]


@asynccontextmanager
async def _server(told: Told) -> AsyncIterator[AsyncOpenAI]:
    counts = Counts()
    draws = constant_draws(http_connect=0.0, http_request=0.0, llm_first_token=1.0, llm_token=0.1)
    http = SimHttp(draws, counts)
    server = SimLlm(http, draws, counts, tokens_per_chunk=2)
    server.script(*(_turn(turn) for turn in told.turns))
    async with http.client(httpx2) as client:
        yield AsyncOpenAI(api_key="x", base_url=server.base_url, http_client=client, max_retries=0)


def _turn(turn: object) -> object:
    match turn:
        case ("tool", str(name), dict(arguments)):
            return llm.call_tool(name, **arguments)
        case 429:
            return llm.rate_limited(7)
        case int(status):
            return llm.fail(status)
        case "hang":
            return llm.stall(llm.text("some words", tokens=12), after_tokens=4)
        case "cut":
            return llm.truncated(llm.text("half an answer and the rest", tokens=12), after_tokens=4)
        case _:
            return llm.text(str(turn), tokens=6)


@asynccontextmanager
async def openai_model(told: Told) -> AsyncIterator[Llm]:
    async with _server(told) as client:
        yield OpenAiModel(client, "gpt-4o-mini")


@asynccontextmanager
async def pydantic_over_openai(told: Told) -> AsyncIterator[Llm]:
    async with _server(told) as client:
        yield PydanticAiModel(
            OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))
        )


@asynccontextmanager
async def pydantic_function(told: Told) -> AsyncIterator[Llm]:
    turns = list(told.turns)

    async def speak(_: object, __: AgentInfo) -> AsyncIterator[object]:
        turn = turns.pop(0)
        try:
            await asyncio.sleep(1)
            match turn:
                case ("tool", str(name), dict(arguments)):
                    half, rest = json.dumps(arguments)[:4], json.dumps(arguments)[4:]
                    yield {0: DeltaToolCall(name=name, json_args=half, tool_call_id="1")}
                    yield {0: DeltaToolCall(json_args=rest)}
                case int(status):
                    raise ModelHTTPError(
                        status, "function", headers={"retry-after": "7"} if status == 429 else None
                    )
                case "hang":
                    yield "some "
                    await asyncio.sleep(100_000)
                case "cut":
                    yield "half an ans"
                    raise httpx2.RemoteProtocolError("cut")
                case _:
                    for word in str(turn).split(" "):
                        yield f"{word} "
        finally:
            told.closed += 1

    yield PydanticAiModel(FunctionModel(stream_function=speak))


@asynccontextmanager
async def plain(told: Told) -> AsyncIterator[Llm]:
    turns = list(told.turns)

    async def speak(_: Sequence[Message], __: Sequence[Tool]) -> AsyncIterator[object]:
        turn = turns.pop(0)
        await asyncio.sleep(1)
        match turn:
            case ("tool", str(name), dict(arguments)):
                yield ToolCall(id="1", name=name, arguments=json.dumps(arguments))
            case 429:
                raise ModelRateLimitError("slow down", retry_after_s=7.0)
            case 500 | 503:
                raise ConnectionResetError
            case int():
                raise ModelError("no")
            case "hang":
                yield "some "
                await asyncio.sleep(100_000)
            case "cut":
                yield "half an ans"
                raise ConnectionResetError
            case _:
                for word in str(turn).split(" "):
                    yield f"{word} "
        yield Usage(tokens_in=12, tokens_out=6)

    yield speak


ADAPTERS = [openai_model, pydantic_over_openai, pydantic_function, plain]
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda it: it.__name__)


def play(
    adapter: Adapter,
    *turns: object,
    body: Callable[[Llm, SimLoop], object],
) -> object:
    async def main(loop: SimLoop) -> object:
        before = asyncio.all_tasks()
        async with adapter(Told(*turns)) as model:
            result = await body(model, loop)
        # The clients leave generators to be collected, which the loop then closes in tasks.
        gc.collect()
        await asyncio.sleep(1)
        assert before == asyncio.all_tasks()
        return result

    return simulate(main, executor="inline")
