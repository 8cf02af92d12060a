"""Questions at a bounded rate, and what was waited for."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import TooFewSamplesError
from agent_perf.live.calibration import SAMPLES_MIN, Sampler, quantiles
from agent_perf.sim import U53, LatencyTable, default_tables
from tests.live.calibration.clocks import FakeClock

GRID = default_tables()["redis.trip"].grid


def collected(
    clock: FakeClock, waits_ns: list[int], *, rate_hz: float = 100.0, cpu_ns: int = 0
) -> tuple[tuple[int, ...], list[int]]:
    """Return what is collected of a service that takes *waits_ns*, and when it was asked."""
    asked_at: list[int] = []
    turns = iter([1] * 5 + waits_ns)

    async def ask() -> None:
        asked_at.append(clock.at_ns)
        clock.work(cpu_ns)
        clock.at_ns += next(turns)

    sampler = Sampler(rate_hz=rate_hz, count=len(waits_ns), clock=clock)
    return asyncio.run(sampler.collect("x", ask)), asked_at


def test_waits_are_exact() -> None:
    """
    What is collected is what the service took, without our CPU time and without the warm-up.
    """
    waits = [7, 400, 0, 12_345]

    found, asked_at = collected(FakeClock(), waits, cpu_ns=900)

    assert tuple(waits) == found
    assert 5 + len(waits) == len(asked_at)


@settings(max_examples=25)
@given(
    rate_hz=st.floats(0.01, 10_000),
    waits_ms=st.lists(st.integers(0, 3_000), min_size=1, max_size=30),
    early_ns=st.integers(0, 2_000_000),
)
def test_the_rate_is_never_exceeded(rate_hz: float, waits_ms: list[int], early_ns: int) -> None:
    """
    Whatever a service takes, and however early timers are, questions never come closer than the
    rate says: what is late is not made up for.
    """
    clock = FakeClock(early_ns)

    _, asked_at = collected(clock, [ms * 1_000_000 for ms in waits_ms], rate_hz=rate_hz)

    gaps = [after - before for before, after in zip(asked_at, asked_at[1:], strict=False)]
    assert min(gaps) * rate_hz >= 1e9 * (1 - 1e-9)


def test_a_table_has_the_quantiles_of_its_service() -> None:
    """
    Draws from a table of 2,000 latencies of a known service are the service's own: their largest
    distance is within what 2,000 samples, and as many draws, allow with a probability of 99.9 %.

    The bound is Dvoretzky's, Kiefer's and Wolfowitz', with Massart's constant, for each of both.
    """
    n = 2_000
    random = Random(4)
    waits = [round(random.lognormvariate(0, 0.8) * 1e6) for _ in range(n)]

    found, _ = collected(FakeClock(), waits)
    table = LatencyTable(name="x", grid=GRID, value_ns=quantiles(found, GRID, "x"))
    drawn = sorted(table.at(random.randrange(U53)) for _ in range(n))
    truth = [round(random.lognormvariate(0, 0.8) * 1e6) for _ in range(n)]

    assert ks_distance(drawn, sorted(truth)) < 2 * (7.6009 / (2 * n)) ** 0.5
    # And a service that is a quarter slower is told apart.
    slower = sorted(one * 5 // 4 for one in truth)
    assert ks_distance(drawn, slower) > 2 * (7.6009 / (2 * n)) ** 0.5


def ks_distance(one: list[int], other: list[int]) -> float:
    """Return the largest distance of the distributions of two ascending samples."""
    points = sorted({*one, *other})
    worst, i, j = 0.0, 0, 0
    for point in points:
        while i < len(one) and one[i] <= point:
            i += 1
        while j < len(other) and other[j] <= point:
            j += 1
        worst = max(worst, abs(i / len(one) - j / len(other)))
    return worst


def test_quantiles_by_hand() -> None:
    """
    With 101 samples from 0 to 100, the quantile p is 100 p; ends are the least and the largest.
    """
    grid = (0, U53 // 4, U53 // 2, U53 * 95 // 100, U53)

    found = quantiles([ns * 1_000 for ns in reversed(range(101))], grid, "x")

    assert (0, 25_000, 50_000, 94_999, 100_000) == found


@settings(max_examples=25)
@given(st.lists(st.integers(0, 10**12), min_size=SAMPLES_MIN, max_size=70))
def test_quantiles_ascend_and_invent_nothing(samples: list[int]) -> None:
    """
    Quantiles ascend, from the least sample to the largest.
    """
    found = quantiles(samples, GRID, "x")

    assert sorted(found) == list(found)
    assert (min(samples), max(samples)) == (found[0], found[-1])


def test_too_few_are_no_table() -> None:
    """
    Fewer latencies than a P95 wants are refused, and the message says how many it wants.
    """
    with pytest.raises(TooFewSamplesError, match=r"'x': 58 latencies, and a P95 wants 59"):
        quantiles([1] * 58, GRID, "x")
