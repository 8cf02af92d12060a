"""A model's first token and its others, and what they may cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import BrokenError
from agent_perf.live.calibration import (
    Arrival,
    Measured,
    ModelQuestion,
    Purse,
    Sampler,
    Stream,
    collect_model,
    token_waits,
)
from agent_perf.sim.services.llm.prices import PRICES, Price
from tests.live.calibration.clocks import FakeClock

MS = 1_000_000
QUESTION = ModelQuestion(
    url="http://model.test/v1",
    model="gpt-4o-mini",
    key="sk-not-to-be-told",
    tokens_max=64,
    price=PRICES["gpt-4o-mini"],
)


class Endpoint:
    """
    A model that answers *pieces*, the first after *first_ns*, the others *gaps_ns* apart.

    Attributes:
        asked: Bodies of the questions.
    """

    def __init__(
        self,
        clock: FakeClock,
        pieces: Sequence[bytes],
        *,
        first_ns: int = 300 * MS,
        gaps_ns: int = 10 * MS,
        status: int = 200,
    ) -> None:
        self.asked: list[bytes] = []
        self._clock = clock
        self._pieces = pieces
        self._first_ns = first_ns
        self._gaps_ns = gaps_ns
        self._status = status

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.content)
        self._clock.work(2 * MS)
        return httpx.Response(self._status, stream=_Body(self._stream()))

    async def _stream(self) -> AsyncIterator[bytes]:
        for index, piece in enumerate(self._pieces):
            self._clock.at_ns += self._gaps_ns if index else self._first_ns
            yield piece


class _Body(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


def said(text: str) -> bytes:
    """Return the event of a piece of an answer."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def billed(prompt: int, output: int) -> bytes:
    """Return the events that end an answer."""
    usage = {"prompt_tokens": prompt, "completion_tokens": output}
    return (
        b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n"
    )


def answered(
    endpoint: Endpoint, clock: FakeClock, *, limit_usd: float = 1.0, count: int = 3
) -> Measured:
    """Return what asking *endpoint* comes to."""
    sampler = Sampler(rate_hz=5.0, count=count, clock=clock)
    purse = Purse(limit_usd, QUESTION.price)
    transport = httpx.MockTransport(endpoint)
    return asyncio.run(collect_model(QUESTION, sampler, purse, transport=transport))


def test_waits_for_tokens_are_exact() -> None:
    """
    The first token takes until its piece is there, without our CPU time; an event that only opens
    the answer is none; two pieces that arrive together share their wait.
    """
    clock = FakeClock()
    opening = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'
    pieces = [opening, said("A"), said(" week"), said(" or") + said(" two"), billed(20, 4)]

    found = answered(Endpoint(clock, pieces, gaps_ns=12 * MS), clock)

    first, token = found.collected
    assert ("llm.first_token", (312 * MS,) * 3) == (first.name, first.waits_ns)
    assert ("llm.token", (12 * MS, 6 * MS, 6 * MS) * 3) == (token.name, token.waits_ns)
    assert "gpt-4o-mini" == first.origin.service
    # The one that warms up is paid, too.
    assert 4 * PRICES["gpt-4o-mini"].cost_nanousd(20, 4) == found.spent_nanousd


def test_events_may_be_cut_anywhere() -> None:
    """
    A stream whose bytes come in other pieces is the same answer.
    """
    clock = FakeClock()
    whole = said("A") + said(" week") + billed(20, 2)
    pieces = [whole[:30], whole[30:75], whole[75:]]

    found = answered(Endpoint(clock, pieces), clock)

    assert (310 * MS,) * 3 == found.collected[0].waits_ns


def test_pieces_of_many_tokens_share_their_wait() -> None:
    """
    Where the bill has more tokens than there were pieces, a piece has as many as its bytes say.
    """
    arrivals = (
        Arrival(at_ns=0, events=1, size_bytes=4),
        Arrival(at_ns=30, events=1, size_bytes=12),
        Arrival(at_ns=50, events=1, size_bytes=8),
    )
    stream = Stream(first_ns=7, arrivals=arrivals, prompt_tokens=1, output_tokens=6)

    assert [10, 10, 10, 10, 10] == token_waits(stream)
    # What a model thought is on the bill, and was not said.
    thought = replace(stream, output_tokens=106, silent_tokens=100)
    assert [10, 10, 10, 10, 10] == token_waits(thought)


