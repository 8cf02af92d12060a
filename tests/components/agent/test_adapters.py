"""
What every way to a model promises; each adapter is asked the same through its own client.

The models behind the adapters: simulated servers for openai and for pydantic-ai over openai,
function models of pydantic-ai, and a plain async generator.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import httpx2
import pydantic_ai
import pytest
from openai import AsyncOpenAI
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UsageLimitExceeded
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from agent_perf.components import (
    Agent,
    AgentPolicy,
    Budget,
    ErrorCategory,
    Llm,
    Message,
    ModelError,
    ModelRateLimitError,
    ModelUnavailableError,
    OpenAiModel,
    Price,
    PydanticAiAgent,
    PydanticAiModel,
    Question,
    RequestError,
    RetryPolicy,
    Talker,
    TalkPolicy,
    Tally,
    Tool,
    ToolCall,
    Usage,
    categorize,
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


@every_adapter
def test_text_is_streamed_and_counted(adapter: Adapter) -> None:
    """
    A text comes in pieces, in order and whole, with the tokens that it cost.
    """
    heard: list[str] = []

    async def body(model: Llm, _: SimLoop) -> tuple[str, Tally]:
        tally = Tally()
        return await Talker(model).talk(ASKED, heard.append, tally), tally

    text, tally = play(adapter, "It is a fine day today", body=body)

    assert "It is a fine day today" == text.strip()
    assert text == "".join(heard)
    assert len(heard) > 1
    assert tally.usage.tokens_in > 0
    assert tally.usage.tokens_out > 0
    assert (1, 0) == (tally.llm_calls, tally.llm_calls_unpriced)


@every_adapter
def test_tools_are_called_and_their_results_told(adapter: Adapter) -> None:
    """
    A call whose arguments come in fragments is run with them, and the talk goes on.
    """

    async def body(model: Llm, _: SimLoop) -> tuple[str, Tally]:
        tally = Tally()
        return await Talker(model, tools=[WEATHER]).talk(ASKED, None, tally), tally

    text, tally = play(
        adapter, ("tool", "weather", {"city": "Bergen"}), "It is sunny there", body=body
    )

    assert "It is sunny there" == text.strip()
    assert (2, 1, 0) == (tally.llm_calls, tally.tool_calls, tally.tool_errors)


@every_adapter
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (429, ModelRateLimitError),
        (500, ModelUnavailableError),
        (503, ModelUnavailableError),
        (400, ModelError),
        (401, ModelError),
    ],
)
def test_refusals_are_ours(adapter: Adapter, status: int, expected: type[ModelError]) -> None:
    """
    What the server says with its status is the error that tells what to do; 429 tells when.
    """

    async def body(model: Llm, _: SimLoop) -> tuple[ModelError, int]:
        tally = Tally()
        with pytest.raises(ModelError) as caught:
            await Talker(model, retry=ONCE).talk(ASKED, None, tally)
        return caught.value, tally.llm_calls

    error, calls = play(adapter, status, body=body)

    assert (expected, 1) == (type(error), calls)
    assert (7.0 if status == 429 else None) == getattr(error, "retry_after_s", None)


@every_adapter
def test_a_rate_limit_is_waited_out(adapter: Adapter) -> None:
    """
    After a 429 that asks for 7 s the next attempt comes 7 s later, and answers.
    """

    async def body(model: Llm, loop: SimLoop) -> tuple[str, bool]:
        text = await Talker(model).talk(ASKED, None, Tally())
        return text.strip(), 7.0 < loop.time() < 12.0

    assert ("done", True) == play(adapter, 429, "done", body=body)


@every_adapter
def test_a_cut_stream_is_no_answer(adapter: Adapter) -> None:
    """
    Half an answer that somebody heard is an error; unheard, it is asked for again.
    """

    async def heard(model: Llm, _: SimLoop) -> ErrorCategory:
        with pytest.raises(ModelError) as caught:
            await Talker(model).talk(ASKED, lambda _: None, Tally())
        return categorize(caught.value)

    async def unheard(model: Llm, _: SimLoop) -> str:
        return (await Talker(model).talk(ASKED, None, Tally())).strip()

    assert ErrorCategory.MODEL is play(adapter, "cut", "done", body=heard)
    assert "done" == play(adapter, "cut", "done", body=unheard)


@every_adapter
def test_silence_and_deadline_end_it(adapter: Adapter) -> None:
    """
    A reply without end is ended by the request's deadline, to the second, and leaves no task.
    """

    async def body(model: Llm, loop: SimLoop) -> tuple[ErrorCategory, float]:
        agent = Agent(Talker(model), policy=AgentPolicy(deadline_s=5.0))
        with pytest.raises(RequestError) as caught:
            await agent.ask(Question(text="hello"))
        return caught.value.category, loop.time()

    assert (ErrorCategory.TIMEOUT, 5.0) == play(adapter, "hang", body=body)


@every_adapter
def test_cancelling_ends_it(adapter: Adapter) -> None:
    """
    A caller that goes away in mid-stream takes the call with it.
    """

    async def body(model: Llm, loop: SimLoop) -> float:
        task = asyncio.create_task(Talker(model).talk(ASKED, None, Tally()))
        await asyncio.sleep(1.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return loop.time()

    assert 1.5 == play(adapter, "hang", body=body)


@every_adapter
def test_budgets_know_what_it_cost(adapter: Adapter) -> None:
    """
    What is settled is what the tokens cost, and refusals cost nothing.
    """
    price = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)

    async def body(model: Llm, _: SimLoop) -> tuple[float, float]:
        budget, tally = Budget(1.0), Tally()
        talker = Talker(model, price=price, budget=budget, policy=TalkPolicy(reply_tokens_max=1000))
        await talker.talk(ASKED, None, tally)
        return budget.stats().spent_usd, price.cost_usd(tally.usage)

    spent_usd, cost_usd = play(adapter, 429, "done", body=body)

    assert pytest.approx(cost_usd, abs=1e-11) == spent_usd
    assert cost_usd > 0


def test_a_model_that_does_not_stream() -> None:
    """
    With stream=False a function model without a stream is understood; so is a TestModel.
    """
    answers: list[str] = []

    async def main(_: SimLoop) -> None:
        for model in (TestModel(custom_output_text="done"), TestModel(call_tools=[])):
            for stream in (True, False):
                talker = Talker(PydanticAiModel(model, stream=stream))
                answers.append(await talker.talk(ASKED, None, Tally()))

    simulate(main)

    assert ["done", "done", "success (no tool calls)", "success (no tool calls)"] == answers


def test_a_whole_agent_answers_as_a_model() -> None:
    """
    An agent of pydantic-ai runs its own tool, is streamed, and tells all its tokens; what was
    said before is its history.
    """
    histories: list[int] = []
    heard: list[str] = []

    async def speak(messages: list[object], _: AgentInfo) -> AsyncIterator[object]:
        histories.append(len(messages))
        if len(histories) == 1:
            yield {0: DeltaToolCall(name="weather", json_args='{"city": "Bergen"}')}
        else:
            yield "It is "
            yield "sunny"

    support = pydantic_ai.Agent(FunctionModel(stream_function=speak))

    @support.tool_plain
    async def weather(city: str) -> str:
        return f"sunny in {city}"

    async def main(_: SimLoop) -> tuple[str, Tally]:
        tally = Tally()
        talker = Talker(PydanticAiAgent(support), instructions="Be brief.")
        return await talker.talk(ASKED, heard.append, tally), tally

    text, tally = simulate(main)

    assert ("It is sunny", ["It is ", "sunny"]) == (text, heard)
    assert [1, 3] == histories
    assert tally.usage.tokens_in > 50
    assert 1 == tally.llm_calls


class Slow(ModelAPIError):
    """Theirs, of a kind that nobody knows."""


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ModelHTTPError(429, "m"), ErrorCategory.RATE_LIMIT),
        (ModelHTTPError(408, "m"), ErrorCategory.TIMEOUT),
        (ModelHTTPError(502, "m"), ErrorCategory.NETWORK),
        (ModelHTTPError(404, "m"), ErrorCategory.MODEL),
        (pydantic_ai.exceptions.ModelTimeoutError("m", "slow"), ErrorCategory.TIMEOUT),
        (pydantic_ai.exceptions.ModelConnectionError("m", "cut"), ErrorCategory.NETWORK),
        (pydantic_ai.exceptions.ModelServerError("m", "oh"), ErrorCategory.NETWORK),
        (pydantic_ai.exceptions.ModelRateLimitError("m", "busy"), ErrorCategory.RATE_LIMIT),
        (pydantic_ai.exceptions.UnexpectedModelBehavior("odd"), ErrorCategory.MODEL),
        (UsageLimitExceeded("too much"), ErrorCategory.BUDGET),
        (Slow("m", "odd"), ErrorCategory.MODEL),
        (httpx2.ReadTimeout("slow"), ErrorCategory.TIMEOUT),
        (KeyError("a bug"), ErrorCategory.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_what_pydantic_ai_raises_has_its_category(
    error: Exception, category: ErrorCategory
) -> None:
    """
    Errors of a model and of an agent are told apart; a bug stays a bug.
    """

    async def fail(_: object, __: AgentInfo) -> AsyncIterator[str]:
        raise error
        yield ""

    async def main(_: SimLoop) -> list[ErrorCategory]:
        function = FunctionModel(stream_function=fail)
        found = []
        for model in (PydanticAiModel(function), PydanticAiAgent(pydantic_ai.Agent(function))):
            try:
                await Talker(model, retry=ONCE).talk(ASKED, None, Tally())
            except Exception as caught:  # noqa: BLE001
                found.append(categorize(caught))
        return found

    assert [category, category] == simulate(main)


def test_usage_limits_of_the_agent_are_a_budget() -> None:
    """
    An agent that has reached its own limits has spent its budget; one that is offered the
    Talker's tools says that it does not take them.
    """

    async def main(_: SimLoop) -> list[ErrorCategory]:
        inner = pydantic_ai.Agent(TestModel(), model_settings=ModelSettings(max_tokens=10))
        limited = PydanticAiAgent(inner, usage_limits=UsageLimits(request_limit=0))
        found = []
        for talker in (Talker(limited), Talker(PydanticAiAgent(inner), tools=[WEATHER])):
            with pytest.raises(Exception) as caught:  # noqa: PT011
                await talker.talk(ASKED, None, Tally())
            found.append(categorize(caught.value))
        return found

    assert [ErrorCategory.BUDGET, ErrorCategory.MODEL] == simulate(main)
