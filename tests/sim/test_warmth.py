"""Work on a busy loop is cheaper than on one that was just woken."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError
from agent_perf.sim import CpuMode
from agent_perf.sim.cpu import CpuCharging, default_costs
from agent_perf.sim.warmth import MEMORY_NS, Warmth

HALF = ((0.0, 1.0), (1.0, 0.5))


class Clock:
    """Time that passes when told, as a loop's does that is charged."""

    def __init__(self) -> None:
        self.now_ns = 0

    def charge(self, ns: int) -> None:
        """Be busy for *ns*."""
        self.now_ns += ns


def test_the_first_work_after_a_pause_costs_all() -> None:
    """
    A loop that has slept is cold, and stays so however often it is woken.
    """
    clock = Clock()
    warmth = Warmth(HALF, lambda: clock.now_ns)
    first = warmth.priced(1_000)
    clock.now_ns += 10_000 * MEMORY_NS

    assert 1_000 == first
    assert 1_000 == warmth.priced(1_000)


def test_a_backlog_is_worked_off_at_the_least_cost() -> None:
    """
    Work after work comes down to the cost at the limit, by half of what is left in each memory.
    """
    clock = Clock()
    warmth = Warmth(HALF, lambda: clock.now_ns)
    taken = []
    for _ in range(100):
        taken.append(warmth.priced(MEMORY_NS))
        clock.charge(taken[-1])

    # Busy is 1 - 1/2 after the first piece, which took one memory in full.
    assert [MEMORY_NS, MEMORY_NS * 3 // 4] == taken[:2]
    assert taken == sorted(taken, reverse=True)
    assert MEMORY_NS // 2 == taken[-1]


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**8)), max_size=50))
def test_costs_stay_between_their_bounds(work: list[tuple[int, int]]) -> None:
    """
    Whatever comes when, nothing costs more than alone, or less than at the limit.
    """
    clock = Clock()
    warmth = Warmth(((0.0, 1.0), (0.4, 0.8), (1.0, 0.6)), lambda: clock.now_ns)
    for idle_ns, ns in work:
        clock.now_ns += idle_ns
        spent_ns = warmth.priced(ns)
        clock.charge(spent_ns)

        assert round(0.6 * ns) <= spent_ns <= ns


def test_costs_without_it_are_as_before() -> None:
    """
    A file of costs that does not speak of it has the digest it had, and charges in full.
    """
    costs = default_costs()
    clock = Clock()
    charged: list[int] = []
    charging = CpuCharging(mode=CpuMode.OPERATIONS, costs=replace(costs, busy=HALF))
    charging.begin(lambda ns: (charged.append(ns), clock.charge(ns))[0], lambda: clock.now_ns)
    for _ in range(2):
        charging.spend(10 * MEMORY_NS)

    assert () == costs.busy
    assert costs.digest == replace(costs, busy=()).digest != replace(costs, busy=HALF).digest
    assert 10 * MEMORY_NS == charged[0] > charged[1]


@pytest.mark.parametrize(
    ("factors", "told"),
    [
        (((0.0, 1.0), (0.9, 0.5)), "ascend from 0 to 1"),
        (((0.0, 1.0), (0.0, 0.9), (1.0, 0.5)), "ascend from 0 to 1"),
        (((0.0, 1.0), (1.0, 0.0)), "factor 0.0"),
        (((0.0, float("nan")), (1.0, 1.0)), "factor nan"),
    ],
)
def test_other_factors_are_refused(factors: tuple[tuple[float, float], ...], told: str) -> None:
    """
    The message names the value.
    """
    with pytest.raises(ConfigError, match=told):
        replace(default_costs(), busy=factors)
