"""Anthropic's messages, through the real client."""

import asyncio
from typing import Any

import anthropic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, llm
from tests.sim.services.llm.world import ASK, MS, World, run

LOOK: list[Any] = [{"name": "look", "input_schema": {"type": "object"}}]


def test_whole_message() -> None:
    """An answer in one piece says the script's text after the time of all its tokens."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("It is noon.", tokens=11))
        message = await world.tell()
        assert [("text", "It is noon.")] == [(one.type, one.text) for one in message.content]
        assert ("end_turn", "claude-sonnet-4-6") == (message.stop_reason, message.model)
        assert (5, 11) == (message.usage.input_tokens, message.usage.output_tokens)
        assert (30 + 10) * MS == loop.now_ns

    run(main)


def test_events_in_their_order() -> None:
    """A stream begins with the message, brings each block between its marks, and stops."""

    async def main(loop: SimLoop, world: World) -> list[tuple[int, str]]:
        turn = (llm.text("abcdef", tokens=6), llm.call_tool("look", x=1))
        world.llm.script(turn, llm.text("done"))
        stream = await world.tell(stream=True, tools=LOOK)
        return [(loop.now_ns // MS, event.type) async for event in stream]

    assert [
        (30, "message_start"),
        (30, "content_block_start"),
        (30, "content_block_delta"),
        (34, "content_block_delta"),
        (35, "content_block_delta"),
        (35, "content_block_stop"),
        (36, "content_block_start"),
        (38, "content_block_delta"),
        (38, "content_block_stop"),
        (38, "message_delta"),
        (38, "message_stop"),
    ] == run(main)


@settings(deadline=None, max_examples=15)
@given(
    content=st.text(min_size=1, max_size=40),
    argument=st.text(max_size=20),
    tokens_per_chunk=st.integers(1, 9),
)
def test_stream_helper_adds_up(content: str, argument: str, tokens_per_chunk: int) -> None:
    """For any Unicode, however it is cut, the SDK's own helper puts the turn together."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script((llm.text(content), llm.call_tool("look", x=argument)), llm.text("done"))
        async with world.claude.messages.stream(
            model="claude-sonnet-4-6", max_tokens=100, messages=ASK, tools=LOOK
        ) as stream:
            assert content == "".join([part async for part in stream.text_stream])
            message = await stream.get_final_message()
        said, call = message.content
        assert ("text", content) == (said.type, getattr(said, "text", None))
        assert ("tool_use", {"x": argument}) == (call.type, getattr(call, "input", None))
        assert "tool_use" == message.stop_reason

    run(main, tokens_per_chunk=tokens_per_chunk)


