from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import FlushPolicy, flush_count
from agent_perf.errors import ConfigError


@given(
    st.integers(0, 500),
    st.integers(0, 10_000),
    st.floats(0, 1e6),
    st.floats(0, 100),
    st.integers(1, 10),
    st.integers(1, 10_000),
    st.floats(0, 10),
)
def test_flush_is_bounded_and_prompt(
    count: int, size: int, oldest_s: float, age_s: float, events: int, bytes_: int, delay_s: float
) -> None:
    """
    Whatever is queued, a flush takes at most events_max events and no more than there are;
    it takes some if and only if count, bytes or age has reached its limit.
    """
    policy = FlushPolicy(events_max=events, bytes_max=bytes_, delay_s_max=delay_s)
    now_s = oldest_s + age_s
    taken = flush_count(count, size, oldest_s, now_s, policy)

    assert taken in range(min(count, events) + 1)
    if count:
        due = count >= events or size >= bytes_ or now_s >= oldest_s + delay_s
        assert due == (taken > 0)


def test_waits_for_company_until_its_time() -> None:
    """
    Nine events wait for the tenth for 50 ms, and then go without it.
    """
    policy = FlushPolicy(delay_s_max=0.05)

    assert 0 == flush_count(9, 900, 1.0, 1.049, policy)
    assert 9 == flush_count(9, 900, 1.0, 1.05, policy)
    assert 10 == flush_count(10, 1000, 1.0, 1.0, policy)
    assert 10 == flush_count(25, 2500, 1.0, 1.0, policy)
    assert 2 == flush_count(2, 64 * 1024, 1.0, 1.0, policy)
    assert 0 == flush_count(0, 0, inf, 1.0, policy)


@pytest.mark.parametrize(
    "bad",
    [
        {"events_max": 11},
        {"events_max": 0},
        {"bytes_max": 0},
        {"queue_max": 0},
        {"senders_max": 0},
        {"delay_s_max": -1},
        {"delay_s_max": nan},
    ],
)
def test_policy_is_checked(bad: dict[str, float]) -> None:
    """
    A batch of eleven, which the protocol refuses, cannot be asked for; nor other nonsense.
    """
    with pytest.raises(ConfigError):
        FlushPolicy(**bad)
