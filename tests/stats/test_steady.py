from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.records import Bucket, FaultWindow, LatencySummary, StateChange, Timeline
from agent_perf.stats import StateTotal, steady_state

S = 1_000_000_000


def timeline(good: Sequence[int], asked: int = 10) -> Timeline:
    """One bucket a second: so many good answers of *asked*, the others errors."""
    return Timeline(
        bucket_ns=S,
        buckets=tuple(
            Bucket(
                started=asked,
                ended=asked,
                good=count,
                errors={"timeout": asked - count} if count < asked else {},
                latency=LatencySummary(count=asked, p95_ns=(asked - count + 1) * 1000),
            )
            for count in good
        ),
    )


def window(start_s: float, end_s: float, name: str = "redis outage") -> FaultWindow:
    return FaultWindow(
        name=name,
        service="redis",
        kind="outage",
        start_ns=round(start_s * S),
        end_ns=round(end_s * S),
    )


def test_a_window_has_a_before_a_during_and_an_after() -> None:
    """
    Worked by hand: 10 of 10, then 2 of 10 for two seconds, 6 and 8 on the way back, then all.
    """
    effect = steady_state(
        timeline([10, 10, 10, 2, 2, 6, 8, 10, 10, 10, 10]), [window(3, 5)]
    ).windows[0]

    assert (1.0, 0.2) == (effect.before_ratio, effect.during_ratio)
    # Buckets 5 to 9; the last one is left out.
    assert effect.after_ratio == 44 / 50
    # From bucket 6 on three buckets have 28 of 30, and one request may straddle an edge.
    assert effect.recovery_ns == S
    assert effect.watched_ns == 5 * S
    assert {"timeout": 16} == effect.errors
    assert (1000, 9000) == (effect.p95_ns_before, effect.p95_ns_during)


def test_a_single_good_moment_is_no_recovery() -> None:
    """
    Goodput counts as back only when three buckets in a row have it.
    """
    flapping = timeline([10, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0])

    assert steady_state(flapping, [window(2, 3)]).windows[0].recovery_ns is None


def test_few_requests_tell_nothing_of_a_recovery() -> None:
    """
    Where two requests are asked in a second, ten seconds are looked at, and not three.
    """
    sparse = timeline([2, 2, 0, 2, 2, 2, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2], asked=2)

    assert steady_state(sparse, [window(2, 3)]).windows[0].recovery_ns == 5 * S


def test_answers_that_were_held_up_do_not_hide_failures() -> None:
    """
    What a hang lets go all at once counts for no more than was asked at that time.
    """
    held = timeline([10, 10, 0, 40, 0, 0, 10, 10, 10, 10])

    assert steady_state(held, [window(2, 3)]).windows[0].recovery_ns == 3 * S


def test_without_a_before_there_is_nothing_to_compare_with() -> None:
    """
    A window from the first instant on has errors, and no ratios.
    """
    effect = steady_state(timeline([2, 2, 10, 10, 10]), [window(0, 2)]).windows[0]

    assert (None, None, None, None) == (
        effect.before_ratio,
        effect.during_ratio,
        effect.after_ratio,
        effect.recovery_ns,
    )
    assert {"timeout": 16} == effect.errors


def test_other_windows_are_neither_before_nor_after() -> None:
    """
    The goodput before the second window leaves out the first one's buckets.
    """
    both = [window(1, 2, "first"), window(4, 5, "second")]
    second = steady_state(timeline([10, 0, 10, 10, 5, 10, 10, 10, 10]), both).windows[1]

    assert (1.0, 0.5, 1.0, 0) == (
        second.before_ratio,
        second.during_ratio,
        second.after_ratio,
        second.recovery_ns,
    )


def test_without_a_timeline_there_are_no_effects() -> None:
    """
    States and counts are told all the same.
    """
    told = steady_state(
        None, [window(1, 2)], counts={"llm_retries": 3, "faults": 2, "redis_trips": 9}
    )

    assert () == told.windows
    assert {"llm_retries": 3, "faults": 2} == told.retries


def test_states_last_until_the_next_one() -> None:
    """
    Worked by hand: open from 2 to 5 s and from 6 to 9, half-open in between, closed to 10.
    """
    states = [
        StateChange(at_ns=at * S, name="breaker.llm", state=state)
        for at, state in ((2, "open"), (5, "half-open"), (6, "open"), (9, "closed"))
    ]

    assert (
        StateTotal(name="breaker.llm", state="closed", entries=1, total_ns=S),
        StateTotal(name="breaker.llm", state="half-open", entries=1, total_ns=S),
        StateTotal(name="breaker.llm", state="open", entries=2, total_ns=6 * S),
    ) == steady_state(None, [], states=states, duration_ns=10 * S).states


@given(st.lists(st.integers(0, 10), min_size=6, max_size=30), st.integers(1, 4), st.integers(1, 3))
def test_recovery_is_the_first_stretch_that_is_good(
    good: list[int], start: int, length: int
) -> None:
    """
    The recovery time is that of a slow search through all stretches of three buckets.
    """
    good[0] = 10
    effect = steady_state(timeline(good), [window(start, start + length)]).windows[0]
    before = sum(good[:start]) / (10 * start)

    found = None
    for first in range(len(good) - 1 - 3, start + length - 1, -1):
        if good[first] and sum(good[first : first + 3]) >= 0.95 * before * 30 - 1:
            found = first
    assert effect.recovery_ns == (None if found is None else (found - start - length) * S)