def test_a_bill_that_lies_takes_no_memory() -> None:
    """
    Of a bill with more tokens than there were bytes, there are as many tokens as bytes.
    """
    arrivals = tuple(Arrival(at_ns=at_ns, events=1, size_bytes=4) for at_ns in (0, 8))
    stream = Stream(first_ns=7, arrivals=arrivals, prompt_tokens=1, output_tokens=10**18)

    assert [2, 2, 2, 2] == token_waits(stream)


@settings(max_examples=30)
@given(
    gaps=st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 40)), min_size=2, max_size=15),
    output=st.none() | st.integers(0, 500),
)
def test_tokens_take_no_longer_than_their_answer(
    gaps: list[tuple[int, int]], output: int | None
) -> None:
    """
    However pieces and bills are, all tokens together never take longer than the answer.
    """
    at_ns, arrivals = 0, []
    for gap_ns, size in gaps:
        at_ns += gap_ns
        arrivals.append(Arrival(at_ns=at_ns, events=1, size_bytes=size))
    stream = Stream(first_ns=1, arrivals=tuple(arrivals), output_tokens=output)

    waits = token_waits(stream)

    assert all(wait >= 0 for wait in waits)
    assert sum(waits) <= arrivals[-1].at_ns - arrivals[0].at_ns


@settings(max_examples=60)
@given(
    limit_nanousd=st.integers(0, 10**6),
    prices=st.tuples(st.integers(0, 500), st.integers(0, 500)),
    calls=st.lists(
        st.tuples(st.integers(1, 300), st.integers(1, 100), st.floats(0, 1), st.booleans()),
        max_size=40,
    ),
)
def test_the_limit_is_never_passed(
    limit_nanousd: int,
    prices: tuple[int, int],
    calls: list[tuple[int, int, float, bool]],
) -> None:
    """
    Whatever calls come to, with a bill or without one, what is spent stays within the limit.
    """
    price = Price(token_in_nanousd=prices[0], token_out_nanousd=prices[1])
    purse = Purse(limit_nanousd / 1e9, price)
    paid = 0
    for prompt_bytes, tokens_max, share, has_bill in calls:
        if purse.reserve(prompt_bytes, tokens_max):
            prompt, output = round(prompt_bytes * share), round(tokens_max * share)
            paid += price.cost_nanousd(prompt, output)
            if has_bill:
                purse.settle(prompt_bytes, tokens_max, prompt, output)

        assert paid <= purse.spent_nanousd <= limit_nanousd


def test_what_the_money_does_not_suffice_for_is_not_asked() -> None:
    """
    Without bills each answer counts as the most that it may cost, and asking ends before the limit.
    """
    clock = FakeClock()
    endpoint = Endpoint(clock, [said("A"), said(" week")])
    each = PRICES["gpt-4o-mini"].cost_nanousd(len(QUESTION.content(3)), 64)

    found = answered(endpoint, clock, limit_usd=each * 3.5 / 1e9, count=50)

    assert 3 == len(endpoint.asked)
    assert 2 == len(found.collected[0].waits_ns)
    assert found.is_cut_off
    assert each * 3 >= found.spent_nanousd


def test_questions_differ_and_are_bounded() -> None:
    """
    No cache knows a question again; the answer's length is bounded in the model's own words.
    """
    first, second = json.loads(QUESTION.content(1)), json.loads(QUESTION.content(2))
    newer = json.loads(replace(QUESTION, model="gpt-5-mini").content(1))

    assert first["messages"] != second["messages"]
    assert 64 == first["max_tokens"]
    assert (64, False) == (newer["max_completion_tokens"], "max_tokens" in newer)


@pytest.mark.parametrize(
    ("pieces", "status", "told"),
    [
        ([b'{"error": "key sk-not-to-be-told is unknown"}'], 401, "answered 401: .*redacted"),
        ([b"slow down"], 429, "answered 429: slow down; lower --rate"),
        ([b"data: {\n\n"], 200, "none of chat completions"),
        ([billed(9, 64)], 200, "answered nothing within 64 tokens; raise --model-tokens"),
        ([b"data: " + b"x" * (2 << 20)], 200, "longer than 1,048,576 bytes"),
    ],
)
def test_an_answer_that_is_none_is_told(pieces: list[bytes], status: int, told: str) -> None:
    """
    The message says what the model said, and never the key.
    """
    clock = FakeClock()

    with pytest.raises(BrokenError, match=told) as caught:
        answered(Endpoint(clock, pieces, status=status), clock)

    assert "sk-not" not in str(caught.value)
    assert "sk-not" not in repr(QUESTION)
