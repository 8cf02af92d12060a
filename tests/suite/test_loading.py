"""Scenarios under a shape of load."""

import asyncio
import gc
from dataclasses import replace

import psutil
import pytest
from sqlalchemy import text

from agent_perf import scenario
from agent_perf.errors import ConfigError, SimulationError, UsageError
from agent_perf.load import Burst, Closed, Constant, Limits, Poisson, Soak, Spike
from agent_perf.records import Tier
from agent_perf.sim import Reply
from agent_perf.suite import CpuMode, run_load, run_scenario


@scenario("shop.queue", think=None, load=Poisson(rate_hz=20, for_s=30))
async def queue(world):
    """One clerk, who takes a tool call's time for each."""
    clerk = asyncio.Lock()

    async def request(ask):
        async with clerk:
            await world.tool("look up")
        return "served"

    yield request


@scenario("shop.other", think=None)
async def other(world):
    async def request(ask):
        world.witness.count("other_requests")
        if ask.request_id % 2:
            raise ValueError("odd")

    yield request


def test_a_declared_load_is_open() -> None:
    """
    A scenario with a load is measured under it: as many requests as arrive, with a timeline.
    """
    run = run_scenario(queue, 50, commit="x")

    assert (50,) == queue.users
    assert "poisson 20/s for 30 s" == run.load
    assert run.timeline is not None
    assert len(run.latency_ns) == sum(bucket.started for bucket in run.timeline.buckets)
    assert 500_000_000 == run.timeline.bucket_ns


