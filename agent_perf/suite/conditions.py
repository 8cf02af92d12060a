"""
What the machine did while a round was measured, by what the system counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf.records import RoundConditions

_PRESSURE: Final = Path("/proc/pressure/cpu")
_STAT: Final = Path("/proc/stat")
_STEAL: Final = 7
"""Where the steal time stands among the fields of a CPU line: proc(5)."""
_FIELDS: Final = 8
"""Fields that make up a CPU's time; those after them, of guests, are counted in the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """
    What the system has counted up to a moment; None for what it does not count.

    Attributes:
        at_s: The moment, on the monotonic clock.
        waited_s: Time in which some task waited for a CPU.
        stolen_ticks: Time that the hypervisor gave to others, of all CPUs together.
        all_ticks: Time of all CPUs together, idle or not.
    """

    at_s: float
    waited_s: float | None = None
    stolen_ticks: int | None = None
    all_ticks: int | None = None


def read_counters(pressure: Path = _PRESSURE, stat: Path = _STAT) -> Counters:
    """
    Return the system's counters now; about 0.1 ms.

    Args:
        pressure: Where Linux keeps the pressure on its CPUs; absent elsewhere.
        stat: Where it keeps their times; likewise.

    Source: Linux, *PSI - Pressure Stall Information*; proc(5).
    """
    ticks = _ticks(_lines(stat))
    return Counters(
        at_s=time.monotonic(),
        waited_s=_waited_s(_lines(pressure)),
        stolen_ticks=ticks[_STEAL] if ticks else None,
        all_ticks=sum(ticks) if ticks else None,
    )


def conditions_between(
    start: Counters, end: Counters, switches_count: int | None
) -> RoundConditions:
    """
    Return what the machine did from *start* to *end*.

    Args:
        start: Counters before the round.
        end: Counters after it.
        switches_count: Involuntary context switches of both sides in the round; None if
            nobody counted them.
    """
    passed_s = end.at_s - start.at_s
    return RoundConditions(
        pressure_ratio=_share(start.waited_s, end.waited_s, passed_s),
        steal_ratio=_share(
            start.stolen_ticks, end.stolen_ticks, (end.all_ticks or 0) - (start.all_ticks or 0)
        ),
        switches_count=switches_count,
    )


def _share(start: float | None, end: float | None, whole: float) -> float | None:
    if start is None or end is None or whole <= 0:
        return None
    # The system adds to its counters in its own time: a short round may seem to have
    # waited longer than it was, and steal time may even step back.
    return min(1.0, max(0.0, (end - start) / whole))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        # Other systems have no such file, and a kernel may be told to keep none.
        return []


def _waited_s(lines: Iterable[str]) -> float | None:
    for line in lines:
        kind, *fields = line.split()
        totals = [field.removeprefix("total=") for field in fields if field.startswith("total=")]
        if kind == "some" and totals:
            return int(totals[0]) / 1e6
    return None


def _ticks(lines: Iterable[str]) -> tuple[int, ...]:
    for line in lines:
        kind, *fields = line.split()
        if kind == "cpu" and len(fields) >= _FIELDS:
            return tuple(int(field) for field in fields[:_FIELDS])
    return ()
