"""
Which rates to try, and in which order, to find the highest that is carried.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from agent_perf.records import LoadRun, Probe

_PROBES_MAX: Final = 64
_MICRO: Final = 1_000_000
_SCOUT_TOLERANCE_RATIO: Final = 0.25
"""Nearer than that, scouts would only guess what full length decides."""

Attempt = Callable[[float, float], tuple[Probe, LoadRun] | None]
"""Tries a rate per second for so many seconds; None if it was told to stop meanwhile."""


class CapacitySearch:
    """
    One search; what it has tried is kept, so that an end before its time costs nothing.

    Args:
        attempt: Tries a rate.
        low_hz: Lowest rate tried, > 0.
        high_hz: Highest rate tried, > *low_hz*.
        for_s: Length of the attempts that count.
        scout_s: Of those that find the way, by their rate; if not shorter, they count, too.
    """

    def __init__(
        self,
        attempt: Attempt,
        *,
        low_hz: float,
        high_hz: float,
        for_s: float,
        scout_s: Callable[[float], float],
    ) -> None:
        self._attempt = attempt
        self._for_s, self._scout_s = for_s, scout_s
        self._low, self._high = round(low_hz * _MICRO), round(high_hz * _MICRO)
        # Rates are in millionths per second: a bisection of floats ends anywhere.
        self._tried: dict[tuple[int, bool], Probe] = {}
        self._best: tuple[int, LoadRun] | None = None
        self._worst: tuple[int, LoadRun] | None = None

    @property
    def carried(self) -> LoadRun | None:
        """The run at the highest rate that held at full length; None without one."""
        return None if self._best is None else self._best[1]

    @property
    def broken(self) -> LoadRun | None:
        """The run at the lowest rate that did not hold at full length; None without one."""
        return None if self._worst is None else self._worst[1]

    def probes(self, *, scouts: bool) -> tuple[Probe, ...]:
        """Return what was tried at full length, or by scouts, by rate."""
        return tuple(
            probe for (_, is_scout), probe in sorted(self._tried.items()) if is_scout == scouts
        )

    def run(self, *, tolerance_ratio: float) -> bool:
        """
        Search until two rates are *tolerance_ratio* apart; return whether it came to its end.
        """
        try:
            self._search(tolerance_ratio)
        except _StoppedError:
            return False
        return True

    def _search(self, tolerance_ratio: float) -> None:
        low, high = self._climb(self._low, scout=True)
        if high is not None:
            low, high = self._bisect(low, high, _SCOUT_TOLERANCE_RATIO, scout=True)
        low, high = self._confirm(low, high)
        if high is not None and self._kept(low):
            self._bisect(low, high, tolerance_ratio)

    def _climb(self, low: int, *, scout: bool = False) -> tuple[int, int | None]:
        """Double from *low*; return the last rate that held and the first that did not."""
        if not self._kept(low, scout=scout):
            return low, None
        while low < self._high:
            above = min(2 * low, self._high)
            if not self._kept(above, scout=scout):
                return low, above
            low = above
        return low, None

    def _confirm(self, low: int, high: int | None) -> tuple[int, int | None]:
        """Return two rates of which, at full length, one holds and the next does not."""
        while not self._kept(low):
            if low <= self._low:
                return low, None
            # Queues had more time to grow than with the scout.
            low, high = max(self._low, math.isqrt(low * low // 2)), low
        if high is None or self._kept(high):
            return self._climb(low if high is None else high)
        return low, high

    def _bisect(
        self, low: int, high: int, tolerance_ratio: float, *, scout: bool = False
    ) -> tuple[int, int]:
        while (high - low) > low * tolerance_ratio and len(self._tried) < _PROBES_MAX:
            middle = (low + high) // 2
            low, high = (middle, high) if self._kept(middle, scout=scout) else (low, middle)
        return low, high

    def _kept(self, rate: int, *, scout: bool = False) -> bool:
        length_s = self._scout_s(rate / _MICRO) if scout else self._for_s
        is_scout = length_s < self._for_s
        probe = self._tried.get((rate, is_scout))
        if probe is None:
            found = self._attempt(rate / _MICRO, length_s)
            if found is None:
                raise _StoppedError
            probe, run = found
            self._tried[rate, is_scout] = probe
            if not is_scout:
                self._keep(rate, run, kept=probe.kept)
        return probe.kept

    def _keep(self, rate: int, run: LoadRun, *, kept: bool) -> None:
        """Keep *run* if it is the best that held or the first that did not."""
        if kept and (self._best is None or rate > self._best[0]):
            self._best = (rate, run)
        if not kept and (self._worst is None or rate < self._worst[0]):
            self._worst = (rate, run)


class _StoppedError(Exception):
    """An attempt was ended, and with it the search."""