def test_both_ways_to_take_a_load_down_agree() -> None:
    """
    What run_load keeps in bounded memory are the numbers of a run that keeps all.
    """
    run = run_scenario(queue, 50, commit="x")
    load = run_load(queue, queue.load)
    ordered = sorted(run.latency_ns)

    assert len(ordered) == load.latency.count == load.offered == load.good
    assert ordered[-(-len(ordered) * 95 // 100) - 1] == load.latency.p95_ns
    assert (run.counts, run.operations, run.trace_digest, run.duration_ns) == (
        load.counts,
        load.operations,
        load.trace_digest,
        load.duration_ns,
    )
    assert ["served"] == list(load.paths)


def test_loads_are_bit_identical() -> None:
    """
    Twice the same load gives the same record; another seed another one.
    """
    shape = Poisson(rate_hz=50, for_s=10)

    assert run_load(queue, shape) == run_load(queue, shape)
    assert run_load(queue, shape).trace_digest != run_load(queue, shape, seed=2).trace_digest


def test_an_open_load_shows_what_a_closed_one_hides() -> None:
    """
    Beyond what the clerk can do, requests queue up without end; users who wait ask less.
    """
    too_much = run_load(queue, Constant(rate_hz=120, for_s=20))
    waiting = run_load(queue, Closed(users=2, for_s=20))

    assert too_much.latency.p95_ns > 5_000_000_000
    assert waiting.latency.p95_ns < 100_000_000


def test_the_timeline_shows_a_spike_and_the_recovery() -> None:
    """
    During a spike more requests are under way than before, and in the end few again.
    """
    shape = Spike(rate_hz=10, for_s=60, at_s=20, spike_s=5, factor=20)
    buckets = run_load(queue, shape).timeline.buckets
    in_flight = [bucket.in_flight_max for bucket in buckets]

    assert max(in_flight[:20]) < 10
    assert max(in_flight[20:25]) > 100
    assert in_flight[59] < 10


def test_a_mix_deals_requests_by_weight_in_one_world() -> None:
    """
    Three to one: a quarter of the requests, within three deviations, goes to the second.
    """
    load = run_load([(queue, 3), (other, 1)], Constant(rate_hz=10, for_s=100))

    assert {"shop.queue": 3, "shop.other": 1} == load.scenarios
    assert 1000 == load.counts["tool_calls"] + load.counts["other_requests"]
    assert abs(load.counts["other_requests"] - 250) < 42
    assert {"ValueError"} == set(load.errors)
    assert "ValueError: odd" == load.first_failure


def test_good_is_in_time_and_without_error() -> None:
    """
    Goodput counts answers within the limit; what was dropped or late is not good.
    """
    load = run_load(
        queue,
        Burst(size=40, every_s=5, for_s=10),
        limits=Limits(in_flight_max=30),
        good_within_s=0.2,
    )

    assert (80, 20, 60) == (load.offered, load.dropped, load.latency.count)
    assert 0 < load.good < 60
    assert load.good / 80 == load.good_ratio
    assert load.good == sum(bucket.good for bucket in load.timeline.buckets)


def test_bad_loads_are_refused() -> None:
    """
    No scenario, no weight, no user, no time: each is told before anything runs.
    """
    shape = Constant(rate_hz=1, for_s=1)
    for arguments, options, said in (
        (([], shape), {}, "want at least one"),
        (([(queue, 0)], shape), {}, "'shop.queue': 0"),
        ((queue, shape), {"users": 0}, "users=0"),
        ((queue, shape), {"good_within_s": float("nan")}, "good_within_s=nan"),
        ((queue, shape), {"bucket_s": 0}, "bucket_s=0"),
    ):
        with pytest.raises(UsageError, match=said):
            run_load(*arguments, **options)


def test_a_closed_load_without_any_wait_is_refused() -> None:
    """
    Users who neither think nor wait would ask for ever at one instant.
    """

    @scenario("shop.instant", think=None)
    async def instant(world):
        async def request(ask):
            pass

        yield request

    with pytest.raises(ConfigError, match="give the scenario a think time"):
        run_load(instant, Closed(users=1, for_s=1))


def test_a_declared_load_is_checked() -> None:
    """
    A number in the place of a shape is refused; so is a load that a run cannot keep.
    """
    with pytest.raises(ConfigError, match="want a shape"):
        scenario("shop.wrong", load=20)(queue_of_nothing)

    long = scenario("shop.long", load=Poisson(rate_hz=1000, for_s=3600))(queue_of_nothing)
    with pytest.raises(UsageError, match="agent-perf load"):
        run_scenario(long, 50, commit="x")


def test_cpu_time_is_charged_as_the_scenario_asks() -> None:
    """
    A load that rests on CPU time queues for the loop's one thread, as a run of it does.
    """

    @scenario("shop.busy", think=None, cpu="operations", load=Constant(rate_hz=100, for_s=2))
    async def busy(world):
        async def request(ask):
            world.charge(0.008)

        yield request

    run = run_scenario(busy, 50, commit="x")
    load = run_load(busy, busy.load)

    assert 8_000_000 <= load.latency.p50_ns
    assert (max(run.latency_ns), run.trace_digest, run.environment) == (
        load.latency.max_ns,
        load.trace_digest,
        load.environment,
    )


@pytest.mark.slow
def test_memory_is_flat_over_fifty_thousand_requests() -> None:
    """
    From 10,000 requests to 50,000, through stubs of Redis, SQL and HTTP, the process grows
    by less than 5 %, though each asks another URL.
    """
    resident: list[int] = []

    @scenario("shop.soak", think=None)
    async def soak(world):
        redis, http = world.redis.client(), world.http.client()
        engine = world.database.engine()

        async def look_up(request):
            return Reply(content=b"{}")

        world.http.mount("tool.sim", look_up)

        async def request(ask):
            if ask.request_id in {10_000, 49_000}:
                gc.collect()
                resident.append(psutil.Process().memory_info().rss)
            await redis.get(f"a:{ask.request_id % 1000}")
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            await http.get(f"http://tool.sim/{ask.request_id}")

        yield request
        await http.aclose()
        await engine.dispose()
        await redis.aclose()

    load = run_load(soak, Soak(rate_hz=50, for_s=1000), tier=Tier.STUB)

    assert load.latency.count == load.good > 49_500
    assert resident[1] < resident[0] * 1.05


async def queue_of_nothing(world):
    async def request(ask):
        pass

    yield request


def test_a_load_charges_for_cpu_time_as_asked() -> None:
    """
    *cpu* holds over what the scenario says; scenarios that say different things need it.
    """
    priced = replace(other, name="shop.priced", cpu=CpuMode.OPERATIONS)
    calls = replace(queue, cpu=CpuMode.CALLS)
    shape = Constant(rate_hz=5, for_s=2)

    assert "" == run_load(queue, shape).environment.cpu
    assert run_load(queue, shape, cpu=CpuMode.OPERATIONS).environment.cpu.startswith("operations")
    assert run_load(priced, shape).environment.cpu.startswith("operations")
    assert "" == run_load([(priced, 1), (calls, 1)], shape, cpu=CpuMode.NONE).environment.cpu
    with pytest.raises(UsageError, match="shop.priced 'operations', shop.queue 'calls'"):
        run_load([(priced, 1), (calls, 1)], shape)


def test_a_mix_obeys_all_its_scenarios() -> None:
    """
    The longest limit of virtual time holds, and threads of any of them run on workers.
    """

    @scenario("shop.threads", think=None, executor="inline", virtual_limit_s=1000)
    async def threads(world):
        async def request(ask):
            await asyncio.to_thread(sum, (1, 2))
            await asyncio.sleep(20)

        yield request

    short = replace(other, virtual_limit_s=1)
    shape = Constant(rate_hz=1, for_s=10)
    run = run_load([(short, 1), (threads, 4)], shape)

    assert {"ValueError"} >= run.errors.keys()
    assert run.latency.max_ns >= 20_000_000_000
    with pytest.raises(SimulationError, match="virtual"):
        run_load(replace(threads, virtual_limit_s=1), shape)
