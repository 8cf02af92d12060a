"""What is peculiar to agents of pydantic-ai as models: whole agents, their errors, their limits."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pydantic_ai
import pytest
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UsageLimitExceeded
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits

from agent_perf.components import (
    ErrorCategory,
    PydanticAiAgent,
    PydanticAiModel,
    Talker,
    Tally,
    categorize,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.agent.adapters import ASKED, ONCE, WEATHER


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
