from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import Tool, ToolCall
from agent_perf.components.tools import run_together, run_tools
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


async def opaque() -> object:
    return object()


TOOLS = {
    name: tool(name, call)
    for name, call in (("search", search), ("crash", crash), ("hang", hang), ("opaque", opaque))
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
        ("search", '{"sql": 1}', "unexpected keyword argument 'sql'"),
        ("crash", "{}", "ZeroDivisionError: by zero"),
        ("hang", "", "TimeoutError: no result within 5.0 s"),
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
