from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import httpx2
import openai
import pytest

from agent_perf.components import (
    BudgetError,
    Chunk,
    CircuitOpenError,
    Message,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
    Price,
    Reply,
    RetryPolicy,
    Talker,
    TalkPolicy,
    Tally,
    Tool,
    ToolCall,
    Usage,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate

USAGE = Usage(tokens_in=100, tokens_out=10)
STEADY = RetryPolicy(attempts=3, wait_s_first=1.0, jitter_s_max=0.0)


class Model:
    """Says, or raises, one thing after the other, and notes what it was told and when."""

    def __init__(self, *turns: object) -> None:
        self.turns = list(turns)
        self.told: list[list[str]] = []
        self.called_s: list[float] = []

    async def __call__(self, messages: Sequence[Message], tools: Sequence[Tool]) -> object:
        self.told.append([f"{message.role}: {message.content}" for message in messages])
        self.called_s.append(asyncio.get_running_loop().time())
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        if isinstance(turn, Exception):
            raise turn
        return turn


def call(*names: str) -> Reply:
    calls = tuple(ToolCall(id=name, name=name, arguments="{}") for name in names)
    return Reply(text="Let me see.", tool_calls=calls, usage=USAGE)


async def weather() -> str:
    return "sunny"


WEATHER = Tool(name="weather", description="", parameters={}, call=weather)


def talk(talker: Talker, heard: list[str] | None = None) -> tuple[str, Tally]:
    async def main(_: SimLoop) -> tuple[str, Tally]:
        tally = Tally()
        on_text = None if heard is None else heard.append
        text = await talker.talk([Message(role="user", content="hello")], on_text, tally)
        return text, tally

    return simulate(main)


def test_tools_are_run_until_there_is_an_answer() -> None:
    """
    The model gets its instructions, the question, and what its tools gave; the tally has
    all calls and tokens.
    """
    model = Model(call("weather"), Reply(text="It is sunny.", usage=USAGE))
    heard: list[str] = []
    text, tally = talk(Talker(model, instructions="Be brief.", tools=[WEATHER]), heard)

    assert "It is sunny." == text
    assert ["Let me see.", "It is sunny."] == heard
    assert [
        "system: Be brief.",
        "user: hello",
        "assistant: Let me see.",
        "tool: sunny",
    ] == model.told[1]
    assert (Usage(tokens_in=200, tokens_out=20), 2, 1, 0) == (
        tally.usage,
        tally.llm_calls,
        tally.tool_calls,
        tally.tool_errors,
    )


def test_calling_tools_for_ever_ends() -> None:
    """
    A model that never stops asking for tools is stopped after turns_max calls.
    """
    model = Model(call("weather"))

    with pytest.raises(ModelReplyError, match="after 3 turns"):
        talk(Talker(model, tools=[WEATHER], policy=TalkPolicy(turns_max=3)))
    assert 3 == len(model.told)


@pytest.mark.parametrize(
    ("policy", "asked", "said"),
    [
        (TalkPolicy(tool_calls_max=3), ("weather",) * 4, "4 tools run; the limit is 3"),
        (TalkPolicy(tool_calls_max=3), ("weather",) * 2, "4 tools run; the limit is 3"),
        (TalkPolicy(tool_errors_max=2), ("none",), "3 tool calls went wrong.*no tool 'none'"),
    ],
)
def test_tools_are_bounded(policy: TalkPolicy, asked: tuple[str, ...], said: str) -> None:
    """
    A model that wants too many tools run, at once or in all, or gets them wrong again and
    again, is stopped.
    """
    with pytest.raises(ModelReplyError, match=said):
        talk(Talker(Model(call(*asked)), tools=[WEATHER], policy=policy))


def test_broken_arguments_are_told_to_the_model() -> None:
    """
    A call whose arguments are no JSON comes back to the model in words; it does better.
    """
    broken = Reply(tool_calls=(ToolCall(id="1", name="weather", arguments='{"city": "Ber'),))
    model = Model(broken, call("weather"), "It is sunny.")
    text, tally = talk(Talker(model, tools=[WEATHER]))

    assert "It is sunny." == text
    assert model.told[1][-1].startswith("tool: error: the arguments are not a JSON object")
    assert (2, 1) == (tally.tool_calls, tally.tool_errors)


def test_a_silent_model_is_given_up() -> None:
    """
    A stream that stalls for longer than silence_s_max is a time-out, and tried again; the
    listener's own time is not the model's.
    """
    tries: list[float] = []

    async def model(_: object, __: object) -> AsyncIterator[Chunk]:
        tries.append(asyncio.get_running_loop().time())
        await asyncio.sleep(2)
        yield "a"
        await asyncio.sleep(3600 if len(tries) == 1 else 2)
        yield "b"

    async def main(loop: SimLoop) -> tuple[str, float]:
        talker = Talker(model, retry=STEADY, policy=TalkPolicy(silence_s_max=3))
        text = await talker.talk([], None, Tally())
        await talker.talk([], lambda _: asyncio.sleep(10), Tally())
        return text, loop.time()

    assert ("ab", 10.0 + 24.0) == simulate(main)
    assert [0.0, 6.0, 10.0] == tries


def test_no_call_is_begun_that_might_cost_too_much() -> None:
    """
    With a bound on the reply the limit is hard: a call that might exceed it is not made.
    """
    model = Model(call("weather"))
    price = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)

    for limit in ({"cost_usd_max": 0.0015}, {"tokens_max": 632}):
        policy = TalkPolicy(reply_tokens_max=100, **limit)
        with pytest.raises(BudgetError, match="to come; the limit is"):
            talk(Talker(model, price=price, policy=policy))
    assert [] == model.told


