"""What is seen of the tools that the model calls, and times that a script says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent_perf import World, scenario
from agent_perf.errors import ConfigError
from agent_perf.sim import llm
from agent_perf.suite import run_scenario

_TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "find")
]


def _run(world_first: Any, tool_s: float = 0.0) -> Any:
    """Return the run of an agent loop of one user, who does not think."""

    @scenario("a.b", users=(1,), requests=3, think=None)
    async def loop(world: World) -> Any:
        client = world.llm.openai(max_retries=0)
        await world_first(world)

        async def request(ask: Any) -> None:
            messages: list[Any] = [{"role": "user", "content": "?"}]
            for _ in range(2):
                reply = await client.chat.completions.create(
                    model="gpt-4o-mini", messages=messages, tools=_TOOLS
                )
                message = reply.choices[0].message
                messages.append(message.model_dump(exclude_none=True))
                for call in message.tool_calls or ():
                    await asyncio.sleep(tool_s)
                    messages.append({"role": "tool", "tool_call_id": call.id, "content": "x"})

        yield request

    return run_scenario(loop, 1, commit="worktree")


def _script(world: World, *calls: Any) -> None:
    world.llm(calls, llm.text("Done.", tokens=3, ttft="20ms", itl="5ms"))


def test_times_of_a_script_are_exact() -> None:
    """The first token after 20 ms, each further one 5 ms later, whatever is drawn."""

    async def first(world: World) -> None:
        world.llm(llm.text("One. ", tokens=3, ttft="20ms", itl=0.005))

    run = _run(first)

    # Twice the same answer; the connection is there since the warm-up.
    assert {2 * (20 + 10) * 1_000_000} == set(run.latency_ns)


def test_a_declared_tool_takes_its_time_once() -> None:
    """Two calls together take the longer latency; what the tool did itself counts towards it."""

    async def first(world: World) -> None:
        _script(world, llm.call_tool("look"), llm.call_tool("find"))
        world.tool("look", latency="40ms")
        world.tool("find", latency="90ms")

    idle, busy, slow = (_run(first, tool_s) for tool_s in (0.0, 0.020, 0.100))

    assert 2 == idle.most["tool_calls"]
    assert idle.latency_ns == busy.latency_ns
    # Twice 100 ms of its own are more than any latency: nothing is added.
    assert {110_000_000} == {
        later - sooner for later, sooner in zip(slow.latency_ns, idle.latency_ns, strict=True)
    }


def test_a_tool_that_is_awaited_is_the_scenarios_own() -> None:
    """It takes just its latency, and its result is not counted again."""

    async def first(world: World) -> None:
        _script(world, llm.call_tool("look"))
        await world.tool("look", latency="40ms")

    run = _run(first)

    assert "tool_calls" not in run.most
    assert run.latency_ns == _run(_only_script).latency_ns


async def _only_script(world: World) -> None:
    _script(world, llm.call_tool("look"))


def test_a_latency_that_is_none_is_refused() -> None:
    """With the value, and what would do."""

    async def first(world: World) -> None:
        world.tool("look", latency="fast")

    with pytest.raises(ConfigError, match=r"world.tool\('look'\): latency: duration 'fast'"):
        _run(first)


@pytest.mark.parametrize("arguments", [{"ttft": "soon"}, {"itl": -1}, {"ttft": True}])
def test_a_script_with_no_time_is_refused(arguments) -> None:
    """When it is written."""
    with pytest.raises(ConfigError, match="llm.text: (ttft|itl)"):
        llm.text("x", **arguments)
