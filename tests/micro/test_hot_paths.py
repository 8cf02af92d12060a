"""
Paths that every request takes many times, each as a test and, with ``tox -e micro``, timed.

They import nothing from the other tests: today's files are run on the code of either side.
"""

from __future__ import annotations

import asyncio
import math

from pytest_benchmark.fixture import BenchmarkFixture

from agent_perf import codec
from agent_perf.components.cache import MemoryCache
from agent_perf.components.metrics import Histogram
from agent_perf.components.store import Serializer
from agent_perf.records import DuetRun, Environment, Run, Verdict
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.draws import Draws
from agent_perf.stats import judge_duets, summarize

_ENTRIES = 1_000
_PROFILE = {f"field-{index}": "x" * 40 for index in range(40)}
_RUN = Run(
    scenario="agent.chat",
    users=50,
    seed=1,
    commit="c" * 40,
    environment=Environment(python="3.11", harness="a" * 40, scenario="b" * 40),
    latency_ns=tuple(1_000_000 + 7_919 * (index % 97) for index in range(400)),
    path=tuple("hit" if index % 3 else "miss" for index in range(400)),
    errors={},
    duration_ns=2_000_000_000,
    counts={"redis_trips": 800, "llm_calls": 133},
    details={},
    operations={},
    exemplar=None,
    trace_digest="0" * 32,
)


def _cache(policy: str) -> MemoryCache[int]:
    entries: MemoryCache[int] = MemoryCache(
        entries_max=_ENTRIES,
        ttl_s=3600.0,
        policy=policy,  # type: ignore[arg-type]
    )
    for key in range(_ENTRIES):
        entries.set(key, key)
    return entries


def test_cache_hit(benchmark: BenchmarkFixture) -> None:
    """
    A hit of the in-process cache gives the value.
    """
    assert 500 == benchmark(_cache("lru").get, 500)


def test_cache_hit_by_frequency(benchmark: BenchmarkFixture) -> None:
    """
    A hit gives the value under the other policy, too.
    """
    assert 500 == benchmark(_cache("tiny_lfu").get, 500)


def test_cache_set(benchmark: BenchmarkFixture) -> None:
    """
    A key that is set again has its new value.
    """
    entries = _cache("lru")
    benchmark(entries.set, 500, 501)

    assert 501 == entries.get(500)


def test_serializer_dumps(benchmark: BenchmarkFixture) -> None:
    """
    A profile of some 2 KB becomes bytes that give it back.
    """
    serializer: Serializer[dict[str, str]] = Serializer(dict[str, str])

    assert _PROFILE == serializer.loads(benchmark(serializer.dumps, _PROFILE))


def test_serializer_loads(benchmark: BenchmarkFixture) -> None:
    """
    The bytes of a profile give it back.
    """
    serializer: Serializer[dict[str, str]] = Serializer(dict[str, str])

    assert _PROFILE == benchmark(serializer.loads, serializer.dumps(_PROFILE))


def test_histogram_observe(benchmark: BenchmarkFixture) -> None:
    """
    What is observed is counted.
    """
    latency = Histogram()
    benchmark(latency.observe, 0.012)

    assert latency.snapshot().count > 0
    assert math.isclose(0.012, latency.snapshot().max)


def test_draw(benchmark: BenchmarkFixture) -> None:
    """
    A draw for one operation of one request is the same each time.
    """
    draws = Draws(1)
    drawn = benchmark(draws.u53_for, "redis.trip", 7)

    assert drawn == Draws(1).u53_for("redis.trip", 7)


def test_virtual_loop(benchmark: BenchmarkFixture) -> None:
    """
    A hundred tasks that sleep ten times each end at their virtual time.
    """

    async def sleeper(index: int) -> None:
        for _ in range(10):
            await asyncio.sleep(0.001 * (index + 1))

    async def all_of_them(loop: SimLoop) -> float:
        await asyncio.gather(*(sleeper(index) for index in range(100)))
        return loop.time()

    assert math.isclose(1.0, benchmark(simulate, all_of_them))


def test_summarize(benchmark: BenchmarkFixture) -> None:
    """
    A run of 400 requests comes to its metrics.
    """
    names = {metric.name for metric in benchmark(summarize, _RUN)}

    assert {"latency.p95", "latency.hit.p95", "work.redis_trips"} <= names


def test_run_through_the_codec(benchmark: BenchmarkFixture) -> None:
    """
    A run is what it was after it was a file.
    """
    assert _RUN == benchmark(lambda: codec.load_run(codec.dump_run(_RUN), "here"))


def test_judge_duets(benchmark: BenchmarkFixture) -> None:
    """
    Twelve rounds of equal code are unchanged.
    """
    times = tuple(1e-6 + 1e-9 * (index * 5 % 12) for index in range(12))
    duet = DuetRun(
        benchmark="a",
        metric="cpu.median",
        unit="s",
        base=times,
        head=times[::-1],
        calls_per_round=9,
    )

    judged = benchmark(judge_duets, [duet], [0.15])

    assert [Verdict.UNCHANGED] == [one.verdict for one in judged.comparisons]
