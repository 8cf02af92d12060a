from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import Deadline, Tool, ToolCall, time_left_s
from agent_perf.components.agent.tools import run_together, run_tools
from agent_perf.sim import SimLoop, simulate


def tool(name: str, call: object) -> Tool:
    return Tool(name=name, description="", parameters={"type": "object"}, call=call)


async def search(query: str, limit: int = 3) -> dict[str, object]:
    await asyncio.sleep(1)
    return {"query": query, "limit": limit}


async def crash() -> None:
    raise ZeroDivisionError("by zero")


async def hang() -> None:
    await asyncio.sleep(3600)


async def lost() -> None:
    # What others gave up: nobody has cancelled the tool.
    pending = asyncio.get_running_loop().create_future()
    pending.cancel()
    await pending


async def opaque() -> object:
    return object()


TOOLS = {
    name: tool(name, call)
    for name, call in (
        ("search", search),
        ("crash", crash),
        ("hang", hang),
        ("lost", lost),
        ("opaque", opaque),
    )
}


def run(*calls: tuple[str, str]) -> tuple[list[tuple[str, str, bool]], float]:
    """Run tools by name and arguments; return id, content and failure of each, and the time."""

    async def main(loop: SimLoop) -> tuple[list[tuple[str, str, bool]], float]:
        requests = [
            ToolCall(id=str(number), name=name, arguments=arguments)
            for number, (name, arguments) in enumerate(calls)
        ]
        results = await run_tools(requests, TOOLS, timeout_s=5.0)
        rows = [
            (result.message.tool_call_id, result.message.content, result.failed)
            for result in results
        ]
        return rows, loop.time()

    return simulate(main)


def test_tools_run_at_the_same_time() -> None:
    """
    Three tools of a second each take one second, and answer in the order of the calls.
    """
    rows, now_s = run(
        ("search", '{"query":"a"}'),
        ("search", '{"query":"b","limit":1}'),
        ("search", '{"query":"c"}'),
    )

    assert [
        ("0", '{"query":"a","limit":3}', False),
        ("1", '{"query":"b","limit":1}', False),
        ("2", '{"query":"c","limit":3}', False),
    ] == rows
    assert 1.0 == now_s


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("delete_all", "{}", "there is no tool 'delete_all'"),
        ("search", '{"query": "a', "not a JSON object"),
        ("search", "[1]", "not a JSON object"),
        ("search", '{"query": ' + "[" * 100_000 + "]" * 100_000 + "}", "not a JSON object"),
        ("search", '{"sql": 1}', "unexpected keyword argument 'sql'"),
        ("crash", "{}", "ZeroDivisionError: by zero"),
        ("hang", "", "TimeoutError: no result within 5.0 s"),
        ("lost", "{}", "cancelled from within"),
        ("opaque", "{}", "object"),
    ],
)
def test_the_model_learns_what_was_wrong(name: str, arguments: str, said: str) -> None:
    """
    An unknown tool, broken JSON, wrong arguments, a crash, a time-out: each is told to the
    model in words, and the other tools' results are not lost.
    """
    (bad, good), _ = run((name, arguments), ("search", '{"query":"a"}'))

    assert bad[1].startswith("error: ")
    assert said in bad[1]
    assert bad[2]
    assert not good[2]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=8))
def test_reads_together_writes_in_order(calls: list[tuple[bool, int]]) -> None:
    """
    Whatever is asked for: a write begins when all before it is done, and nothing begins
    before it is; reads in between overlap; results come in the order of the calls.
    """
    spans: dict[int, tuple[float, float]] = {}

    async def work(number: int, seconds: int) -> int:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await asyncio.sleep(seconds)
        spans[number] = (begun_s, loop.time())
        return number

    tools = {
        name: Tool(name=name, description="", parameters={}, call=work, serial=name == "write")
        for name in ("read", "write")
    }

    async def main(loop: SimLoop) -> tuple[list[str], float]:
        requests = [
            ToolCall(
                id=str(number),
                name="write" if serial else "read",
                arguments=f'{{"number": {number}, "seconds": {seconds}}}',
            )
            for number, (serial, seconds) in enumerate(calls)
        ]
        results = await run_tools(requests, tools)
        return [result.message.content for result in results], loop.time()

    contents, ended_s = simulate(main)

    assert [str(number) for number in range(len(calls))] == contents
    expected_s, stage = 0.0, 0
    for number, (serial, seconds) in enumerate(calls):
        begun_s, done_s = spans[number]
        assert seconds == done_s - begun_s
        if serial:
            assert all(spans[before][1] <= begun_s for before in range(number))
            assert all(done_s <= spans[after][0] for after in range(number + 1, len(calls)))
            expected_s, stage = expected_s + stage + seconds, 0
        else:
            stage = max(stage, seconds)
    assert expected_s + stage == ended_s


def test_tools_know_how_long_they_have() -> None:
    """
    A tool can ask for the earlier of its time-out and the request's deadline.
    """
    told: list[float] = []

    async def ask() -> str:
        told.append(time_left_s())
        return "done"

    async def main(_: SimLoop) -> None:
        call = ToolCall(id="1", name="ask", arguments="")
        await run_tools([call], {"ask": tool("ask", ask)})
        await run_tools([call], {"ask": tool("ask", ask)}, timeout_s=5)
        async with Deadline(2):
            await run_tools([call], {"ask": tool("ask", ask)}, timeout_s=5)

    simulate(main)

    assert [math.inf, 5.0, 2.0] == told


def test_first_error_ends_the_others_and_keeps_its_class() -> None:
    """
    Of three parts the one that fails decides: its error comes out as it is, and the slow
    one is not waited for.
    """

    async def main(loop: SimLoop) -> float:
        with pytest.raises(ZeroDivisionError):
            await run_together([hang, crash, hang])
        return loop.time()

    assert 0.0 == simulate(main)
