"""Turns in which the model, or the way to it, misbehaves."""

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from agent_perf.errors import ConfigError, SimulationError
from agent_perf.sim import SimLoop, llm
from tests.sim.services.llm.world import ASK, MS, World, run

TEN = llm.text("abcdefghij", tokens=10)
NEXT = llm.text("next", tokens=1)
LOOK: list[Any] = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
]


async def read(world: World, loop: SimLoop, **kwargs: Any) -> tuple[list[tuple[int, str]], str]:
    """Return what came of a stream and when in ms, and the error's name at its end."""
    client = world.client.with_options(max_retries=0, **kwargs)
    came: list[tuple[int, str]] = []
    try:
        stream = await client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        async for chunk in stream:
            content = chunk.choices[0].delta.content
            if content:
                came.append((loop.now_ns // MS, content))
    except (openai.APIError, httpx2.HTTPError) as error:
        return came, f"{type(error).__name__} at {loop.now_ns // MS}"
    return came, ""


def test_stall_for_a_while() -> None:
    """A silence moves the rest of the stream, and a patient client gets all of it."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.llm.script(llm.stall(TEN, after_tokens=5, for_s=2), NEXT)
        return await read(world, loop)

    assert ([(30, "a"), (34, "bcde"), (2038, "fghi"), (2039, "j")], "") == run(main)


def test_patience_gets_the_next_turn_in_turn() -> None:
    """A silence that the client sat out is no failure: the script goes on by one turn."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        call = llm.call_tool("look", x=1)
        world.llm.script(llm.stall(call, after_tokens=0, for_s=2), llm.text("2"), llm.text("3"))
        first = (await world.ask(tools=LOOK)).choices[0].message
        result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "4"}
        second = await world.ask([*ASK, first.model_dump(exclude_none=True), result], tools=LOOK)
        return [first.tool_calls[0].function.name, second.choices[0].message.content]

    assert ["look", "2"] == run(main)


@pytest.mark.parametrize("for_s", [None, 7.0])
def test_stall_longer_than_the_client_waits(for_s: float | None) -> None:
    """The client's read limit holds against the silence, and its retry gets the next turn."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.llm.script(llm.stall(TEN, after_tokens=5, for_s=for_s), NEXT)
        first = await read(world, loop, timeout=0.5)
        began_ms = loop.now_ns // MS
        again, error = await read(world, loop, timeout=0.5)
        return first, [(at - began_ms, content) for at, content in again], error

    first, again, error = run(main)
    assert ([(30, "a"), (34, "bcde")], "APITimeoutError at 534") == first
    assert ([(30, "next")], "") == (again, error)


def test_stall_before_the_first_token() -> None:
    """Without a token, the limit is on the headers; openai itself tries again."""

    async def main(loop: SimLoop, world: World) -> tuple[str, bool]:
        world.llm.script(llm.stall(after_tokens=0), NEXT)
        answer = await world.client.with_options(timeout=0.5).chat.completions.create(
            model="gpt-4o", messages=ASK
        )
        return answer.choices[0].message.content or "", loop.now_ns > 530 * MS

    assert ("next", True) == run(main)


def test_stall_for_ever_without_a_limit() -> None:
    """Whoever waits for ever without a limit hangs, and the simulation says so."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.stall(TEN, after_tokens=5), NEXT)
        await read(world, loop, timeout=None)

    with pytest.raises(SimulationError):
        run(main)


@pytest.mark.parametrize(
    ("turn", "came", "error"),
    [
        (
            llm.truncated(TEN, after_tokens=5),
            [(30, "a"), (34, "bcde")],
            "APIConnectionError at 34",
        ),
        (
            llm.truncated(TEN, after_tokens=5, mid_event=True),
            [(30, "a"), (34, "bcde")],
            "APIConnectionError at 34",
        ),
        (llm.truncated(TEN, after_tokens=4, cleanly=True), [(30, "a")], ""),
        (
            llm.truncated(TEN, after_tokens=10),
            [(30, "a"), (34, "bcde"), (38, "fghi"), (39, "j")],
            "",
        ),
        (llm.truncated(TEN, after_tokens=0), [], "APIConnectionError at 30"),
    ],
)
def test_truncated(turn: Any, came: list[tuple[int, str]], error: str) -> None:
    """The connection ends before the first chunk that would bring more tokens than that."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.llm.script(turn, NEXT)
        return await read(world, loop)

    assert (came, error) == run(main)


def test_truncated_mid_event_raw() -> None:
    """Half an event arrives before the end, and a retry gets the next turn."""

    async def main(loop: SimLoop, world: World) -> tuple[bytes, bytes]:
        world.llm.script(llm.truncated(TEN, after_tokens=1, mid_event=True, cleanly=True), NEXT)
        body = {"model": "m", "messages": ASK, "stream": True}
        headers = {"authorization": "Bearer k"}
        async with world.http.client(base_url=world.llm.base_url) as client:
            answers = [
                await client.post("/chat/completions", json=body, headers=headers) for _ in "12"
            ]
        return answers[0].content, answers[1].content

    first, second = run(main)
    assert b'data: {"id":"chatcmpl-' == first.split(b"\n\n")[-1][:22]
    assert first[-1:] != b"\n"
    assert second.endswith(b"data: [DONE]\n\n")


def test_truncated_in_one_piece() -> None:
    """An answer in one piece does not come; openai's own retry gets the next turn."""

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.script(llm.truncated(TEN, after_tokens=5), NEXT)
        answer = await world.ask()
        return answer.choices[0].message.content, world.ledger.counts["llm_calls"]

    assert ("next", 2) == run(main)


def test_slow_first_token_moves_no_draw() -> None:
    """It comes as late as it says; what is drawn for the next answer is what it was."""

    async def main(loop: SimLoop, world: World) -> int:
        world.llm.script(llm.slow_first_token(3, TEN))
        assert [(3000, "a"), (3004, "bcde"), (3008, "fghi"), (3009, "j")] == (
            await read(world, loop)
        )[0]
        return world.llm._draws.u53("llm.first_token")

    async def other(loop: SimLoop, world: World) -> int:
        world.llm.script(TEN)
        await world.ask()
        return world.llm._draws.u53("llm.first_token")

    assert run(main) == run(other)


def test_malformed_tool() -> None:
    """Broken arguments reach the client as they are; a message in one piece wraps them."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.llm.script(llm.malformed_tool("look", '{"x": 1'), llm.text("done"))
        chat = await world.ask(tools=LOOK)
        tools: Any = [{"name": "look", "input_schema": {"type": "object"}}]
        message = await world.tell(tools=tools)
        parts = [
            event.delta.partial_json
            async for event in await world.tell(tools=tools, stream=True)
            if event.type == "content_block_delta"
        ]
        return (
            chat.choices[0].message.tool_calls[0].function.arguments,
            message.content[0].input,
            "".join(parts),
        )

    assert ('{"x": 1', {"INVALID_JSON": '{"x": 1'}, '{"x": 1') == run(main)


@pytest.mark.parametrize(
    ("finish", "reason", "content", "refusal"),
    [
        ("length", "length", "No.", None),
        ("content_filter", "content_filter", "No.", None),
        ("refusal", "stop", None, "No."),
    ],
)
def test_endings_of_a_chat(
    finish: str, reason: str, content: str | None, refusal: str | None
) -> None:
    """A scripted ending is said in OpenAI's words, whole and streamed."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("No.", finish=finish))
        whole = (await world.ask()).choices[0]
        async with world.client.chat.completions.stream(model="m", messages=ASK) as stream:
            chunks = [event.chunk.choices[0] async for event in stream if event.type == "chunk"]
        assert (reason, content, refusal) == (
            whole.finish_reason,
            whole.message.content,
            whole.message.refusal,
        )
        assert reason == chunks[-1].finish_reason
        assert (content or "", refusal or "") == (
            "".join(one.delta.content or "" for one in chunks),
            "".join(one.delta.refusal or "" for one in chunks),
        )

    run(main)


def test_bad_mishaps() -> None:
    """What cannot happen is refused, with its value."""
    with pytest.raises(ConfigError, match=r"stall\(after_tokens=-1\)"):
        llm.stall(after_tokens=-1)
    with pytest.raises(ConfigError, match=r"stall\(for_s=0\)"):
        llm.stall(after_tokens=1, for_s=0)
    with pytest.raises(ConfigError, match=r"slow_first_token\(-1\)"):
        llm.slow_first_token(-1)
    with pytest.raises(ConfigError, match="is a JSON object; want broken text"):
        llm.malformed_tool("look", '{"x": 1}')
    with pytest.raises(ConfigError, match="want the name of a tool"):
        llm.malformed_tool("", "{")
    with pytest.raises(ConfigError, match=r"truncated\(Failure.*want llm\.text"):
        llm.truncated(llm.fail(500), after_tokens=1)  # type: ignore[arg-type]  # On purpose.
    with pytest.raises(ConfigError, match="finish='tired'"):
        llm.text("a", finish="tired")


def test_stream_of_messages_breaks_off() -> None:
    """Anthropic's client meets the same broken connection."""

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.script(llm.truncated(TEN, after_tokens=5), NEXT)
        said = []
        client = world.claude.with_options(max_retries=0)
        with pytest.raises((anthropic.APIConnectionError, httpx2.RemoteProtocolError)):
            async with client.messages.stream(model="m", max_tokens=20, messages=ASK) as stream:
                said.extend([part async for part in stream.text_stream])
        return world.ledger.counts["llm_tokens_out"], loop.now_ns // MS

    assert (5, 34) == run(main)
