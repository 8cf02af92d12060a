import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.live.chaos.condition import Condition, broken, parse_condition
from agent_perf.live.chaos.observations import Observations, Sample
from agent_perf.live.chaos.recovery import recovered_after

STEADY = (
    parse_condition("success_ratio >= 99.9%", "steady"),
    parse_condition("p95<=200ms", "steady"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("success_ratio >= 99.9%", Condition(metric="success_ratio", sign=">=", limit=0.999)),
        ("success_ratio>=0.5", Condition(metric="success_ratio", sign=">=", limit=0.5)),
        ("error_ratio <= 0", Condition(metric="error_ratio", sign="<=", limit=0.0)),
        ("p95 <= 200ms", Condition(metric="p95", sign="<=", limit=0.2)),
        (" latency.p99<1.5s ", Condition(metric="p99", sign="<", limit=1.5)),
    ],
)
def test_conditions_are_read(text: str, expected: Condition) -> None:
    """
    A condition is a metric, a sign and an amount with its unit.
    """
    assert expected == parse_condition(text, "steady")


@pytest.mark.parametrize("asked", [50, 200, 1000])
def test_a_share_of_errors_that_is_the_limit_is_within_it(asked: int) -> None:
    """
    As many as were allowed are not more than that.
    """
    sample = Sample(asked=asked, good=asked - 1, latencies_s=(0.1,) * (asked - 1))

    assert [] == broken([parse_condition(f"error_ratio <= {100 / asked}%", "steady")], sample)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p95", "want a condition"),
        ("p96 <= 1s", "did you mean 'p9"),
        ("p95 >= 200ms", "bounds p95 where it is best; want '<='"),
        ("success_ratio <= 1%", "want '>='"),
        ("success_ratio >= 101%", "want a share"),
        ("success_ratio >= nan", "want a share"),
        ("p95 <= 200", "want a number with a unit"),
        ("p95 <= 2 parsecs", "duration"),
    ],
)
def test_wrong_conditions_are_refused(text: str, message: str) -> None:
    """
    What is no condition is refused, with what it is and what would do.
    """
    with pytest.raises(ConfigError, match=message):
        parse_condition(text, "steady")


def test_failures_are_never_fast() -> None:
    """
    A quantile counts who got no good answer as waiting for ever.
    """
    condition = parse_condition("p95 <= 1s", "steady")
    sample = Sample(asked=20, good=18, latencies_s=tuple(n / 100 for n in range(18)))
    most = parse_condition("p90 <= 1s", "steady")

    assert math.inf == condition.value_of(sample)
    assert 0.17 == most.value_of(sample)
    assert [(condition, math.inf)] == broken([condition, most], sample)


def _observed(rate_hz: float, good: list[bool], latency_s: float = 0.01) -> Observations:
    observations = Observations(rate_hz, len(good))
    for index, is_good in enumerate(good):
        observations.end(index, latency_s, is_good=is_good)
    return observations


@pytest.mark.parametrize(
    ("bad_until_s", "expected"),
    [
        # The fault is over at 10 s.
        (10.0, 0.0),
        # The last failure is sent at 10.9 s: the stretch that is well begins at 11 s.
        (11.0, 1.0),
        (12.5, 2.5),
        # The next stretch of 2 s would end after 15 s.
        (13.1, None),
    ],
)
def test_recovery_is_worked_by_hand(bad_until_s: float, expected: float | None) -> None:
    """
    Recovery is from the fault's end to the first request from which a whole window is well.
    """
    observations = _observed(10.0, [not 5 <= n / 10 < bad_until_s for n in range(160)])
    took_s = recovered_after(observations, STEADY, end_s=10.0, until_s=15.0, window_s=2.0)

    assert expected == took_s if expected is None else pytest.approx(expected) == took_s


def test_one_good_moment_is_no_recovery() -> None:
    """
    A second of good answers between failures does not count: the window is two.
    """
    good = [not (5 <= n / 10 < 10.5 or 11.5 <= n / 10 < 12) for n in range(200)]
    took_s = recovered_after(_observed(10.0, good), STEADY, end_s=10.0, until_s=18.0, window_s=2.0)

    assert pytest.approx(2.0) == took_s


def test_slow_is_not_well() -> None:
    """
    Good answers that are slower than the steady state allows are no recovery.
    """
    observations = _observed(10.0, [True] * 160, latency_s=0.3)

    assert recovered_after(observations, STEADY, end_s=10, until_s=15, window_s=2) is None


@given(
    good=st.lists(st.booleans(), min_size=60, max_size=60),
    rate_hz=st.sampled_from([1.0, 3.0, 7.0, 10.0]),
)
@settings(max_examples=12)
def test_recovery_agrees_with_a_slow_reference(good: list[bool], rate_hz: float) -> None:
    """
    It is what looking at each window by hand finds.
    """
    observations = _observed(rate_hz, good)
    end_s, until_s, window_s = 10 / rate_hz, 50 / rate_hz, 5 / rate_hz
    found = [n for n in range(10, 46) if all(good[n : n + 5])]
    expected = None if not found else found[0] / rate_hz - end_s
    took_s = recovered_after(observations, STEADY, end_s=end_s, until_s=until_s, window_s=window_s)

    assert (expected is None) == (took_s is None)
    assert expected is None or pytest.approx(expected, abs=1e-9) == took_s