def test_agent_loop() -> None:
    """A tool's result leads to the next turn, also with words beside it."""

    async def main(loop: SimLoop, world: World) -> list[Any]:
        world.llm.script(llm.call_tool("look", x=1), llm.call_tool("look", x=2), llm.text("end"))
        messages, said = list(ASK), []
        for _ in range(3):
            answer = await world.tell(messages, tools=LOOK)
            block = answer.content[-1]
            said.append(getattr(block, "input", None) or getattr(block, "text", None))
            messages.append({"role": "assistant", "content": answer.content})
            result = {
                "type": "tool_result",
                "tool_use_id": getattr(block, "id", ""),
                "content": "4",
            }
            messages.append({"role": "user", "content": [result, {"type": "text", "text": "Go"}]})
        return said

    assert [{"x": 1}, {"x": 2}, "end"] == run(main)


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (llm.text("a", finish="length"), "max_tokens"),
        (llm.text("a", finish="content_filter"), "refusal"),
        (llm.text("a", finish="refusal"), "refusal"),
        (llm.text("a" * 500), "max_tokens"),
    ],
)
def test_stop_reasons(turn: Any, reason: str) -> None:
    """Why an answer ended is said in Anthropic's words, whole and streamed."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(turn)
        assert reason == (await world.tell()).stop_reason
        async with world.claude.messages.stream(model="m", max_tokens=100, messages=ASK) as stream:
            assert reason == (await stream.get_final_message()).stop_reason

    run(main)


CACHED: Any = {"type": "ephemeral"}


def test_marked_prompts_are_cached() -> None:
    """What is marked is written once, read for five minutes, and billed by its own prices."""

    async def main(loop: SimLoop, world: World) -> list[tuple[int, int, int]]:
        world.llm.script(llm.text("a", tokens=1))
        system = [{"type": "text", "text": "x" * 8000, "cache_control": CACHED}]
        seen = []
        for pause_s in (0, 299, 301):
            await asyncio.sleep(pause_s)
            usage = (await world.tell(system=system)).usage
            seen.append(
                (
                    usage.input_tokens,
                    usage.cache_creation_input_tokens,
                    usage.cache_read_input_tokens,
                )
            )
        counts = world.ledger.counts
        assert 3 * 2005 == counts["llm_tokens_in"]
        assert 2000 == counts["llm_tokens_cached"]
        dear = 2 * 2000 * 3750 + 2000 * 300 + 3 * 5 * 3000 + 3 * 15_000
        assert dear == counts["llm_cost_nanousd"]
        return seen

    assert [(5, 2000, 0), (5, 0, 2000), (5, 2000, 0)] == run(main)


def test_short_or_unmarked_prompts_are_not_cached() -> None:
    """Nothing is cached that is not marked, or has less than 1,024 tokens."""

    async def main(loop: SimLoop, world: World) -> list[tuple[int, int]]:
        short: Any = [{"type": "text", "text": "x" * 4000, "cache_control": CACHED}]
        usages = [(await world.tell(system=s)).usage for s in (short, short, "x" * 8000) * 2]
        return [
            (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) for usage in usages
        ]

    assert [(0, 0)] * 6 == run(main)


ERRORS: list[tuple[int, type[Exception], str]] = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "kind", "word"), ERRORS)
def test_errors(status: int, kind: type[Exception], word: str) -> None:
    """A failing turn is an error in Anthropic's form."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.fail(status), llm.text("a"))
        with pytest.raises(anthropic.APIStatusError) as caught:
            await world.claude.with_options(max_retries=0).messages.create(
                model="m", max_tokens=9, messages=ASK
            )
        assert isinstance(caught.value, kind)
        assert status == caught.value.status_code
        body: Any = caught.value.body
        assert ("error", word) == (body["type"], body["error"]["type"])

    run(main)


def test_overloaded_and_retry_after() -> None:
    """The client waits the whole seconds that a 429 asks for, and gets the next turn."""

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.script(llm.rate_limited(1.5), llm.text("a", tokens=1))
        message = await world.tell()
        return message.content[0].text, loop.now_ns

    assert ("a", (20 + 2000 + 30) * MS) == run(main)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "at least one message is required"),
    ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
    ({"messages": [{"role": "system", "content": "a"}]}, 'Unexpected role "system"'),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": "x", "content": "1"}],
                }
            ]
        },
        "unexpected `tool_use_id` found in `tool_result` blocks: x",
    ),
    (
        {
            "messages": [
                *ASK,
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "t7", "name": "look", "input": {}}],
                },
                *ASK,
            ]
        },
        "without `tool_result` blocks immediately after: t7",
    ),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_malformed_request(change: dict[str, Any], words: str) -> None:
    """What the API would not take it refuses, without a call being billed."""

    async def main(loop: SimLoop, world: World) -> int:
        with pytest.raises(anthropic.BadRequestError, match=words):
            await world.tell(**change)
        return world.ledger.counts["llm_calls"]

    assert 0 == run(main)


def test_headers_and_models_are_checked() -> None:
    """No key is 401, no version 400, an unknown model 404, another method 405."""

    async def main(loop: SimLoop, world: World) -> list[int]:
        good = (
            b'{"model":"claude-opus-4-1","max_tokens":9,"messages":[{"role":"user","content":"a"}]}'
        )
        key, version = {"x-api-key": "k"}, {"anthropic-version": "2023-06-01"}
        bearer = {"authorization": "Bearer k"}
        async with world.http.client(base_url="http://llm.sim") as client:
            answers = [
                await client.post("/v1/messages", content=good, headers=key | version),
                await client.post("/v1/messages", content=good, headers=bearer | version),
                await client.post("/v1/messages", content=good, headers=version),
                await client.post("/v1/messages", content=good, headers=key),
                await client.post(
                    "/v1/messages", content=good.replace(b"opus", b"odes"), headers=key | version
                ),
                await client.get("/v1/messages", headers=key | version),
                await client.post("/v1/messages", content=good[:-1], headers=key | version),
                await client.post("/v1/messages", content=b"{}", headers=key | version),
            ]
        assert all("error" == answer.json()["type"] for answer in answers[2:])
        return [answer.status_code for answer in answers]

    assert [200, 200, 401, 400, 404, 405, 400, 400] == run(main, default_price=None)
