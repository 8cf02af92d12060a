"""Shapes of load: when requests arrive."""

import math
from fractions import Fraction
from hashlib import sha256
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.load import (
    Burst,
    Closed,
    Constant,
    Crowd,
    Gamma,
    Limits,
    Poisson,
    Ramp,
    Shape,
    Soak,
    Spike,
    Stress,
)
from agent_perf.load.profiles import Profile, Segment, slope
from agent_perf.sim import Draws

SECOND = 1_000_000_000


def instants(shape: Shape, seed: int = 1) -> list[int]:
    return [arrival.at_ns for arrival in shape.arrivals(Draws(seed))]


def test_constant_is_evenly_spaced() -> None:
    """
    Ten per second for half a second: five, at 0, 100, 200, 300 and 400 ms.
    """
    assert [0, 10**8, 2 * 10**8, 3 * 10**8, 4 * 10**8] == instants(Constant(rate_hz=10, for_s=0.5))


def test_an_odd_rate_does_not_drift() -> None:
    """
    The thirtieth of three per second arrives at ten seconds less a third, rounded down once.
    """
    assert 29 * SECOND // 3 == instants(Constant(rate_hz=3, for_s=10))[29]


def test_poisson_scales_the_same_draws() -> None:
    """
    At twice the rate the same requests arrive in half the time: shapes share their draws.
    """
    slow = instants(Poisson(rate_hz=10, for_s=100))
    fast = instants(Poisson(rate_hz=20, for_s=50))

    assert [at_ns // 2 for at_ns in slow] == fast


def test_poisson_arrivals_are_as_many_as_the_rate_says() -> None:
    """
    Of 10,000 expected requests come 10,000 within three standard deviations, for each seed.
    """
    for seed in range(5):
        assert abs(len(instants(Poisson(rate_hz=100, for_s=100), seed)) - 10_000) < 300


@pytest.mark.parametrize(("cv", "low", "high"), [(0.5, 0.2, 0.3), (2, 3.5, 4.5), (4, 13, 19)])
def test_gamma_gaps_come_in_clusters(cv: float, low: float, high: float) -> None:
    """
    The variance of the number per second grows with the square of the gaps' variation.
    """
    arrivals = instants(Gamma(rate_hz=50, for_s=2000, cv=cv))
    per_window = [0] * 200
    for at_ns in arrivals:
        per_window[at_ns // (10 * SECOND)] += 1
    mean = sum(per_window) / len(per_window)
    variance = sum((n - mean) ** 2 for n in per_window) / (len(per_window) - 1)

    # Renewal theory: variance over mean tends to cv squared (Cox, Renewal Theory, 4.2).
    assert low * 0.75 < variance / mean < high * 1.25


def test_a_ramp_has_half_of_its_requests_late() -> None:
    """
    From 0 to 20/s in 10 s, evenly: 100 requests, the k-th at 10 sqrt(k / 100) seconds.
    """
    arrivals = instants(Ramp(from_hz=0, to_hz=20, for_s=10, cv=0))

    assert [math.isqrt(k * 10**18) for k in range(100)] == arrivals


def test_a_falling_ramp_mirrors_the_rising_one() -> None:
    """
    As many arrive in the first half of a fall as in the second half of a rise.
    """
    fall = instants(Ramp(from_hz=20, to_hz=0, for_s=10, cv=0))

    assert 100 == len(fall)
    assert 75 == sum(at_ns < 5 * SECOND for at_ns in fall)


def test_a_spike_is_ten_times_as_high() -> None:
    """
    10/s with a spike of 2 s: 30 before, 200 in it, 50 after.
    """
    arrivals = instants(Spike(rate_hz=10, for_s=10, at_s=3, spike_s=2, cv=0))

    assert 280 == len(arrivals)
    assert 200 == sum(3 * SECOND <= at_ns < 5 * SECOND for at_ns in arrivals)


def test_stress_climbs_stairs() -> None:
    """
    Steps of 10, 20 and 30/s, each two seconds long.
    """
    shape = Stress(from_hz=10, to_hz=35, step_hz=10, step_s=2, cv=0)
    arrivals = instants(shape)

    assert (10, 20, 30) == shape.rates()
    assert [20, 40, 60] == [sum(at_ns // (2 * SECOND) == i for at_ns in arrivals) for i in range(3)]


def test_bursts_come_at_once() -> None:
    """
    Three bursts of two, ten seconds apart, within 25 seconds.
    """
    shape = Burst(size=2, every_s=10, for_s=25)

    assert [0, 0, 10 * SECOND, 10 * SECOND, 20 * SECOND, 20 * SECOND] == instants(shape)
    assert 6 == shape.expected_count


def test_an_hour_of_load_needs_no_list() -> None:
    """
    Arrivals are made as they are taken: the first ones of a month come at once.
    """
    month = Soak(rate_hz=1000, for_s=30 * 86_400)

    assert 2_592_000_000 == month.expected_count
    assert 5 == len(list(islice(month.arrivals(Draws(1)), 5)))


def test_a_crowd_asks_by_chance_at_the_same_instants() -> None:
    """
    Users are drawn, evenly or a few more often; when requests arrive does not change.
    """
    shape = Poisson(rate_hz=100, for_s=20)
    even = list(Crowd(shape=shape, users=10).arrivals(Draws(1)))
    uneven = list(Crowd(shape=shape, users=10, exponent=1).arrivals(Draws(1)))

    assert instants(shape) == [at_ns for at_ns, _, _ in even] == [at_ns for at_ns, _, _ in uneven]
    share = len(even) / 10
    assert all(
        abs(sum(arrival.user == user for arrival in even) - share) < 3.5 * math.sqrt(share)
        for user in range(10)
    )
    first, last = (sum(arrival.user == user for arrival in uneven) for user in (0, 9))
    assert first > 5 * last
    with pytest.raises(ConfigError, match="users=0"):
        Crowd(shape=shape, users=0)


def test_arrivals_are_pinned() -> None:
    """
    Every shape's instants, to the nanosecond, on every machine and Python.

    After a deliberate change, pin the new digest here, and say so in the changelog.
    """
    digest = sha256()
    for shape in (
        Poisson(rate_hz=33.3, for_s=60),
        Gamma(rate_hz=7, for_s=60, cv=4),
        Ramp(from_hz=3, to_hz=90, for_s=30),
        Spike(rate_hz=9, for_s=30, at_s=9, spike_s=3),
        Stress(from_hz=5, to_hz=40, step_hz=7, step_s=5),
        Constant(rate_hz=7, for_s=9),
        Burst(size=3, every_s=0.7, for_s=9),
    ):
        digest.update(repr(instants(shape, seed=4)).encode())

    assert "1406abfe40caf4ff7e4f1f561bbac49f" == digest.hexdigest()[:32]


segments = st.builds(
    Segment,
    length_ns=st.integers(1_000_000, 10**12),
    from_uhz=st.integers(0, 10**9),
    to_uhz=st.integers(0, 10**9),
)


@given(profile=st.builds(Profile, segments=st.lists(segments, min_size=1, max_size=4).map(tuple)))
def test_arrivals_invert_the_integral_of_the_rate(profile: Profile) -> None:
    """
    At each even arrival the exact integral of the rate has just reached its number: a slow
    oracle in fractions agrees to the nanosecond, and instants ascend within the profile.
    """

    def integral(at_ns: int) -> Fraction:
        total = Fraction(0)
        for segment in profile.segments:
            t = min(at_ns, segment.length_ns)
            growth = Fraction(segment.to_uhz - segment.from_uhz, segment.length_ns)
            total += segment.from_uhz * t + growth * t * t / 2
            at_ns -= t
        return total / 10**15

    step = max(1, profile.expected_count // 20)
    found = list(profile.instants(index * step * SECOND for index in count()))

    assert found == sorted(found)
    assert all(0 <= at_ns < profile.length_ns for at_ns in found)
    whole = integral(profile.length_ns)
    assert math.ceil(whole / step) == len(found)
    for index, at_ns in enumerate(found):
        assert integral(at_ns) <= index * step <= integral(at_ns + 1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Constant(rate_hz=0, for_s=1), "rate_hz=0"),
        (lambda: Poisson(rate_hz=-3, for_s=1), "rate_hz=-3"),
        (lambda: Poisson(rate_hz=float("nan"), for_s=1), "rate_hz=nan"),
        (lambda: Poisson(rate_hz=float("inf"), for_s=1), "rate_hz=inf"),
        (lambda: Poisson(rate_hz=True, for_s=1), "rate_hz=True"),
        (lambda: Poisson(rate_hz=5, for_s=0), "for_s=0"),
        (lambda: Gamma(rate_hz=5, for_s=1, cv=3), "cv=3"),
        (lambda: Ramp(from_hz=0, to_hz=0, for_s=1), "to_hz=0"),
        (lambda: Spike(rate_hz=1, for_s=5, at_s=4, spike_s=1), "want it to end before"),
        (lambda: Spike(rate_hz=1, for_s=5, at_s=1, spike_s=1, factor=-1), "factor=-1"),
        (lambda: Stress(from_hz=5, to_hz=1, step_hz=1, step_s=1), "steps of 1/s from 5 to 1/s"),
        (lambda: Stress(from_hz=1, to_hz=9, step_hz=1e-6, step_s=1), "10,000 steps"),
        (lambda: Burst(size=0, every_s=1, for_s=1), "size=0"),
        (lambda: Closed(users=0, for_s=1), "users=0"),
        (lambda: Limits(in_flight_max=0), "in_flight_max=0"),
        (lambda: Limits(rate_max_hz=float("nan")), "rate_max_hz=nan"),
        (lambda: Limits(burst=0), "burst=0"),
    ],
)
def test_impossible_shapes_are_refused(make, said: str) -> None:
    """
    Zero, negative, infinite and NaN are told with their name, and what would do.
    """
    with pytest.raises(ConfigError, match="want") as caught:
        make()

    assert said in str(caught.value)


def test_a_slope_is_what_it_says() -> None:
    """
    Rates are millionths per second, lengths nanoseconds, both rounded once.
    """
    assert Segment(length_ns=1_500_000_000, from_uhz=100_000, to_uhz=2_000_000) == slope(
        0.1, 2, 1.5
    )
