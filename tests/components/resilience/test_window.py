from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import FailureRatio
from agent_perf.components.resilience.window import FailureWindow
from agent_perf.errors import ConfigError


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60))
def test_counts_agree_with_a_list_of_all_calls(calls: list[tuple[int, bool]]) -> None:
    """
    The ring holds what a list of all calls, looked through from the end, holds: those of this
    tenth of the window and of the nine before it.
    """
    window, seen, now = FailureWindow(FailureRatio(window_s=10)), [], 0
    for pause, failed in calls:
        now += pause
        window.add(now / 4, failed=failed)
        seen.append((now // 4, failed))
        lately = [failed for second, failed in seen if second > now // 4 - 10]
        assert (len(lately), sum(lately)) == (window.calls, window.failures)


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.booleans()), max_size=40))
def test_any_clock_is_survived(calls: list[tuple[float, bool]]) -> None:
    """
    However the clock jumps, what is counted is at least the last call and at most all.
    """
    window = FailureWindow(FailureRatio())
    for number, (now_s, failed) in enumerate(calls, start=1):
        window.add(now_s, failed=failed)
        assert 1 <= window.calls <= number
        assert failed <= window.failures <= window.calls


@pytest.mark.parametrize(
    "bad",
    [{"ratio": 0}, {"ratio": 1.1}, {"calls_min": 0}, {"window_s": 0}, {"window_s": math.inf}],
)
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    A share that is none, or a window without end, is refused.
    """
    with pytest.raises(ConfigError):
        FailureRatio(**bad)
