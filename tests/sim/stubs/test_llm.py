"""
The stub of openai's client says, counts and takes its time like the real one.
"""

from __future__ import annotations

from typing import Any

import openai
import pytest

from agent_perf.errors import UsageError
from agent_perf.records import Tier
from agent_perf.sim import llm
from agent_perf.suite import World
from tests.sim.stubs.both import agreed, outcome, told

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hä?"}]}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


def _plain(answer: Any) -> Any:
    if isinstance(answer, tuple):
        return answer
    choice = answer.choices[0]
    calls = choice.message.tool_calls or ()
    return (
        answer.id,
        answer.model,
        choice.message.content,
        choice.finish_reason,
        [(call.id, call.function.name, call.function.arguments) for call in calls],
        (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens),
    )


def _piece(chunk: Any, world: World) -> Any:
    at_ns = round(world.now_s() * 1e9)
    if not chunk.choices:
        return at_ns, chunk.usage.completion_tokens
    choice = chunk.choices[0]
    calls = [
        (call.index, call.id, call.function.name, call.function.arguments)
        for call in choice.delta.tool_calls or ()
    ]
    return at_ns, choice.delta.role, choice.delta.content, choice.finish_reason, calls


def test_whole_answers_agree() -> None:
    """
    Texts, tool calls, usage, costs and times are the same; so are arguments left out.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(llm.call_tool("find", query="ä"), llm.text("found", tokens=3))
        async with world.llm.openai() as client:
            create: Any = client.chat.completions.create
            first = await create(**ASK, tools=[TOOL], temperature=openai.omit)
            call = first.choices[0].message.tool_calls[0]
            spoken = {"role": "assistant", "tool_calls": [
                {"id": call.id, "type": "function",
                 "function": {"name": "find", "arguments": call.function.arguments}}]}  # fmt: skip
            result = {"role": "tool", "tool_call_id": call.id, "content": "x"}
            messages = [*ASK["messages"], spoken, result]
            second = await create(model="gpt-4o", messages=messages, tools=[TOOL], max_tokens=2)
            return [_plain(first), _plain(second)]

    agreed(work)


@pytest.mark.parametrize("read", [100, 3])
def test_streams_agree(read: int) -> None:
    """
    Chunks come with the same content at the same instants, read to the end or left half-way.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(
            (llm.call_tool("find", query="one"), llm.call_tool("find", query="two")), llm.text()
        )
        found: list[Any] = []
        client: Any = world.llm.openai(max_retries=0)
        for tools in ([TOOL], openai.omit):
            if tools is openai.omit:
                world.llm.script(llm.text("a b c d e f g h i j k l", tokens=12))
            stream = await client.chat.completions.create(
                **ASK, stream=True, stream_options={"include_usage": True}, tools=tools
            )
            async with stream:
                async for chunk in stream:
                    found.append(_piece(chunk, world))
                    if len(found) % 100 == read:
                        break
            found = [*found, *[None] * (100 - len(found) % 100)]
        await client.close()
        return found

    agreed(work)


def test_retries_agree() -> None:
    """
    What may pass is tried again after what the API asks for, or openai's growing delay.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(llm.rate_limited(2), llm.fail(500), llm.text("at last"))
        async with world.llm.openai() as client:
            create: Any = client.chat.completions.create
            answer = _plain(await outcome(create(**ASK)))
        world.llm.script(llm.fail(503), llm.fail(503), llm.text("too late"))
        async with world.llm.openai(max_retries=1) as client:
            failure = await outcome(client.chat.completions.create(**ASK))
        world.llm.script(llm.text("slow"))
        async with world.llm.openai(max_retries=1, timeout=0.01) as client:
            return [answer, failure, await outcome(client.chat.completions.create(**ASK))]

    assert [openai.InternalServerError, openai.APITimeoutError] == [
        failure[0] for failure in agreed(work)[1:]
    ]


@pytest.mark.parametrize(
    "options", [{"messages": []}, {"api_key": " "}, {"base_url": "http://llm.sim/v2"}]
)
def test_refusals_agree(options: dict[str, Any]) -> None:
    """
    What the API refuses is the same error with the same words.
    """

    async def work(world: World) -> Any:
        request = ASK | {name: options[name] for name in options if name == "messages"}
        made = {name: value for name, value in options.items() if name != "messages"}
        async with world.llm.openai(**made) as client:
            return await outcome(client.chat.completions.create(**request))

    assert issubclass(agreed(work)[0], openai.APIStatusError)


def test_what_is_not_there_says_so() -> None:
    """
    Other APIs and arguments than the stub has name the other tier.
    """

    async def work(world: World) -> None:
        client = world.llm.openai()
        with pytest.raises(UsageError, match="responses.*tier 'client'"):
            client.responses  # noqa: B018
        with pytest.raises(UsageError, match="organization"):
            world.llm.openai(organization="o")

    told(work, Tier.STUB)
