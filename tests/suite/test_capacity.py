"""The highest rate that a scenario carries."""

import asyncio
import math

import pytest

from agent_perf import scenario
from agent_perf.errors import ConfigError, UsageError
from agent_perf.load import Stress
from agent_perf.records import Capacity, Probe, Promise
from agent_perf.sim import constant_table
from agent_perf.suite import breaking_point, capacity_of, find_capacity, probe_at

TABLES = {"tool.call": constant_table("tool.call", 0.010)}


@scenario("shop.clerk", think=None, tables=TABLES)
async def clerk(world):
    """One clerk who takes 10 ms for each: 100 per second, and no more."""
    free = asyncio.Lock()

    async def request(ask):
        async with free:
            await world.tool("look up")

    yield request


def probe(rate_hz: float, p95_ns: int, *, kept: bool) -> Probe:
    return Probe(
        rate_hz=rate_hz,
        offered=100,
        good_ratio=1.0,
        goodput_hz=rate_hz,
        p50_ns=1,
        p95_ns=p95_ns,
        p99_ns=p95_ns,
        p999_ns=p95_ns,
        kept=kept,
    )


def waits_at_most(load: float, services: float) -> float:
    """
    Return the share of customers of an M/D/1 queue who wait at most *services* services.

    Source: Erlang (1909), as in Tijms, *A First Course in Stochastic Models*, 9.2.
    """
    return (1 - load) * sum(
        (load * (k - services)) ** k / math.factorial(k) * math.exp(load * (services - k))
        for k in range(math.floor(services) + 1)
    )


def test_the_capacity_of_a_queue_is_the_one_in_the_books() -> None:
    """
    M/D/1 with services of 10 ms: the load at which 95 % are done within 50 ms follows from
    Erlang's formula, and the search finds it within its tolerance and the sampling error.
    """
    low, high = 0.01, 0.99
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if waits_at_most(middle, 4) > 0.95 else (low, middle)

    promise = Promise(within_s=0.050)
    found = find_capacity(clerk, promise=promise, low_hz=40, tolerance_ratio=0.04, for_s=100)

    assert 100 * low == pytest.approx(found.rate_hz, rel=0.08)
    assert found.broken_at_hz is not None
    assert found.broken_at_hz - found.rate_hz <= 0.04 * found.rate_hz
    assert found.is_monotone


def test_searches_are_bit_identical() -> None:
    """
    Twice the same search tries the same rates, with the same latencies.
    """
    first, second = (
        find_capacity(clerk, promise=Promise(within_s=0.050), low_hz=20, for_s=5) for _ in "ab"
    )

    assert first == second


def test_a_search_does_not_look_far_beyond() -> None:
    """
    Rates double until one fails: nothing above twice the capacity is simulated.
    """
    found = find_capacity(clerk, promise=Promise(within_s=0.5), low_hz=5, high_hz=10_000, for_s=5)

    assert max(tried.rate_hz for tried in found.probes) <= 2 * found.rate_hz


def test_ends_that_hold_or_fail_are_told() -> None:
    """
    If the highest rate holds nothing is broken; if the lowest fails nothing is carried.
    """
    low = find_capacity(clerk, promise=Promise(within_s=1), low_hz=5, high_hz=20, for_s=5)
    none = find_capacity(clerk, promise=Promise(within_s=0.001), low_hz=5, high_hz=20, for_s=5)

    assert (20.0, None) == (low.rate_hz, low.broken_at_hz)
    assert (0.0, 5.0) == (none.rate_hz, none.broken_at_hz)


def test_errors_break_a_promise_too() -> None:
    """
    Fast failures are no capacity: the share without error counts.
    """

    @scenario("shop.failing", think=None)
    async def failing(world):
        async def request(ask):
            await asyncio.sleep(0.001)
            if ask.request_id % 10 == 0:
                raise ValueError("no")

        yield request

    assert not probe_at(failing, 10, promise=Promise(within_s=1), for_s=5).kept
    assert probe_at(failing, 10, promise=Promise(within_s=1, good_ratio_min=0.8), for_s=5).kept


