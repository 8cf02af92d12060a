"""What work costs in real time, and how far predictions are off."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf import World, scenario
from agent_perf.errors import TooFewSamplesError, UsageError
from agent_perf.load import Constant, Poisson
from agent_perf.records import LatencySummary, LoadRun, Tier
from agent_perf.sim import CpuCosts, CpuMode, llm
from agent_perf.suite import Ask, Request, run_load
from agent_perf.suite.prediction import (
    Fit,
    Groundwork,
    Observed,
    Pair,
    PredictionPlan,
    Watcher,
    errors_at,
    fit_costs,
    paths_of,
    tables_from,
)
from agent_perf.suite.runner import run_scenario

_PRIOR = CpuCosts(ns={"llm_calls": 800}, ns_per_kib={"bytes_sent": 130, "json": 9}, ns_per_call=7)


def _asked(path: str, *work: tuple[str, int, int]) -> Observed:
    """Return a request of *work*: its name, how much of it, and the CPU time that led to it."""
    return Observed(
        path=path,
        cpu_ns=sum(ns for _, _, ns in work),
        counts={name: amount for name, amount, _ in work},
        spent_ns={name: ns for name, _, ns in work},
    )


def test_work_costs_what_led_to_it() -> None:
    """A cost is the time before it is counted, by its amount; bytes are in what carries them."""
    requests = [_asked("hit", ("requests", 1, 100))] * 15
    # Of the 230 before its end, 130 are more than a request's own code takes.
    miss = (("llm_calls", 1, 800), ("llm_tokens_out", 8, 370), ("requests", 1, 230))
    requests += [_asked("miss", *miss)] * 5
    fit = fit_costs(requests, _PRIOR)

    assert {"llm_calls": 889, "llm_tokens_out": 51, "requests": 100} == fit.costs.ns
    assert {"bytes_sent": 0, "json": 0} == fit.costs.ns_per_kib
    assert 7 == fit.costs.ns_per_call
    assert (100, 100) == fit.paths["hit"]
    assert fit.paths["miss"] == (1_400, pytest.approx(1_400, abs=5))
    assert (15 * 100 + 5 * 1_400) / 20 == fit.mean_ns


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["db_statements", "llm_calls", "redis_trips", "requests"]),
            st.tuples(st.integers(1, 9), st.integers(0, 10**7)),
            min_size=1,
        ),
        min_size=20,
        max_size=60,
    )
)
def test_the_sum_is_met(rows) -> None:
    """Whatever requests took, the costs say as much in sum: that is what keeps a loop busy."""
    requests = [_asked("x", *((name, *work) for name, work in row.items())) for row in rows]
    fit = fit_costs(requests, _PRIOR)
    said = sum(fit.costs.of(name, n) for one in requests for name, n in one.counts.items())

    # Each cost is a whole number of ns.
    assert said == pytest.approx(sum(one.cpu_ns for one in requests), abs=40 * len(rows))


def test_few_requests_teach_nothing() -> None:
    """Costs from a handful would be chance."""
    with pytest.raises(TooFewSamplesError, match="19 requests.*at least 20"):
        fit_costs([_asked("x", ("requests", 1, 1))] * 19, _PRIOR)


def test_a_watcher_reads_the_time_at_each_count() -> None:
    """CPU time belongs to the work that it leads to; the warm-up's to nobody."""
    now = [0]
    watcher = Watcher(lambda: now[0])

    def at(cpu_ns: int, *event: object) -> None:
        now[0] = cpu_ns
        watcher.event(0, *event)

    at(5, "begin", -2, 0)
    at(50, "redis_trips", 1, "GET")
    at(90, "end", -2, "miss", None)
    at(1000, "begin", 0, 0)
    at(1010, "redis_trips", 1, "GET")
    at(1015, "bytes_sent", 40, "GET")
    at(1030, "redis.trip", 500, 800, "")
    at(1100, "end", 0, "hit", None)
    # What is left to the background is the next one's.
    at(1150, "db_statements", 2, "")
    at(1200, "begin", 1, 0)
    at(1300, "db_statements", 1, "")
    at(1400, "end", 1, "miss", None)

    hit, miss = watcher.requests
    assert ("hit", 100) == (hit.path, hit.cpu_ns)
    assert {"redis_trips": 10, "requests": 90} == hit.spent_ns
    assert {"redis_trips": 1, "bytes_sent": 40, "requests": 1} == hit.counts
    assert ("miss", 300) == (miss.path, miss.cpu_ns)
    assert {"db_statements": 200, "requests": 100} == miss.spent_ns
    assert {"db_statements": 3, "requests": 1} == miss.counts
    # 300 ns passed, of which 20 were our own.
    assert {"redis.trip": [280]} == watcher.waits_ns
    assert not watcher.failures


