from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Chunk, ModelReplyError, Price, Reply, ToolCall, Usage
from agent_perf.components.agent.llm import NO_USAGE, Spoken, listen
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate

CALL = ToolCall(id="1", name="search", arguments="{}")


async def whole() -> Spoken:
    return Reply(text="hello", usage=Usage(tokens_in=3, tokens_out=1))


async def plain() -> Spoken:
    return "hello"


async def stream() -> AsyncIterator[Chunk]:
    yield "hel"
    yield "lo"
    yield CALL
    yield Usage(tokens_in=3, tokens_out=2)


async def stream_later() -> Spoken:
    return stream()


def hear(model: object) -> tuple[Reply, list[str]]:
    heard: list[str] = []

    async def main(_: SimLoop) -> Reply:
        return await listen(model(), heard.append)

    return simulate(main), heard


def test_a_model_may_speak_in_any_form() -> None:
    """
    A text, a reply, an async generator and an async function that gives one are all
    understood, and text is heard as it comes.
    """
    streamed = Reply(text="hello", tool_calls=(CALL,), usage=Usage(tokens_in=3, tokens_out=2))

    assert (Reply(text="hello"), ["hello"]) == hear(plain)
    assert (
        Reply(text="hello", usage=Usage(tokens_in=3, tokens_out=1)),
        ["hello"],
    ) == hear(whole)
    assert (streamed, ["hel", "lo"]) == hear(stream)
    assert (streamed, ["hel", "lo"]) == hear(stream_later)


def test_nonsense_is_an_error_and_ends_the_stream() -> None:
    """
    A piece that no model may say is named, and the stream is closed there and then.
    """
    closed: list[bool] = []

    async def babble() -> AsyncIterator[object]:
        try:
            yield "hello"
            yield {"delta": 1}
        finally:
            closed.append(True)

    with pytest.raises(ModelReplyError, match=r"dict: \{'delta': 1\}"):
        hear(babble)
    assert [True] == closed


def test_cost_is_tokens_times_price() -> None:
    """
    A thousand tokens in at $2 and a hundred out at $8 the million cost $0.0028.
    """
    price = Price(usd_per_token_in=2e-6, usd_per_token_out=8e-6)

    assert math.isclose(0.0028, price.cost_usd(Usage(tokens_in=1000, tokens_out=100)))


@pytest.mark.parametrize("usd", [-1.0, math.nan])
def test_prices_are_checked(usd: float) -> None:
    """
    A price below nothing is refused.
    """
    with pytest.raises(ConfigError):
        Price(usd_per_token_in=usd)


tokens = st.integers(0, 10**9)
usages = st.just(NO_USAGE) | st.builds(
    Usage, tokens_in=tokens, tokens_out=tokens, tokens_cached=tokens, tokens_stored=tokens
)


@given(usages, usages)
def test_tokens_add_up(one: Usage, other: Usage) -> None:
    """
    A sum has all tokens of both, whichever of them are none.
    """

    def counts(usage: Usage) -> tuple[int, ...]:
        return dataclasses.astuple(usage)

    assert tuple(map(sum, zip(counts(one), counts(other), strict=True))) == counts(one + other)
