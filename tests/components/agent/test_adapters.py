"""
What every way to a model promises; each adapter is asked the same through its own client.

The models behind the adapters: simulated servers for openai and for pydantic-ai over openai,
function models of pydantic-ai, and a plain async generator.
"""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import (
    Agent,
    AgentPolicy,
    Budget,
    ErrorCategory,
    Llm,
    ModelError,
    ModelRateLimitError,
    ModelUnavailableError,
    Price,
    Question,
    RequestError,
    Talker,
    TalkPolicy,
    Tally,
    categorize,
)
from agent_perf.sim import SimLoop
from tests.components.agent.adapters import (
    ASKED,
    ONCE,
    WEATHER,
    Adapter,
    every_adapter,
    play,
)


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