def test_a_watcher_tells_of_failures() -> None:
    """Costs of requests that failed are others'; the warm-up's failures are nobody's."""
    watcher = Watcher(lambda: 0)
    for number, error in ((-2, "Early"), (0, None), (1, "ValueError"), (2, "ValueError")):
        watcher.event(0, "begin", number, 0)
        watcher.event(0, "end", number, "", error)

    assert {"ValueError": 2} == watcher.failures


def test_waits_become_tables() -> None:
    """Many waits give their quantiles, a few their median; what the simulation lacks, nothing."""
    tables = tables_from(
        {
            "redis.trip": list(range(1_000, 101_000, 1_000)),
            "db.connect": [5, 7, 900],
            "pigeon.post": [1] * 100,
        }
    )

    assert {"redis.trip", "db.connect"} == tables.keys()
    assert (1_000, 100_000) == (tables["redis.trip"].value_ns[0], tables["redis.trip"].value_ns[-1])
    assert {7} == set(tables["db.connect"].value_ns)


def _run(template: LoadRun, p95_ms: int, **paths: int) -> LoadRun:
    def summary(ms: int) -> LatencySummary:
        return LatencySummary(
            count=100, p50_ns=ms * 500_000, p95_ns=ms * 1_000_000, p99_ns=ms * 2_000_000
        )

    return replace(
        template,
        latency=summary(p95_ms),
        duration_ns=10**10,
        paths={name: summary(ms) for name, ms in paths.items()},
    )


@scenario("prediction.sleep")
async def _sleep(world: World) -> AsyncIterator[Request]:
    """Ten milliseconds, and nothing else."""

    async def request(ask: Ask) -> str:
        await asyncio.sleep(0.010)
        return "done"

    yield request


@pytest.fixture(scope="module")
def template() -> LoadRun:
    """A run whose figures are exchanged."""
    return run_load(_sleep, Poisson(rate_hz=5, for_s=2))


def test_errors_are_medians_of_pairs(template: LoadRun) -> None:
    """Each round is compared with its own prediction; the middle one counts, and the ends are told."""
    pairs = [
        Pair(live=_run(template, live), virtual=_run(template, said), busy_ratio=0.5)
        for live, said in ((100, 105), (200, 180), (100, 101))
    ]
    found = errors_at(20.0, 40.0, pairs)
    p95 = found.predictions["p95"]

    assert 0.5 == found.knee_ratio == found.busy_ratio
    assert p95.error_ratio == pytest.approx(0.01)
    assert (p95.error_low, p95.error_high) == (pytest.approx(-0.1), pytest.approx(0.05))
    assert (0.1, 0.1, 0.2) == (p95.live, p95.live_low, p95.live_high)
    assert 0.0 == found.predictions["throughput"].error_ratio


def test_paths_are_compared_by_name(template: LoadRun) -> None:
    """All requests, then each path that both runs have."""
    found = paths_of(_run(template, 100, hit=2, odd=1), _run(template, 90, hit=3))

    assert ["", "hit"] == [one.path for one in found]
    assert found[0].error_ratio("p95") == pytest.approx(-0.1)
    assert found[1].error_ratio("p95") == pytest.approx(0.5)


def test_a_request_is_charged_for() -> None:
    """What a request's own code costs passes in virtual time before its work begins."""
    costs = CpuCosts(ns={"requests": 7_000_000}, ns_per_kib={}, ns_per_call=0)
    run = run_load(_sleep, Poisson(rate_hz=1, for_s=9), cpu=CpuMode.OPERATIONS, costs=costs)

    assert 17_000_000 == run.latency.p50_ns


