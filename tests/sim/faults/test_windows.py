from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim.faults import Fault, FaultKind
from agent_perf.sim.faults.windows import next_begin_ns, window_at, windows_until

S = 1_000_000_000


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    """Faults with windows of whole seconds, at most once or again and again."""
    length = draw(st.none() | st.integers(1, 5))
    period = None if length is None else draw(st.none() | st.integers(length, 9))
    return Fault(
        kind=FaultKind.OUTAGE,
        service="redis",
        at_s=draw(st.integers(0, 8)),
        for_s=length,
        every_s=period,
    )


def oracle(fault: Fault, end: int) -> list[tuple[int, int]]:
    """Begin and end of each window, in seconds, by counting."""
    windows = []
    begin = int(fault.at_s)
    while begin < end:
        windows.append((begin, end if fault.for_s is None else min(end, begin + int(fault.for_s))))
        if fault.every_s is None:
            break
        begin += int(fault.every_s)
    return windows


@given(faults(), st.integers(0, 40))
def test_windows_are_those_of_counting(fault: Fault, end: int) -> None:
    """
    All windows until some time are those that counting through the seconds gives.
    """
    assert oracle(fault, end) == [(a // S, b // S) for a, b in windows_until(fault, end * S)]


@given(faults(), st.integers(0, 30))
def test_a_window_holds_its_begin_and_not_its_end(fault: Fault, now: int) -> None:
    """
    A fault is on at the instants of its windows: from the begin, up to and without the end.
    """
    inside = any(begin <= now < end for begin, end in oracle(fault, 50))

    assert inside == (window_at(fault, now * S) is not None)


@given(faults(), st.integers(0, 30))
def test_the_next_begin_is_the_first_not_past(fault: Fault, now: int) -> None:
    """
    The next begin is the first at or after now.
    """
    begins = [begin * S for begin, _ in oracle(fault, 60) if begin >= now]

    assert (begins[0] if begins else None) == next_begin_ns(fault, now * S)
