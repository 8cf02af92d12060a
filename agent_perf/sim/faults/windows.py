"""
When a fault is on: windows on the clock that begins with what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_perf.sim.faults.fault import Fault


def window_at(fault: Fault, now_ns: int) -> tuple[int, int | None] | None:
    """Return begin and end of *fault*'s window around *now_ns*; None: it is off."""
    begin_ns, length_ns, period_ns = fault.begin_ns, fault.length_ns, fault.period_ns
    if now_ns < begin_ns:
        return None
    if length_ns is None:
        return begin_ns, None
    if period_ns is not None:
        begin_ns = now_ns - (now_ns - begin_ns) % period_ns
    return None if now_ns >= begin_ns + length_ns else (begin_ns, begin_ns + length_ns)


def next_begin_ns(fault: Fault, now_ns: int) -> int | None:
    """Return when the first window of *fault* at or after *now_ns* begins; None: never."""
    begin_ns, period_ns = fault.begin_ns, fault.period_ns
    if now_ns <= begin_ns:
        return begin_ns
    if period_ns is None:
        return None
    return begin_ns - (begin_ns - now_ns) // period_ns * period_ns


def windows_until(fault: Fault, end_ns: int) -> Iterator[tuple[int, int]]:
    """Return begin and end of each window of *fault* that begins before *end_ns*, cut there."""
    begin_ns: int | None = fault.begin_ns
    while begin_ns is not None and begin_ns < end_ns:
        length_ns = fault.length_ns
        yield begin_ns, end_ns if length_ns is None else min(end_ns, begin_ns + length_ns)
        begin_ns = next_begin_ns(fault, begin_ns + 1)
