"""A simulated model behind the real openai client."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, llm, request_scope
from agent_perf.sim.request import RequestState
from tests.sim.services.ledger import Ledger
from tests.sim.services.llm.world import ASK, LOOK, MS, World, run


def test_whole_answer() -> None:
    """An answer in one piece says the script's text after the time of all its tokens."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("It is noon.", tokens=11))
        answer = await world.ask()
        assert "It is noon." == answer.choices[0].message.content
        assert "stop" == answer.choices[0].finish_reason
        assert "gpt-4o" == answer.model
        assert 1_767_225_600 == answer.created
        # 17 bytes of question / 4, rounded up.
        assert (5, 11, 16) == (
            answer.usage.prompt_tokens,
            answer.usage.completion_tokens,
            answer.usage.total_tokens,
        )
        assert (30 + 10) * MS == loop.now_ns

    run(main)


def test_stream() -> None:
    """The first token comes alone at its time, the others in groups, the sum of theirs later."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text("abcdefghij", tokens=10))
        seen = []
        async for chunk in await world.ask(stream=True, stream_options={"include_usage": True}):
            seen += [
                (loop.now_ns // MS, choice.delta.content, choice.finish_reason)
                for choice in chunk.choices
            ]
            usage = chunk.usage
        assert [
            (30, "", None),
            (30, "a", None),
            (34, "bcde", None),
            (38, "fghi", None),
            (39, "j", None),
            (39, None, "stop"),
        ] == seen
        assert (5, 10) == (usage.prompt_tokens, usage.completion_tokens)

    run(main)


def test_stream_opens_with_the_role() -> None:
    """The first delta names the role; without being asked for, there is no usage."""

    async def main(loop: SimLoop, world: World) -> None:
        chunks = [chunk async for chunk in await world.ask(stream=True)]
        assert "assistant" == chunks[0].choices[0].delta.role
        assert [None] * len(chunks) == [chunk.usage for chunk in chunks]
        assert 1 == len({chunk.id for chunk in chunks})

    run(main)


@settings(deadline=None, max_examples=60)
@given(
    content=st.text(max_size=40),
    tokens=st.none() | st.integers(1, 60),
    tokens_per_chunk=st.integers(1, 9),
)
def test_stream_says_the_script(content: str, tokens: int | None, tokens_per_chunk: int) -> None:
    """For any Unicode, however it is cut, the client puts together the scripted text."""

    async def main(loop: SimLoop, world: World) -> None:
        world.llm.script(llm.text(content, tokens=tokens))
        stream = await world.ask(stream=True)
        parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert content == "".join(parts)
        whole = await world.ask()
        assert content == whole.choices[0].message.content

    run(main, tokens_per_chunk=tokens_per_chunk)


def test_tool_call_in_a_stream() -> None:
    """A call's name comes first, its arguments in pieces that make up the JSON."""

    async def main(loop: SimLoop, world: World) -> None:
        calls = (llm.call_tool("look", where="Zürich 🏔", deep=[1, None]), llm.call_tool("look"))
        world.llm.script(calls, llm.text("done"))
        names: dict[int, str] = {}
        arguments: dict[int, list[str]] = {}
        ids = set()
        async for chunk in await world.ask(stream=True, tools=LOOK):
            finish = chunk.choices[0].finish_reason
            for call in chunk.choices[0].delta.tool_calls or ():
                if call.id:
                    ids.add(call.id)
                    names[call.index] = call.function.name
                arguments.setdefault(call.index, []).append(call.function.arguments)
        assert "tool_calls" == finish
        assert {0: "look", 1: "look"} == names
        assert 2 == len(ids)
        assert '{"where":"Zürich 🏔","deep":[1,null]}' == "".join(arguments[0])
        assert "{}" == "".join(arguments[1])
        assert len(arguments[0]) > 2

    run(main)


