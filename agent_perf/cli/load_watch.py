"""
Tells on a terminal how far a load is, and ends it when its time is over, or by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from agent_perf.cli.interruption import Interruption, interruptible
from agent_perf.load import Course
from agent_perf.measure import looking_on
from agent_perf.units import NS, format_value

_EVERY_S: Final = 0.25
_CLEAR: Final = "\r\x1b[K"


@contextmanager
def watched(
    course: Course,
    *,
    time_budget_s: float | None,
    label: Callable[[], str],
    clock: str = "virtual time",
) -> Iterator[Interruption]:
    """
    Tell on a terminal's standard error how far *course* is while the body runs.

    Yield whether it was interrupted: a first Ctrl-C or SIGTERM ends *course*, if there is
    something to be told of it, and another one the body.

    Args:
        course: Of the load; told to stop *time_budget_s* real seconds after its first request.
        time_budget_s: None: it has all the time.
        label: What is under way, in a few words.
        clock: What time *course* goes by, in words.
    """
    shows = sys.stderr.isatty()
    begin_s: float | None = None

    def look(spent_s: float) -> None:
        nonlocal begin_s
        if begin_s is None and course.offered:
            # What is imported and set up before the first request is not the load's time.
            begin_s = spent_s
        spent_of_it_s = 0.0 if begin_s is None else spent_s - begin_s
        if time_budget_s is not None and spent_of_it_s >= time_budget_s:
            course.stop = True
        if shows:
            at = format_value(course.at_ns / NS, "s") if course.at_ns else "0 s"
            sys.stderr.write(
                f"{_CLEAR}{label()}: {at} of {clock}, {course.offered:,} requests, {spent_s:.0f} s"
            )
            sys.stderr.flush()

    def end() -> bool:
        course.stop = course.offered > 0
        return course.stop

    try:
        with looking_on(look, every_s=_EVERY_S), interruptible(end) as interruption:
            yield interruption
    finally:
        if shows:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
