"""What is held along virtual time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.measure.levels import Levels
from agent_perf.records import LevelTotal


def test_a_level_is_summed_over_time() -> None:
    """
    One from 10 on, two from 20 to 25, one until the end at 40: 10 + 10 + 15.
    """
    levels = Levels(0)
    for change, at_ns in ((1, 10), (1, 20), (-1, 25)):
        levels.move("db_in_use", change, at_ns)

    assert {"db_in_use": LevelTotal(peak=2, held_ns=35, length_ns=40)} == levels.totals(40)


def test_what_the_warm_up_holds_is_held_still() -> None:
    """
    After a restart the peak and the sum begin anew, the level does not.
    """
    levels = Levels(0)
    for change in (1, 1, 1, -1):
        levels.move("db_in_use", change, 5)
    fresh = levels.restarted(10)
    fresh.move("db_in_use", -1, 12)

    assert {"db_in_use": LevelTotal(peak=2, held_ns=2 * 2 + 8, length_ns=10)} == fresh.totals(20)


def test_pools_are_bounded_together() -> None:
    """
    What is held of one name may come from several pools; one without a bound unbinds them all,
    and a warm-up changes nothing of it.
    """
    levels = Levels(0)
    levels.bound("db_in_use", 20)
    levels.bound("db_in_use", 5)
    levels.move("db_in_use", 1, 1)
    bounded = levels.restarted(2).totals(2)
    levels.bound("db_in_use", None)

    assert 25 == bounded["db_in_use"].most
    assert None is levels.totals(2)["db_in_use"].most


def test_a_move_after_the_end_belongs_to_the_length() -> None:
    """
    The last answer is given before its connection is: the mean stays below the peak.
    """
    levels = Levels(0)
    levels.move("db_in_use", 1, 0)
    levels.move("db_in_use", -1, 12)

    assert {"db_in_use": LevelTotal(peak=1, held_ns=12, length_ns=12)} == levels.totals(10)


@given(moves=st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 9)), max_size=40))
def test_it_agrees_with_counting_instant_by_instant(moves) -> None:
    """
    The slow way: the level at each instant, added up.
    """
    levels, at_ns, now = Levels(0), 0, 0
    course: list[int] = []
    peak = 0
    for change, wait_ns in moves:
        course += [now] * wait_ns
        at_ns += wait_ns
        now += change
        peak = max(peak, now)
        levels.move("x", change, at_ns)
    course += [now] * 5
    expected = {"x": LevelTotal(peak=peak, held_ns=sum(course), length_ns=at_ns + 5)}

    assert (expected if moves else {}) == levels.totals(at_ns + 5)
