"""Known faults of naive designs, at work: each claim is kept by ours, and broken by the naive one."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Self

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent_perf import World, scenario
from agent_perf.components import (
    Agent,
    ErrorCategory,
    Event,
    EventBatcher,
    Message,
    Metrics,
    Question,
    RequestError,
    Talker,
    Tool,
    categorize,
    prometheus_text,
)
from agent_perf.load import Constant
from agent_perf.sim import SimLoop, simulate
from agent_perf.suite import Ask, Request, Scenario, run_scenario
from benchmarks import naive_requests
from tests.components.naive_claims import only_ours_keeps


def test_a_histogram_has_buckets() -> None:
    """
    What is declared as a histogram has cumulative buckets, a sum and a count, as an
    independent parser reads them: quantiles can be had over all processes.
    """
    metrics = Metrics(namespace="shop")
    latency = metrics.histogram("latency", "Requests.", unit="seconds")
    for n in range(100):
        latency.observe(0.001 * n)
    ours = prometheus_text(metrics.collect())
    naive = (
        "# HELP shop_latency_seconds Requests.\n# TYPE shop_latency_seconds histogram\n"
        "shop_latency_seconds 0.099\n"
    )

    def claim(text: str) -> None:
        families = {one.name: one for one in text_string_to_metric_families(text)}
        samples = families["shop_latency_seconds"].samples
        buckets = [one.value for one in samples if one.name == "shop_latency_seconds_bucket"]
        names = Counter(one.name for one in samples)
        assert buckets == sorted(buckets)
        assert 100 == buckets[-1]
        assert 1 == names["shop_latency_seconds_sum"] == names["shop_latency_seconds_count"]

    def checked(text: str) -> None:
        try:
            claim(text)
        except (ValueError, KeyError, IndexError) as error:
            raise AssertionError(str(error)) from error

    only_ours_keeps(checked, naive=naive, ours=ours)


@scenario("naive.half_fail", users=(1,), requests=40, think=None)
async def half_fail(world: World) -> AsyncIterator[Request]:
    async def request(ask: Ask) -> None:
        await asyncio.sleep(1.0 if ask.index % 2 else 0.1)
        if ask.index % 2:
            raise ConnectionError("gone")

    yield request


def test_failed_requests_are_in_the_latencies() -> None:
    """
    Half of the requests fail after a second: the P95 of what people waited is a second.
    """
    run = run_scenario(half_fail, 1, commit="x")

    def naive() -> Sequence[int]:
        return [ns for ns in run.latency_ns if ns < 500_000_000]

    def claim(latencies_ns: Callable[[], Sequence[int]]) -> None:
        ordered = sorted(latencies_ns())
        assert 1_000_000_000 == ordered[math.ceil(len(ordered) * 0.95) - 1]

    only_ours_keeps(claim, naive=naive, ours=lambda: run.latency_ns)


def stalling(load: Constant | None) -> Scenario:
    """Return a scenario whose system answers in 10 ms, and stands still for five seconds once."""

    async def build(world: World) -> AsyncIterator[Request]:
        async def request(ask: Ask) -> None:
            now_s = world.now_s()
            stall_s = 15.0 - now_s if 10.0 <= now_s < 15.0 else 0.0
            await asyncio.sleep(stall_s + 0.01)

        yield request

    options = {"load": load} if load else {"users": (1,), "requests": 1_000, "think": None}
    return scenario("naive.stalling", warmup=0, **options)(build)


def test_an_open_load_sees_a_stall() -> None:
    """
    A system that stands still for 5 of 20 seconds makes a fifth of its requests wait over a
    second. Users who wait for their answer before they ask again notice one slow request in
    a thousand: that is a closed loop, and no concurrency.
    """

    def claim(load: Constant | None) -> None:
        run = run_scenario(stalling(load), 1, commit="x")
        slow = sum(ns > 1_000_000_000 for ns in run.latency_ns)
        assert slow > 0.15 * len(run.latency_ns)

    only_ours_keeps(claim, naive=None, ours=Constant(rate_hz=50, for_s=20))


Handle = Callable[[Exception], str]


def naive_handling(error: Exception) -> str:
    # "handled", for something was caught.
    return "handled"


def our_handling(error: Exception) -> str:
    return "a bug" if categorize(error) is ErrorCategory.INTERNAL else "handled"


@pytest.mark.parametrize("bug", [KeyError("user"), AttributeError("x"), ZeroDivisionError()])
def test_a_bug_is_not_an_error_handled(bug: Exception) -> None:
    """
    A time-out is foreseen; a bug that comes out instead is not, and counts as one.
    """

    def claim(handle: Handle) -> None:
        assert "handled" == handle(TimeoutError())
        assert "a bug" == handle(bug)

    only_ours_keeps(claim, naive=naive_handling, ours=our_handling)


def test_an_agent_tells_its_bugs(caplog: pytest.LogCaptureFixture) -> None:
    """
    An agent whose model has a bug fails as INTERNAL, in its errors and its statistics.
    """

    async def broken(messages: Sequence[Message], tools: Sequence[Tool], /) -> str:
        raise KeyError("user")

    agent = Agent(Talker(broken))
    with pytest.raises(RequestError) as caught:
        simulate(lambda _: agent.ask(Question(text="hello")))

    assert ErrorCategory.INTERNAL is caught.value.category
    assert {ErrorCategory.INTERNAL: 1} == dict(agent.stats().errors)


class NaiveBatcher:
    """Sends ten at a time; what is left at the end is nobody's."""

    def __init__(self, send: Callable[[Sequence[Event]], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: list[Event] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()

    def publish(self, channel: str, name: str, data: object) -> None:
        self._waiting.append(Event(channel=channel, name=name, data=str(data)))
        if len(self._waiting) >= 10:
            batch, self._waiting = self._waiting, []
            self._tasks.add(asyncio.ensure_future(self._send(batch)))


def test_no_event_is_lost_at_shutdown() -> None:
    """
    Of 25 events all 25 arrive, though the batcher is closed at once.
    """

    def claim(kind: type[NaiveBatcher | EventBatcher]) -> None:
        arrived: list[str] = []

        async def send(events: Sequence[Event]) -> None:
            await asyncio.sleep(0.1)
            arrived.extend(event.name for event in events)

        async def main(_: SimLoop) -> None:
            async with kind(send) as batcher:
                for n in range(25):
                    batcher.publish("chat-1", f"event-{n}", {})
                await asyncio.sleep(0)

        simulate(main)
        assert [f"event-{n}" for n in range(25)] == arrived

    only_ours_keeps(claim, naive=NaiveBatcher, ours=EventBatcher)


def counted(one: Scenario, name: str) -> float:
    run = run_scenario(one, 1, commit="x")
    return run.counts.get(name, 0) / len(run.latency_ns)


@pytest.mark.parametrize(
    ("naive", "ours", "count", "at_most"),
    [
        ("rows_one_by_one", "rows_together", "db_statements", 1),
        ("connection_each", "connection_kept", "redis_connects", 0.1),
        ("holding", "releasing", "llm_calls_holding_db", 0),
        ("delete_one_by_one", "delete_in_batches", "redis_trips", 5),
    ],
)
def test_a_request_does_no_more_than_it_must(
    naive: str, ours: str, count: str, at_most: float
) -> None:
    """
    One statement for a list, no connection of its own, none held while a model thinks, and
    a few round trips for two hundred keys.
    """

    def claim(name: str) -> None:
        assert counted(getattr(naive_requests, name), count) <= at_most

    only_ours_keeps(claim, naive=naive, ours=ours)


def test_tools_that_are_independent_run_together() -> None:
    """
    Five tools take as long as the slowest: less than two of them in turn.
    """

    def claim(one: Scenario) -> None:
        ordered = sorted(run_scenario(one, 1, commit="x").latency_ns)
        assert ordered[len(ordered) // 2] < 25_000_000

    only_ours_keeps(claim, naive=naive_requests.tools_in_turn, ours=naive_requests.tools_together)
