import asyncio
import time

import pytest

from agent_perf import scenario
from agent_perf.errors import BrokenError, RealWorldAccess
from agent_perf.sim import ExecutorPolicy
from agent_perf.suite import Scenario, run_scenario


@scenario("shop.answer", users=(1, 5), requests=100, think=None)
async def answers(world):
    async def request(ask):
        await world.tool("look up")
        return "hit" if ask.index % 2 else "miss"

    yield request


def test_one_simulation_gives_latencies_counts_and_spans() -> None:
    """A run holds everything that was measured, for every request."""
    run = run_scenario(answers, 5, commit="worktree")

    assert "shop.answer@5" == run.benchmark
    assert 100 == len(run.latency_ns)
    assert {"tool_calls": 100} == run.counts
    assert sum(run.latency_ns) == run.operations["tool.call"].critical_ns
    assert {"hit", "miss"} == set(run.path)


def test_runs_are_bit_identical() -> None:
    """The same scenario twice gives the same run, to the last bit of its trace."""
    assert run_scenario(answers, 5, commit="x") == run_scenario(answers, 5, commit="x")


def test_requests_are_paired_across_loads_by_their_id() -> None:
    """A draw depends on the request's id alone, so loads without queues agree."""
    one, five = (run_scenario(answers, users, commit="x") for users in (1, 5))

    assert one.latency_ns == five.latency_ns


def test_requests_are_shared_out_rounded_up() -> None:
    """Seven users share 100 requests as 15 each."""
    assert 105 == len(run_scenario(answers, 7, commit="x").latency_ns)


def test_a_request_returns_a_word_or_nothing() -> None:
    """A number in the place of the path label is refused, NaN included."""

    @scenario("shop.wrong", requests=1)
    async def wrong(world):
        async def request(ask):
            return float("nan")

        yield request

    with pytest.raises(BrokenError, match="a request returned nan; want None, or a word"):
        run_scenario(wrong, 1, commit="x")


def test_teardown_counts() -> None:
    """What a system still does when it closes, as flushing a last batch, is part of the run."""

    @scenario("shop.late", requests=10, think=None)
    async def late(world):
        async def request(ask):
            await asyncio.sleep(0.001)

        yield request
        world.witness.count("event_requests")

    assert {"event_requests": 1} == run_scenario(late, 1, commit="x").counts


def test_sync_work_runs_on_modelled_workers_where_the_scenario_says_so() -> None:
    """`executor="inline"` lets a thread's sleep take virtual time; otherwise it is refused."""

    def declare(executor: ExecutorPolicy) -> Scenario:
        @scenario("a.b", users=(1,), requests=1, think=None, executor=executor)
        async def sync(world):
            async def request(ask):
                await asyncio.to_thread(time.sleep, 0.25)

            yield request

        return sync

    assert (250_000_000,) == run_scenario(declare("inline"), 1, commit="x").latency_ns
    with pytest.raises(RealWorldAccess, match="@scenario"):
        run_scenario(declare("refuse"), 1, commit="x")
