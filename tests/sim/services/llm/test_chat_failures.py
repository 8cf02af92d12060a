"""A model that is busy, fails, stalls or refuses."""

import asyncio
from typing import Any

import openai
import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, llm, request_scope
from tests.sim.services.llm.world import ASK, LOOK, MS, World, run


def test_rate_limited_with_retry_after() -> None:
    """openai waits exactly the two seconds that a 429 asks for, and half a second once more."""

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        world.llm.script(llm.rate_limited(2), llm.rate_limited(0.5), llm.text("a", tokens=1))
        answer = await world.ask()
        return answer.choices[0].message.content, loop.now_ns

    assert ("a", (20 + 2000 + 20 + 500 + 30) * MS) == run(main)


def test_backoff_is_seeded() -> None:
    """openai's own backoff on 503 takes 0.5 and 1 s, less up to a quarter; always the same."""

    async def main(loop: SimLoop, world: World) -> int:
        world.llm.script(llm.fail(503), llm.fail(503), llm.text("a", tokens=1))
        await world.ask()
        return loop.now_ns - (20 + 20 + 30) * MS

    waited_ns = run(main)
    assert 0.75 * 1500 * MS < waited_ns < 1500 * MS
    assert waited_ns == run(main)


def test_failures_are_per_request() -> None:
    """Each request gets the script's failures once, and a question asked anew gets them again."""

    async def main(loop: SimLoop, world: World) -> tuple[list[int], int]:
        world.llm.script(llm.rate_limited(1), llm.text("a", tokens=1))
        ends = []

        async def one(request_id: int) -> None:
            with request_scope(request_id):
                await world.ask()
            ends.append(loop.now_ns // MS)

        await asyncio.gather(one(1), one(2))
        await one(1)
        return ends, world.ledger.counts["llm_calls"]

    assert ([1050, 1050, 2100], 6) == run(main)


def test_failures_are_per_conversation() -> None:
    """Two questions that one request asks at once each get the failure, and then its answer."""

    async def main(loop: SimLoop, world: World) -> tuple[int, int]:
        world.llm.script(llm.rate_limited(1), llm.text("a", tokens=1))
        other = [{"role": "user", "content": "Where?"}]
        await asyncio.gather(world.ask(), world.ask(other))
        return loop.now_ns // MS, world.ledger.counts["llm_calls"]

    assert (1050, 4) == run(main)


def test_failure_in_mid_loop() -> None:
    """A failure between two answers takes its turn, and the answers keep theirs."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        world.llm.script(llm.call_tool("look", x=1), llm.fail(500), llm.text("end"))
        first = (await world.ask(tools=LOOK)).choices[0].message
        messages = [
            *ASK,
            first.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "42"},
        ]
        second = (await world.ask(messages, tools=LOOK)).choices[0].message
        return [first.tool_calls[0].function.arguments, second.content]

    assert ['{"x":1}', "end"] == run(main)


def test_read_timeout_of_a_stalled_model() -> None:
    """The client's limit on reading holds against the first token; openai tries again."""

    async def main(loop: SimLoop, world: World) -> int:
        with pytest.raises(openai.APITimeoutError):
            await world.client.with_options(timeout=0.0299, max_retries=0).chat.completions.create(
                model="gpt-4o", messages=ASK
            )
        return loop.now_ns

    assert 29_900_000 == run(main)


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"messages": []}, 400, "empty array"),
    ({"model": ""}, 400, "you must provide a model parameter"),
    ({"messages": "hello"}, 400, "Invalid type"),
    ({"messages": [{"role": "robot", "content": ""}]}, 400, "Invalid value: 'robot'"),
    ({"n": 2}, 400, "n=2"),
    ({"max_tokens": 0}, 400, "Invalid 'max_tokens': 0"),
    (
        {"messages": [*ASK, {"role": "tool", "tool_call_id": "x", "content": ""}]},
        400,
        "must be a response to a preceeding message with 'tool_calls'",
    ),
    (
        {
            "messages": [
                *ASK,
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_7",
                            "type": "function",
                            "function": {"name": "look", "arguments": "{}"},
                        }
                    ],
                },
                *ASK,
            ]
        },
        400,
        "did not have response messages: call_7",
    ),
]


@pytest.mark.parametrize(("change", "status", "words"), REFUSED)
def test_malformed_request(change: dict[str, Any], status: int, words: str) -> None:
    """What the API would not take it refuses, in its own form, without a call being billed."""

    async def main(loop: SimLoop, world: World) -> int:
        with pytest.raises(openai.APIStatusError) as caught:
            await world.client.chat.completions.create(
                **{"model": "gpt-4o", "messages": ASK, **change}
            )
        assert status == caught.value.status_code
        assert words in caught.value.body["message"]  # type: ignore[index]  # An object.
        assert "invalid_request_error" == caught.value.type
        assert 20 * MS == loop.now_ns
        return world.ledger.counts["llm_calls"]

    assert 0 == run(main)


def test_other_refusals() -> None:
    """No key is 401, an unknown path or model 404, another method 405, no JSON 400."""

    async def main(loop: SimLoop, world: World) -> list[int]:
        async with world.http.client(base_url="http://llm.sim") as client:
            key = {"authorization": "Bearer test"}
            good = b'{"model":"gpt-4o","messages":[{"role":"user","content":"a"}]}'
            path = "/v1/chat/completions"
            answers = [
                await client.post(path, content=good, headers=key),
                await client.post(path, content=good),
                await client.post(path, content=good, headers={"authorization": "Bearer "}),
                await client.post("/v1/audio/speech", content=good, headers=key),
                await client.post(path, content=good.replace(b"4o", b"9"), headers=key),
                await client.get(path, headers=key),
                await client.post(path, content=good[:-3], headers=key),
                await client.post(path, content=b'{"model":"\xff"}', headers=key),
            ]
        assert all("message" in answer.json()["error"] for answer in answers[1:])
        return [answer.status_code for answer in answers]

    assert [200, 401, 401, 404, 404, 405, 400, 400] == run(main, default_price=None)


def test_no_tools_at_all() -> None:
    """Who offers no tool, as a summary beside an agent, gets the script's first words."""

    async def main(loop: SimLoop, world: World) -> list[str | None]:
        world.llm.script(llm.call_tool("look"), llm.text("done"))
        plain = await world.ask()
        agent = await world.ask(tools=LOOK)
        return [one.choices[0].message.content for one in (plain, agent)]

    assert ["done", None] == run(main)


def test_unoffered_tool() -> None:
    """A script that calls a tool which the client does not offer is at fault, by name."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.call_tool("find"), llm.text("done"))
        await world.ask(tools=LOOK)

    with pytest.raises(ConfigError, match=r"'find', but the request offers \['look'\]"):
        run(main)
