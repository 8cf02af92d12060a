"""
Observing a backend, and its start and stop: metrics, their page, spans.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, per_call
from agent_perf.components import (
    LATENCY_BOUNDS_S,
    Agent,
    AgentMetrics,
    Backend,
    Counter,
    Histogram,
    Labelled,
    MemoryCache,
    Message,
    Metrics,
    Question,
    Talker,
    Tool,
    Tracing,
    openmetrics_text,
    prometheus_text,
)
from agent_perf.suite import Ask, Request

CALLS = 10_000
SERIES = 1_000
PAGES = 10
PARTS = 10
ASKS = 200


@scenario("backend.start", requests=300, targets={"latency.p95": 0.150})
async def start(world: World) -> AsyncIterator[Request]:
    """A backend of four parts, from nothing until it is ready, and stopped again."""
    async with world.redis.client() as client:

        async def request(ask: Ask) -> None:
            backend = Backend(clock=world.now_s)
            backend.part("redis", start=client.ping, critical=False)
            backend.part("database", start=lambda: world.sleep("db.connect"))
            backend.part("schema", start=lambda: world.sleep("db.statement"), needs=("database",))
            backend.part("agent", needs=("redis", "schema"), critical=False)
            async with backend:
                assert (await backend.health()).is_ready

        yield request


class BackendStart(ScenarioBenchmark):
    scenario = start
    counts = ("redis_trips",)

    def setup_cache(self) -> Cache:
        return self.measure()


@cache
def _latencies_s() -> tuple[float, ...]:
    # Spread as latencies are, over two decades, by a fixed recurrence.
    state, found = 1, []
    for _ in range(CALLS):
        state = state * 48271 % 2147483647
        found.append(0.001 * 100.0 ** (state / 2147483647))
    return tuple(found)


@cache
def _histogram() -> Histogram:
    histogram = Histogram(bounds=LATENCY_BOUNDS_S)
    for value in _latencies_s():
        histogram.observe(value)
    return histogram


@cache
def _requests() -> Labelled[Counter]:
    return _metrics().counter("requests", "Requests.", labels=("agent", "path"))


@cache
def _metrics() -> Metrics:
    metrics = Metrics(namespace="shop", series_max=2 * SERIES)
    requests = metrics.counter("requests", "Requests.", labels=("agent", "path"))
    for index in range(SERIES):
        requests.of(f"agent-{index}", "hit").inc(index)
    return metrics


class Counting:
    """Counters and histograms; CPU time per update."""

    @per_call(CALLS)
    def time_count(self) -> None:
        inc = Counter().inc
        for _ in range(CALLS):
            inc()

    @per_call(CALLS)
    def time_count_by_labels(self) -> None:
        of = _requests().of
        for _ in range(CALLS):
            of("agent-17", "hit").inc()

    @per_call(CALLS)
    def time_observe(self) -> None:
        observe = _histogram().observe
        for value in _latencies_s():
            observe(value)

    @per_call(CALLS)
    def time_observe_without_bounds(self) -> None:
        observe = Histogram().observe
        for value in _latencies_s():
            observe(value)

    def peakmem_1_000_histograms(self) -> None:
        for _ in range(SERIES):
            histogram = Histogram(bounds=LATENCY_BOUNDS_S)
            for value in _latencies_s()[:100]:
                histogram.observe(value)


class Telling:
    """What is read out; CPU time per page, or per reading."""

    @per_call(PAGES)
    def time_prometheus_1_000_series(self) -> None:
        for _ in range(PAGES):
            prometheus_text(_metrics().collect())

    @per_call(PAGES)
    def time_openmetrics_1_000_series(self) -> None:
        for _ in range(PAGES):
            openmetrics_text(_metrics().collect())

    @per_call(PAGES)
    def time_four_quantiles(self) -> None:
        histogram = _histogram()
        for _ in range(PAGES):
            histogram.observe(0.01)
            histogram.snapshot().quantiles(0.5, 0.9, 0.95, 0.99)


class Tracer:
    """A span that nobody records; CPU time of one."""

    @per_call(CALLS)
    def time_span(self) -> None:
        tool = Tracing().tool
        for _ in range(CALLS):
            with tool("search"):
                pass


class Life:
    """A backend of ten parts in a chain that cost nothing; CPU time per start and stop."""

    @per_call(PAGES)
    def time_start_and_stop(self) -> None:
        async def nothing() -> None:
            pass

        async def calls() -> None:
            for _ in range(PAGES):
                backend = Backend()
                for index in range(PARTS):
                    needs = (f"part-{index - 1}",) if index else ()
                    backend.part(f"part-{index}", start=nothing, stop=nothing, needs=needs)
                async with backend:
                    pass

        drive(calls())

    @per_call(CALLS)
    def time_request(self) -> None:
        async def calls() -> None:
            async with Backend() as backend:
                request = backend.request
                for _ in range(CALLS):
                    with request():
                        pass

        drive(calls())


async def _parrot(messages: Sequence[Message], tools: Sequence[Tool], /) -> str:
    return messages[-1].content


@cache
def _agent() -> Agent:
    return Agent(Talker(_parrot), cache=MemoryCache[str](ttl_s=3600.0))


_QUESTION = Question(text="How do refunds work?", user_id="17")


class Watching:
    """A cached answer by itself, and as a backend counts it; CPU time per request."""

    @per_call(ASKS)
    def time_hit(self) -> None:
        async def calls() -> None:
            for _ in range(ASKS):
                await _agent().ask(_QUESTION)

        drive(calls())

    @per_call(ASKS)
    def time_hit_counted(self) -> None:
        async def calls() -> None:
            agents = AgentMetrics()
            async with Backend() as backend:
                for _ in range(ASKS):
                    with backend.request():
                        agents.add_answer("support", await _agent().ask(_QUESTION))

        drive(calls())
