from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.metrics import SuccessHistory, SuccessSlot
from agent_perf.errors import ConfigError
from tests.components.fakes import Hands


def counts(history: SuccessHistory) -> list[tuple[int, int]]:
    return [(slot.successes, slot.failures) for slot in history.slots()]


def test_minutes_are_told_apart() -> None:
    """
    Each minute has its own counts, the oldest first, and what is older than the ring is
    forgotten.
    """
    clock = Hands(90.0)
    history = SuccessHistory(slot_s=60, slots=3, clock=clock)
    history.add(success=True)
    clock.now_s = 125.0
    history.add(success=False)
    history.add(success=True)

    assert (
        SuccessSlot(age_s=125.0, successes=0, failures=0),
        SuccessSlot(age_s=65.0, successes=1, failures=0),
        SuccessSlot(age_s=5.0, successes=1, failures=1),
    ) == history.slots()
    assert 2 / 3 == history.ratio()
    assert 1 / 2 == history.ratio(last=1)
    clock.now_s = 250.0
    assert [(1, 1), (0, 0), (0, 0)] == counts(history)
    clock.now_s = 1e12
    assert ([(0, 0)] * 3, None) == (counts(history), history.ratio())


def test_a_clock_set_back_goes_on() -> None:
    """
    After a jump of an hour back nothing is lost, and a minute later the next slot begins.
    """
    clock = Hands(3600.0)
    history = SuccessHistory(slot_s=60, slots=3, clock=clock)
    history.add(success=True)
    clock.now_s = 0.0
    history.add(success=False)
    assert [(0, 0), (0, 0), (1, 1)] == counts(history)
    clock.now_s = 60.0
    history.add(success=True)
    assert [(0, 0), (1, 1), (1, 0)] == counts(history)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(-300, 300), st.booleans()), max_size=60),
)
def test_agrees_with_a_list_of_everything(slots: int, steps: list[tuple[int, bool]]) -> None:
    """
    Whatever the clock does, the counts are those of a list of all events with their time,
    which a step back does not move.
    """
    clock, now_s = Hands(0.0), 0
    history = SuccessHistory(slot_s=60, slots=slots, clock=clock)
    events: list[tuple[int, bool]] = []
    for step, success in steps:
        clock.now_s += step
        now_s += max(0, step)
        history.add(success=success)
        events.append((now_s, success))

    def count(minute: int, wanted: bool) -> int:
        return sum(at // 60 == minute and success is wanted for at, success in events)

    newest = now_s // 60
    assert [
        (count(minute, True), count(minute, False))
        for minute in range(newest - slots + 1, newest + 1)
    ] == counts(history)


@pytest.mark.parametrize(
    "options", [{"slot_s": 0}, {"slot_s": math.inf}, {"slot_s": math.nan}, {"slots": 0}]
)
def test_bad_sizes_are_refused(options: dict[str, float]) -> None:
    """
    A ring needs stretches of some length, and at least one.
    """
    with pytest.raises(ConfigError, match="slot_s="):
        SuccessHistory(**options)  # type: ignore[arg-type]


def test_ratio_of_no_slot_is_refused() -> None:
    """
    The last 0 stretches have no ratio, and must not mean all.
    """
    with pytest.raises(ConfigError, match="last=0"):
        SuccessHistory().ratio(last=0)
