"""
The stub of openai's client says, counts and takes its time like the real one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import httpx2
import openai
import pytest

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
        _tokens(answer.usage),
    )


def _tokens(usage: Any) -> Any:
    cached = usage.prompt_tokens_details.cached_tokens
    return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, cached


def _piece(chunk: Any, world: World) -> Any:
    at_ns = round(world.now_s() * 1e9)
    if not chunk.choices:
        return at_ns, _tokens(chunk.usage)
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


def test_messages_are_sent_back_as_they_came() -> None:
    """
    An answer's message goes into the next request, as it is or dumped: as many bytes.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(llm.call_tool("find", query="ä"), llm.text("found", tokens=3))
        async with world.llm.openai() as client:
            create: Any = client.chat.completions.create
            first = await create(**ASK, tools=[TOOL])
            message = first.choices[0].message
            result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "x"}
            answers = [
                await create(model="m", messages=[*ASK["messages"], sent, result], tools=[TOOL])
                for sent in (message, message.model_dump(exclude_none=True))
            ]
            return [_plain(answer) for answer in answers]

    assert ["found", "found"] == [answer[2] for answer in agreed(work)]


def test_what_no_stub_knows_is_the_sdk_s_own() -> None:
    """
    Responses, embeddings, helpers and raw responses come as late and count as much, on the
    connections that the stubbed calls use.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(llm.text("one two", tokens=2))
        async with world.llm.openai(max_retries=0) as client:
            raw: Any = client.chat.completions.with_raw_response
            found = [
                _plain(await client.chat.completions.create(**ASK)),
                (await client.responses.create(model="m", input="hä?")).output_text,
                len((await client.embeddings.create(model="m", input="hä")).data[0].embedding),
                _plain(await client.chat.completions.parse(**ASK)),
                (await raw.create(**ASK)).headers["content-type"],
                _plain(await client.with_options(timeout=2).chat.completions.create(**ASK)),
                _plain(await client.chat.completions.create(**ASK, extra_query={"v": "1"})),
            ]
            async with client.chat.completions.stream(**ASK) as stream:
                found.append([event.type async for event in stream])
            world.llm.script(llm.fail(503))
            found.append(await outcome(client.responses.create(model="m", input="hä?")))
            return found

    failure = agreed(work)[-1]
    connects = told(work, Tier.STUB).counts["http_connects", "POST llm.sim/v1/chat/completions"]

    assert (openai.InternalServerError, 1) == (failure[0], connects)


def test_many_calls_at_a_time_reconnect_alike() -> None:
    """
    More calls at a time than idle connections are kept: the pool is that of the SDK's library.
    """

    async def work(world: World) -> None:
        world.llm.script(llm.text("one two", tokens=2))
        async with world.llm.openai() as client:
            for _ in range(3):
                calls = (client.chat.completions.create(**ASK) for _ in range(30))
                await asyncio.gather(*calls)

    agreed(work)


@pytest.mark.parametrize("shared", [False, True])
def test_anthropic_s_client_is_its_own(shared: bool) -> None:
    """
    Messages, streams and errors of anthropic's client agree; with a stubbed client of
    world.http given, too.
    """

    async def work(world: World) -> list[Any]:
        world.llm.script(llm.call_tool("find", query="ä"), llm.text("found it", tokens=3))
        options: dict[str, Any] = {"max_retries": 1}
        if shared:
            options["http_client"] = world.http.client(httpx2, timeout=3.0)
        tool: Any = {"name": "find", "input_schema": {"type": "object"}}
        ask: dict[str, Any] = {"model": "m", "max_tokens": 99, "messages": ASK["messages"]}
        async with world.llm.anthropic(**options) as client:
            whole: Any = await client.messages.create(**ask, tools=[tool])
            world.llm.script(llm.text("found it", tokens=3))
            async with client.messages.stream(**ask) as stream:
                words = [word async for word in stream.text_stream]
            world.llm.script(llm.fail(529), llm.fail(529), llm.text("never"))
            return [
                [(part.type, getattr(part, "input", None)) for part in whole.content],
                words,
                await outcome(client.messages.create(**ask)),
            ]

    assert issubclass(agreed(work)[-1][0], anthropic.APIStatusError)


def test_other_arguments_give_the_sdk_s_own_client() -> None:
    """
    An argument that the stub does not have is the real client's; what comes of it agrees.
    """

    async def work(world: World) -> Any:
        world.llm.script(llm.text("one", tokens=1))
        async with world.llm.openai(organization="o") as client:
            return _plain(await client.chat.completions.create(**ASK))

    assert "one" == agreed(work)[2]
