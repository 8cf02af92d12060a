"""What the next round measures."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.records import DuetRun
from agent_perf.stats import LOOKS
from agent_perf.suite import Turn, sequential
from agent_perf.suite.schedule import affordable, open_count, rounds_to_go

NOISE = itertools.cycle([1.0, 1.01, 0.99, 1.005, 0.995, 1.002])


def duet(ratio: float, rounds: int, *, again: int | None = None, name: str = "a") -> DuetRun:
    """Return *rounds* of a head that takes about *ratio* times as long, confirmed *again* times."""
    return DuetRun(
        benchmark=name,
        metric="cpu.median",
        unit="s",
        base=(1.0,) * rounds,
        head=tuple(ratio * next(NOISE) for _ in range(rounds)),
        calls_per_round=200,
        confirmation=None if again is None else duet(ratio, again, name=name),
    )


def turn(kind: str, *indices: int) -> Turn:
    """Return the turn of *kind* for *indices*."""
    return Turn(kind="confirm" if kind == "confirm" else "screen", wanted=frozenset(indices))


SCHEDULE = sequential(lambda _: 0.15, time_budget_s=100)


def test_all_begin_with_first_rounds() -> None:
    """What has no rounds wants one."""
    assert turn("screen", 0, 1) == SCHEDULE([duet(1, 0), duet(1, 0, name="b")], 0)


def test_a_clear_answer_takes_no_more_rounds() -> None:
    """Equal code is decided at a look; nothing is left to do."""
    assert SCHEDULE([duet(1, LOOKS[0])], 50) is None


def test_what_is_suspected_is_confirmed() -> None:
    """Twice as slow is clear: once nothing is open, fresh rounds are to say it, too."""
    suspected, fine = duet(2, LOOKS[0]), duet(1, LOOKS[0], name="b")

    assert turn("confirm", 1) == SCHEDULE([fine, suspected], 10)
    assert SCHEDULE([fine, duet(2, LOOKS[0], again=LOOKS[0])], 10) is None


def test_confirmations_come_first_when_time_grows_short() -> None:
    """An open answer waits for the confirmation from three fifths of the time on."""
    duets = [duet(1, 1), duet(2, LOOKS[0], name="b")]

    assert turn("screen", 0) == SCHEDULE(duets, 59.9)
    assert turn("confirm", 1) == SCHEDULE(duets, 60)
    assert turn("screen", 0) == SCHEDULE(duets[:1], 99.9)


def test_first_rounds_and_confirmations_are_both_open() -> None:
    """Early in the time only first rounds are asked for, late confirmations first: both count."""
    duets = [duet(1, 1), duet(2, LOOKS[0], name="b"), duet(1, LOOKS[0], name="c")]

    assert 2 == open_count(SCHEDULE, duets, time_budget_s=100)
    assert 0 == open_count(SCHEDULE, duets[2:], time_budget_s=100)


def test_nothing_begins_when_the_time_is_over() -> None:
    """At the budget's end, and with a budget of nothing, there is no further round."""
    assert SCHEDULE([duet(1, 0)], 100) is None
    assert sequential(lambda _: 0.15, time_budget_s=0)([duet(1, 0)], 0) is None


def test_rounds_end_at_their_maximum() -> None:
    """What is open after as many rounds as allowed stays open."""
    schedule = sequential(lambda _: 0.15, time_budget_s=100, rounds_max=2)

    assert turn("screen", 0) == schedule([duet(1, 1)], 0)
    assert schedule([duet(1, 2)], 0) is None


def test_rounds_to_go_end_at_a_look() -> None:
    """From any number of rounds it is a look's that is reached, and one round beyond the last."""
    assert all(n + rounds_to_go(n) in LOOKS for n in range(LOOKS[-1]))
    assert 1 == rounds_to_go(LOOKS[-1])


def test_the_time_goes_to_as_many_verdicts_as_possible() -> None:
    """Of a cheap, a middling and a dear benchmark the first two are affordable."""
    chosen = affordable(
        {"dear": 5, "cheap": 5, "middling": 5},
        {"dear": 4.0, "cheap": 0.1, "middling": 0.4},
        start_s=1.0,
        time_s=8.0,
        lane_count=2,
    )

    assert ("cheap", "middling") == chosen


@given(
    costs=st.lists(st.floats(0.01, 5), min_size=1, max_size=20),
    time_s=st.floats(0, 60),
    to_go=st.integers(1, 10),
)
def test_what_is_chosen_fits_the_time(costs, time_s, to_go) -> None:
    """All of it, with its imports, or the cheapest; of equal rounds no cheaper one is left out."""
    cost_s = {str(index): cost for index, cost in enumerate(costs)}

    chosen = affordable(
        dict.fromkeys(cost_s, to_go), cost_s, start_s=0.5, time_s=time_s, lane_count=1
    )

    total_s = sum(cost_s[name] for name in chosen) * to_go + 0.5 * to_go
    assert len(chosen) == 1 or total_s <= time_s / 1.2
    left = [cost for name, cost in cost_s.items() if name not in chosen]
    assert all(cost_s[name] <= min(left, default=6) for name in chosen)


def test_what_is_not_known_gets_a_first_round() -> None:
    """Before the first round no cost is known."""
    known = affordable({"a": 5, "b": 5}, {}, start_s=1.0, time_s=0.5, lane_count=1)

    assert ("a", "b") == known


@pytest.mark.parametrize("budget_s", [1.0, 60.0])
def test_metrics_without_limit_are_confirmed_by_nothing(budget_s) -> None:
    """What cannot regress is never suspected."""
    schedule = sequential(lambda _: None, time_budget_s=budget_s)

    following = schedule([duet(2, LOOKS[0])], 0.0)

    assert following is None or following.kind == "screen"
