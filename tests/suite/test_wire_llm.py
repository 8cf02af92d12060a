"""The model and Pusher over the wire, through the vendors' own clients."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.records import Tier
from agent_perf.sim import Draws, llm, simulate
from agent_perf.suite import World
from tests.sim.services.ledger import Ledger

ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}


def told(work, tier: Tier):
    """Return what *work* returns, given a world of *tier*, and its ledger."""
    ledger = Ledger()

    async def main(loop):
        world = World(loop, Draws(1), ledger, tier=tier)
        try:
            return await work(world)
        finally:
            world.close()

    return simulate(main), ledger


async def chat(world: World) -> tuple[str, str]:
    """Ask once in one piece and once as a stream; return both answers."""
    world.llm.script(llm.text(tokens=40))
    async with world.llm.openai() as client:
        whole = await client.chat.completions.create(**ASKED)
        stream = await client.chat.completions.create(**ASKED, stream=True)
        words = [part.choices[0].delta.content async for part in stream if part.choices]
        return whole.choices[0].message.content, "".join(word for word in words if word)


def test_openai_hears_the_same_words_on_the_wire() -> None:
    """Answers, tokens and cost do not depend on the tier; the wire adds its round trips."""
    pytest.importorskip("openai")
    (near, by_process), (far, by_wire) = told(chat, Tier.CLIENT), told(chat, Tier.WIRE)

    assert near == far
    for name in ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_nanousd"):
        assert by_process.counts[name] == by_wire.counts[name]
    assert by_process.lengths("llm.first_token") == by_wire.lengths("llm.first_token")
    assert by_process.lengths("llm.stream") == by_wire.lengths("llm.stream")


async def claude(world: World) -> tuple[object, ...]:
    """Call a tool and answer, in one piece and as a stream; then meet an error."""
    import anthropic

    ask = {"model": "m", "max_tokens": 99, "messages": ASKED["messages"]}
    tool = {"name": "find", "input_schema": {"type": "object"}}
    async with world.llm.anthropic(max_retries=1) as client:
        world.llm.script(llm.call_tool("find", query="ä"), llm.text("found it", tokens=3))
        called = await client.messages.create(**ask, tools=[tool])
        world.llm.script(llm.text("found it", tokens=3))
        async with client.messages.stream(**ask) as stream:
            words = [word async for word in stream.text_stream]
        world.llm.script(llm.fail(529), llm.text("again"))
        again = await client.messages.create(**ask)
        world.llm.script(llm.fail(529))
        try:
            await client.messages.create(**ask)
        except anthropic.APIStatusError as error:
            failure = type(error).__name__, str(error)
    parts = [(part.type, part.input) for part in called.content]
    return parts, words, again.content[0].text, failure


def test_anthropic_hears_the_same_words_on_the_wire() -> None:
    """Calls, words, errors, tokens and cost are those in the process; so are the model's times."""
    pytest.importorskip("anthropic")
    (near, by_process), (far, by_wire) = told(claude, Tier.CLIENT), told(claude, Tier.WIRE)

    assert near == far
    assert ([("tool_use", {"query": "ä"})], "again") == (far[0], far[2])
    assert "found it" == "".join(far[1])
    for name in ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_nanousd"):
        assert 0 < by_process.counts[name] == by_wire.counts[name]
    assert by_process.lengths("llm.first_token") == by_wire.lengths("llm.first_token")
    assert by_process.lengths("llm.stream") == by_wire.lengths("llm.stream")


def test_a_client_that_leaves_stops_the_model() -> None:
    """Tokens after the reader has gone are neither made nor paid, but those on their way are."""
    pytest.importorskip("openai")

    async def leave(world: World) -> None:
        world.llm.script(llm.text(tokens=400))
        async with world.llm.openai() as client:
            stream = await client.chat.completions.create(**ASKED, stream=True)
            await anext(aiter(stream))
            await stream.close()
            await asyncio.sleep(5)

    (_, by_process), (_, by_wire) = told(leave, Tier.CLIENT), told(leave, Tier.WIRE)
    near, far = by_process.counts["llm_tokens_out"], by_wire.counts["llm_tokens_out"]

    # Half a trip of 0.25 ms is less than a chunk's time: nothing more is made meanwhile.
    assert 0 < near == far < 20


def test_clients_of_ones_own_find_the_world() -> None:
    """At tier wire, a client that was given nothing of ours reaches Redis by its name."""

    async def ping(world: World) -> bool:
        import redis.asyncio

        async with redis.asyncio.Redis(host="redis.sim") as client:
            return await client.ping()

    found, ledger = told(ping, Tier.WIRE)

    assert found
    assert 1 == ledger.counts["redis_connects"]