def test_agent_loop() -> None:
    """An agent that answers the calls gets the next turn; the last one repeats."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        world.llm.script(llm.call_tool("look", x=1), llm.call_tool("look", x=2), llm.text("end"))
        messages, said = list(ASK), []
        for _ in range(4):
            message = (await world.ask(messages, tools=LOOK)).choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            said.append(message.content or message.tool_calls[0].function.arguments)
            messages += [
                {"role": "tool", "tool_call_id": call.id, "content": "42"}
                for call in message.tool_calls or ()
            ]
        messages.append({"role": "user", "content": "Again"})
        again = (await world.ask(messages, tools=LOOK)).choices[0].message
        return [*said, again.tool_calls[0].function.arguments]

    assert ['{"x":1}', '{"x":2}', "end", "end", '{"x":1}'] == run(main)


def test_routes() -> None:
    """A conversation takes the first route whose predicate holds, else the script."""

    async def main(loop: SimLoop, world: World) -> list[str]:
        world.llm.script(llm.text("default"))
        world.llm.route(lambda chat: "noon" in chat.last_user_text, llm.text("noon"))
        world.llm.route(lambda chat: chat.model == "gpt-4o-mini", llm.text("mini"))
        asks = [("gpt-4o", "at noon?"), ("gpt-4o-mini", "at noon?"), ("gpt-4o-mini", "?")]
        asks.append(("gpt-4o", "?"))
        return [
            (await world.ask([{"role": "user", "content": text}], model=model))
            .choices[0]
            .message.content
            for model, text in asks
        ]

    assert ["noon", "noon", "mini", "default"] == run(main)


def test_default_text_has_a_drawn_length() -> None:
    """Without a script the model writes 24 to 72 tokens, drawn anew for each answer."""

    async def main(loop: SimLoop, world: World) -> list[int]:
        return [(await world.ask()).usage.completion_tokens for _ in range(20)]

    lengths = run(main)
    assert 5 < len(set(lengths))
    assert set(lengths) <= set(range(24, 73))
    assert lengths == run(main)


def test_max_tokens_cuts() -> None:
    """A client's limit cuts the text, and the reason to finish says so."""

    async def main(loop: SimLoop, world: World) -> tuple[str, str, int]:
        world.llm.script(llm.text("abcdefghij", tokens=10))
        answer = await world.ask(max_completion_tokens=4)
        choice = answer.choices[0]
        return choice.message.content, choice.finish_reason, answer.usage.completion_tokens

    assert ("abcd", "length", 4) == run(main)


def test_counts_cost_and_spans() -> None:
    """Calls, tokens and billionths of a dollar are exact; the times of the tokens are spans."""

    async def main(loop: SimLoop, world: World) -> Ledger:
        world.llm.script(llm.text("abcdefghij", tokens=10))
        await world.ask()
        await world.ask(model="unheard-of")
        return world.ledger

    ledger = run(main)
    assert {
        "llm_calls:gpt-4o": 1,
        "llm_tokens_in:gpt-4o": 5,
        "llm_tokens_out:gpt-4o": 10,
        "llm_cost_nanousd:gpt-4o": 5 * 2500 + 10 * 10_000,
        "llm_calls:unheard-of": 1,
        "llm_tokens_in:unheard-of": 5,
        "llm_tokens_out:unheard-of": 10,
        "llm_cost_nanousd:unheard-of": 5 * 150 + 10 * 600,
    } == {name: count for name, count in ledger.details.items() if name.startswith("llm")}
    assert [
        ("llm.first_token", 0, 30 * MS, "gpt-4o"),
        ("llm.stream", 30 * MS, 39 * MS, "gpt-4o"),
    ] == [span for span in ledger.spans if span[0].startswith("llm")][:2]


@pytest.mark.parametrize(("chunks_read", "tokens"), [(0, 1), (1, 1), (2, 1), (3, 5), (99, 10)])
def test_a_stream_left_early_costs_less(chunks_read: int, tokens: int) -> None:
    """Billed is what was sent when the client went away: the first token, if it read none."""

    async def main(loop: SimLoop, world: World) -> tuple[int, list[int]]:
        world.llm.script(llm.text("abcdefghij", tokens=10))
        stream = await world.ask(stream=True)
        for _ in range(chunks_read):
            await anext(stream, None)
        await stream.close()
        return world.ledger.counts["llm_tokens_out"], world.ledger.lengths("llm.stream")

    spent_ns = {1: 0, 5: 4 * MS, 10: 9 * MS}[tokens]
    assert (tokens, [spent_ns]) == run(main)


def test_calls_that_hold_a_connection() -> None:
    """A call made while the request holds a database connection is counted apart."""

    async def main(loop: SimLoop, world: World) -> tuple[int, int]:
        state: RequestState
        with request_scope(1) as state:
            await world.ask()
            state.connections_held = 1
            await world.ask()
        counts = world.ledger.counts
        return counts["llm_calls"], counts["llm_calls_holding_db"]

    assert (2, 1) == run(main)


def test_tokens_per_chunk() -> None:
    """Chunks without tokens are refused."""
    with pytest.raises(ConfigError, match="tokens_per_chunk=0"):
        World(tokens_per_chunk=0)


def test_openai_over_a_user_s_routes() -> None:
    """openai's client speaks httpx2, which respx does not patch: routes reach it all the same."""

    async def main(loop: SimLoop, world: World) -> tuple[str, int]:
        route = world.http.router.post("http://other.sim/v1/chat/completions")
        message = {"role": "assistant", "content": "mocked"}
        route.respond(json={"id": "1", "choices": [{"index": 0, "message": message}]})
        answer = await world.client.with_options(
            base_url="http://other.sim/v1"
        ).chat.completions.create(model="m", messages=ASK)
        return answer.choices[0].message.content or "", loop.now_ns

    assert ("mocked", 20 * MS) == run(main)