def test_a_request_of_a_run_is_charged_for_too(tmp_path: Path) -> None:
    """As in a load: by the file of costs beside the scenario."""
    costs = CpuCosts(ns={"requests": 7_000_000}, ns_per_kib={}, ns_per_call=0)
    (tmp_path / "cpu_costs.json").write_bytes(msgspec.json.encode(costs))
    source = tmp_path / "mine.py"
    source.touch()
    priced = replace(_sleep, source=source, cpu=CpuMode.OPERATIONS, requests=9)

    run = run_scenario(priced, 1, commit="c")

    assert {17_000_000} == set(run.latency_ns)


_ORDER: list[str] = []


@scenario("prediction.order")
async def _ordered(world: World) -> AsyncIterator[Request]:
    """Requests that tell when they are made."""

    async def request(ask: Ask) -> str:
        _ORDER.append("asked" if ask.index >= 0 else "warm-up")
        return "done"

    yield request


@pytest.mark.parametrize("is_live", [True, False])
def test_garbage_of_before_is_collected_before_real_time_counts(is_live: bool) -> None:
    """Else a run waits a tenth of a second for what it, or the run before, prepared with."""
    _ORDER.clear()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            _ORDER.append("collected")

    gc.callbacks.append(note)
    try:
        tier = Tier.LIVE if is_live else Tier.CLIENT
        run_load(_ordered, Constant(rate_hz=100, for_s=0.05), users=1, tier=tier)
    finally:
        gc.callbacks.remove(note)

    between = _ORDER[_ORDER.index("warm-up") : _ORDER.index("asked")]
    assert is_live == ("collected" in between)


@scenario("prediction.stream")
async def _stream(world: World) -> AsyncIterator[Request]:
    """Nine tokens, in chunks of one, four and four, each token 2 ms after the one before."""
    world.llm.script(llm.text(tokens=9, ttft=0.010, itl=0.002))
    async with world.llm.openai() as client:

        async def request(ask: Ask) -> str:
            stream = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], stream=True
            )
            async for _ in stream:
                pass
            return "done"

        yield request


def test_tokens_are_worked_on_while_the_next_ones_come() -> None:
    """Only the last chunk's work makes an answer later; more work than there is time adds up."""

    def latency_ns(token_ns: int) -> int:
        costs = CpuCosts(ns={"llm_tokens_streamed": token_ns}, ns_per_kib={}, ns_per_call=0)
        shape = Poisson(rate_hz=1, for_s=5)
        return run_load(_stream, shape, cpu=CpuMode.OPERATIONS, costs=costs).latency.max_ns

    free_ns = latency_ns(0)

    assert 4_000_000 == latency_ns(1_000_000) - free_ns
    # From the second chunk on, 8 ms after the first, the work of 3 ms a token is all there is.
    assert 16_000_000 == latency_ns(3_000_000) - free_ns


@pytest.mark.parametrize(
    "wrong",
    [{"shares": ()}, {"shares": (0.0,)}, {"shares": (1.5,)}, {"requests": 5}, {"rounds": 0}],
)
def test_a_plan_has_bounds(wrong) -> None:
    """Rates lie below the limit, and medians want requests."""
    with pytest.raises(UsageError):
        PredictionPlan(**wrong)


def test_costs_follow_from_how_busy_a_loop_is() -> None:
    """
    At a share of the limit a loop is busy for as long as its work takes; at the limit, always.
    """
    costs = CpuCosts(ns={"requests": 1_000, "llm_tokens_out": 10}, ns_per_kib={}, ns_per_call=0)
    ground = Groundwork(
        scenario=_sleep,
        fit=Fit(costs=costs, mean_ns=1_000.0, paths={}, request_count=100),
        tables={},
        knee_hz=200.0,
        factors=((0.0, 1.0), (0.5, 0.75), (0.9, 0.7), (1.0, 0.5)),
        requests=100,
    )

    assert 0.875 == ground.factor_at(0.25)
    assert {"requests": 1_000, "llm_tokens_streamed": 10} == ground.costs.ns
    assert ((0.0, 1.0), (0.75, 0.75), (1.0, 0.5)) == ground.costs.busy