@pytest.mark.parametrize(
    ("policy", "calls"),
    [
        # Each call costs 100 x $1e-6 + 10 x $1e-5 = $0.0002 and 110 tokens.
        (TalkPolicy(cost_usd_max=0.00019), 1),
        (TalkPolicy(cost_usd_max=0.00039), 2),
        (TalkPolicy(tokens_max=330), 3),
        (TalkPolicy(tokens_max=331), 4),
    ],
)
def test_the_budget_ends_it(policy: TalkPolicy, calls: int) -> None:
    """
    When dollars or tokens have reached the limit no further call is made.
    """
    model = Model(call("weather"))
    price = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)

    with pytest.raises(BudgetError, match="spent; the limit is"):
        talk(Talker(model, tools=[WEATHER], price=price, policy=policy))
    assert calls == len(model.told)


def test_empty_answers_are_errors() -> None:
    """
    Nothing but white space is no answer.
    """
    with pytest.raises(ModelReplyError, match="empty"):
        talk(Talker(Model(" \n")))


def test_what_passes_is_tried_again() -> None:
    """
    A server error, a time-out of the HTTP library and a rate limit that asks for 7 s are
    waited out; tries are counted.
    """
    model = Model(
        ModelUnavailableError("503"), ModelRateLimitError("429", retry_after_s=7.0), "done"
    )
    text, tally = talk(Talker(model, retry=STEADY))

    assert ("done", 3) == (text, tally.llm_calls)
    assert [0.0, 1.0, 8.0] == model.called_s


def test_errors_of_libraries_are_understood() -> None:
    """
    A plain function that lets its HTTP library's error out is retried like any other.
    """
    busy = openai.RateLimitError(
        "busy", response=httpx2.Response(429, request=httpx2.Request("POST", "http://x")), body=None
    )
    model = Model(httpx.ReadTimeout("slow"), busy, "done")

    assert "done" == talk(Talker(model, retry=STEADY))[0]


def test_bugs_are_not_tried_again() -> None:
    """
    An error that nobody foresaw comes out at once, as it is.
    """
    model = Model(KeyError("a bug"))

    with pytest.raises(KeyError):
        talk(Talker(model, retry=STEADY))
    assert 1 == len(model.told)


def test_a_call_that_cancels_itself_is_an_error() -> None:
    """
    Where nobody has cancelled the request, a client's lost connection does not pass for it.
    """

    async def model(*_: object) -> str:
        pending = asyncio.get_running_loop().create_future()
        pending.cancel()
        return await pending

    with pytest.raises(ModelError, match="cancelled from within"):
        talk(Talker(model, retry=STEADY))


def test_a_broken_stream_is_not_begun_anew_for_a_listener() -> None:
    """
    When half an answer was heard, a second try would say it twice: it is an error. If
    nobody listens it is tried again.
    """
    tries: list[int] = []

    async def model(_: object, __: object) -> AsyncIterator[Chunk]:
        tries.append(1)
        yield "half an ans"
        if len(tries) == 1:
            raise ConnectionResetError
        yield "wer"

    with pytest.raises(ModelReplyError, match="broke off after 11 characters"):
        talk(Talker(model, retry=STEADY), heard=[])
    tries.clear()

    assert "half an answer" == talk(Talker(model, retry=STEADY))[0]


def test_a_failing_model_is_left_alone() -> None:
    """
    After five failures in a row the breaker opens: further questions fail without a call.
    """
    model = Model(ModelUnavailableError("503"))
    talker = Talker(model, retry=RetryPolicy(attempts=1))

    async def main(_: SimLoop) -> int:
        for _ in range(5):
            with pytest.raises(ModelUnavailableError):
                await talker.talk([], None, Tally())
        with pytest.raises(CircuitOpenError):
            await talker.talk([], None, Tally())
        return len(model.told)

    assert 5 == simulate(main)


@pytest.mark.parametrize(
    "bad",
    [
        {"turns_max": 0},
        {"tool_calls_max": -1},
        {"tool_errors_max": -1},
        {"reply_tokens_max": 0},
        {"tool_timeout_s": 0},
        {"silence_s_max": -1},
    ],
)
def test_policy_is_checked(bad: dict[str, int]) -> None:
    """
    A conversation without a turn, or with a limit that is none, is refused.
    """
    with pytest.raises(ConfigError):
        TalkPolicy(**bad)
