"""OpenAI's responses, through the real client."""

from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim import SimLoop, llm
from tests.sim.services.llm.world import MS, World, run

LOOK: list[Any] = [
    {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}
]


def test_whole_response() -> None:
    """An answer in one piece says the script's text after the time of all its tokens."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("It is noon.", tokens=11))
        response = await world.client.responses.create(model="gpt-5", input="What is the time?")
        assert ("completed", "It is noon.") == (response.status, response.output_text)
        usage = response.usage
        assert usage is not None
        assert (5, 11, 16) == (usage.input_tokens, usage.output_tokens, usage.total_tokens)
        assert (30 + 10) * MS == loop.now_ns
        assert 5 * 1250 + 11 * 10_000 == world.ledger.counts["llm_cost_nanousd"]

    run(main)


def test_events_in_their_order() -> None:
    """Events come in the API's order, their numbers without a gap, at the tokens' times."""

    async def main(loop: SimLoop, world: World) -> list[tuple[int, str]]:
        turn = (llm.text("abcdef", tokens=6), llm.call_tool("look", x=1))
        world.llm.script(turn, llm.text("done"))
        seen, numbers = [], []
        async for event in await world.client.responses.create(
            model="gpt-5", input="Go", stream=True, tools=LOOK
        ):
            seen.append((loop.now_ns // MS, event.type.removeprefix("response.")))
            numbers.append(event.sequence_number)
        assert list(range(len(numbers))) == numbers
        return seen

    assert [
        (30, "created"),
        (30, "in_progress"),
        (30, "output_item.added"),
        (30, "content_part.added"),
        (30, "output_text.delta"),
        (34, "output_text.delta"),
        (35, "output_text.delta"),
        (35, "output_text.done"),
        (35, "content_part.done"),
        (35, "output_item.done"),
        (36, "output_item.added"),
        (38, "function_call_arguments.delta"),
        (38, "function_call_arguments.done"),
        (38, "output_item.done"),
        (38, "completed"),
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
        call = llm.call_tool("look", x=argument)
        world.llm.script((llm.text(content), call), llm.text("done"))
        async with world.client.responses.stream(model="m", input="Go", tools=LOOK) as stream:
            deltas = [
                event.delta async for event in stream if event.type == "response.output_text.delta"
            ]
            response = await stream.get_final_response()
        assert content == "".join(deltas) == response.output_text
        made: Any = response.output[1]
        assert ("look", call.arguments) == (made.name, made.arguments)

    run(main, tokens_per_chunk=tokens_per_chunk)


def test_agent_loop() -> None:
    """Items sent back lead to the next turn; one turn's text and calls count as one."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        first = (llm.text("Let me see."), llm.call_tool("look", x=1), llm.call_tool("look", x=2))
        world.llm.script(first, llm.text("end"))
        items: list[Any] = [{"role": "user", "content": "Go"}]
        said = []
        for _ in range(2):
            response = await world.client.responses.create(
                model="gpt-5", input=items, tools=LOOK, store=False
            )
            said.append(response.output_text)
            items += [item.model_dump() for item in response.output]
            items += [
                {"type": "function_call_output", "call_id": item.call_id, "output": "4"}
                for item in response.output
                if item.type == "function_call"
            ]
        return said

    assert ["Let me see.", "end"] == run(main)


def test_previous_response() -> None:
    """A response goes on from an earlier one, which also counts as prompt, but not its instructions."""

    async def main(loop: SimLoop, world: World) -> tuple[list[str], list[int]]:
        world.llm.script(llm.call_tool("look", x=1), llm.text("end"))
        create = world.client.responses.create
        first = await create(model="m", input="12345678", tools=LOOK, instructions="i" * 400)
        call: Any = first.output[0]
        result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "abcd"}
        second = await create(model="m", input=[result], previous_response_id=first.id)
        third = await create(model="m", input="more", previous_response_id=second.id, tools=LOOK)
        tokens = [one.usage.input_tokens for one in (second,) if one.usage]
        return [second.output_text, third.output[0].type], tokens

    # Question 8, name and arguments 4 + 7, result 4 bytes; without the instructions' 400.
    assert (["end", "function_call"], [6]) == run(main)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"previous_response_id": "resp_0"}, "'resp_0' not found"),
        ({"input": []}, "must be provided"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"input": [{"role": "robot", "content": "a"}]}, "Invalid value: 'robot'"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": ""}]},
            "No tool call found for function call output with call_id c",
        ),
        (
            {
                "input": [
                    {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
                ]
            },
            "No tool output found for function call c",
        ),
    ],
)
def test_malformed_request(change: dict[str, Any], words: str) -> None:
    """What the API would not take it refuses, without a call being billed."""

    async def main(loop: SimLoop, world: World) -> int:
        given: Any = {"model": "m", "input": "a", **change}
        with pytest.raises(openai.BadRequestError, match=words):
            await world.client.responses.create(**given)
        return world.ledger.counts["llm_calls"]

    assert 0 == run(main)


def test_not_stored() -> None:
    """What was not to be stored cannot be gone on from."""

    async def main(loop: SimLoop, world: World) -> None:
        first = await world.client.responses.create(model="m", input="a", store=False)
        with pytest.raises(openai.BadRequestError, match="not found"):
            await world.client.responses.create(model="m", input="a", previous_response_id=first.id)

    run(main)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_endings(finish: str, status: str, reason: str | None) -> None:
    """An answer that is not complete says why, whole and as the stream's last event."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("a", finish=finish))
        whole = await world.client.responses.create(model="m", input="a")
        stream = await world.client.responses.create(model="m", input="a", stream=True)
        last: Any = [event async for event in stream][-1]
        assert f"response.{status}" == last.type
        for response in (whole, last.response):
            details = response.incomplete_details
            assert (status, reason) == (response.status, details and details.reason)

    run(main)


def test_refusal() -> None:
    """A refusal is a part of its own, whole and streamed."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("I will not.", finish="refusal"))
        whole: Any = await world.client.responses.create(model="m", input="a")
        assert "I will not." == whole.output[0].content[0].refusal
        parts = [
            event.delta
            async for event in await world.client.responses.create(
                model="m", input="a", stream=True
            )
            if event.type == "response.refusal.delta"
        ]
        assert "I will not." == "".join(parts)

    run(main)