def test_a_promise_may_be_about_one_path() -> None:
    """
    Where most requests are hits, misses tell; a path that nobody took is refused.
    """

    @scenario("shop.cached", think=None, tables=TABLES)
    async def cached(world):
        async def request(ask):
            if ask.request_id % 20:
                return "hit"
            await world.tool("look up")
            return "miss"

        yield request

    all_of_them = probe_at(cached, 20, promise=Promise(quantile="p50", within_s=0.005), for_s=20)
    promise = Promise(quantile="p50", path="miss", within_s=0.005)
    misses = probe_at(cached, 20, promise=promise, for_s=20)

    assert (True, 0) == (all_of_them.kept, all_of_them.p50_ns)
    assert not misses.kept
    assert 10_000_000 == pytest.approx(misses.p50_ns, rel=2**-8)
    with pytest.raises(UsageError, match=r"answered 'gone' at 20/s; there were hit, miss"):
        probe_at(cached, 20, promise=Promise(path="gone", within_s=1), for_s=2)


def test_stairs_find_the_step_that_breaks() -> None:
    """
    Climbing by 20 per second, the clerk of 100 per second breaks at the step of 120.
    """
    shape = Stress(from_hz=20, to_hz=200, step_hz=20, step_s=20, cv=0)

    rate_hz, run = breaking_point(clerk, shape, within_s=0.1)

    assert 120 == rate_hz
    assert 10 <= len(run.timeline.buckets)


def test_the_knee_is_where_latency_turns_upwards() -> None:
    """
    By hand: flat to 40, then steep; the point furthest below the line is 40.
    """
    rates = {10: 10, 20: 11, 40: 13, 50: 60, 60: 110}
    probes = [probe(rate_hz, p95_ns, kept=p95_ns < 50) for rate_hz, p95_ns in rates.items()]
    found = capacity_of("shop.clerk", Promise(within_s=1), reversed(probes))

    assert 40 == found.knee_hz == found.rate_hz
    assert [10, 20, 40, 50, 60] == [tried.rate_hz for tried in found.probes]
    assert capacity_of("shop.clerk", Promise(within_s=1), probes[:2]).knee_hz is None


def test_what_takes_no_time_has_no_knee() -> None:
    """
    A P95 of nothing at each rate turns nowhere.
    """
    probes = [probe(rate_hz, 0, kept=True) for rate_hz in (10, 20, 40)]

    assert capacity_of("shop.clerk", Promise(within_s=1), probes).knee_hz is None


def test_what_is_not_monotone_is_told() -> None:
    """
    A rate that fails below one that holds makes the answer doubtful, and says so.
    """
    probes = (probe(1, 9, kept=False), probe(2, 3, kept=True))

    assert not capacity_of("shop.clerk", Promise(within_s=1), probes).is_monotone


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Promise(within_s=0), "within_s=0"),
        (lambda: Promise(within_s=float("nan")), "within_s=nan"),
        (lambda: Promise(quantile="p42", within_s=1), "p42"),
        (lambda: Promise(within_s=1, good_ratio_min=1.5), "good_ratio_min=1.5"),
        (lambda: find_capacity(clerk, promise=Promise(within_s=1), low_hz=9, high_hz=2), "low_hz"),
        (lambda: find_capacity(clerk, promise=Promise(within_s=1), low_hz=0), "low_hz=0"),
        (
            lambda: find_capacity(clerk, promise=Promise(within_s=1), high_hz=float("inf")),
            "high_hz=inf",
        ),
        (
            lambda: find_capacity(clerk, promise=Promise(within_s=1), tolerance_ratio=0),
            "tolerance_ratio=0",
        ),
    ],
)
def test_impossible_promises_are_refused(make, said: str) -> None:
    """
    What can never hold, or always, is told before anything runs.
    """
    with pytest.raises(ConfigError, match=said):
        make()


def test_a_capacity_needs_no_probe_to_be_a_record() -> None:
    """
    Nothing tried, nothing carried.
    """
    empty = capacity_of("shop.clerk", Promise(within_s=1), ())

    assert (
        Capacity(
            scenario="shop.clerk",
            promise=Promise(within_s=1),
            rate_hz=0.0,
            broken_at_hz=None,
            probes=(),
        )
        == empty
    )
