"""
Rates that change over time, in integers: when the next request arrives.

A shape of load is a profile of the rate, and how regular the gaps are. Gaps with a mean
of one are added up and mapped through the inverse of the profile's integral; so every
shape and every rate uses the same draws, and nothing is thinned out or rounded twice.
Source: time rescaling, Çınlar, *Introduction to Stochastic Processes* (1975), 4.7.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.units import NS

_MICRO: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """
    A stretch of time in which the rate changes evenly.

    Attributes:
        length_ns: > 0.
        from_uhz: Rate at its begin in millionths of a request per second, >= 0.
        to_uhz: Rate at its end, likewise.
    """

    length_ns: int
    from_uhz: int
    to_uhz: int

    @property
    def double_area(self) -> int:
        """Twice the requests in it, in 10^-15 requests: an integer."""
        return (self.from_uhz + self.to_uhz) * self.length_ns

    def offset_ns(self, double_area: int) -> int:
        """Return after how long *double_area*, less than its own, has arrived; ns, rounded down."""
        rate, growth, length_ns = self.from_uhz, self.to_uhz - self.from_uhz, self.length_ns
        if not growth:
            return double_area // (2 * rate)
        # growth t^2 / length + 2 rate t = double_area, solved for t, times length.
        start = rate * length_ns
        square = start * start + growth * length_ns * double_area
        # Rounded towards the begin, so that t is the exact solution rounded down.
        root = math.isqrt(square) if growth > 0 else _isqrt_up(square)
        return (root - start) // growth


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A rate over time: at least one segment, one after the other, from time 0."""

    segments: tuple[Segment, ...]

    @property
    def length_ns(self) -> int:
        """Its end."""
        return sum(segment.length_ns for segment in self.segments)

    @property
    def expected_count(self) -> int:
        """Requests on average, rounded down."""
        return sum(segment.double_area for segment in self.segments) // (2 * _MICRO * NS)

    def instants(self, progress: Iterable[int]) -> Iterator[int]:
        """
        Yield when each request arrives, in ns, ascending, all before the end.

        Args:
            progress: Requests since the begin at each arrival, in billionths, ascending;
                with even gaps 0, 10^9, 2 * 10^9... Longer than the profile.
        """
        passed = iter(progress)
        wanted = 2 * _MICRO * next(passed)
        begin_ns = area = 0
        for segment in self.segments:
            while wanted < area + segment.double_area:
                yield begin_ns + segment.offset_ns(wanted - area)
                wanted = 2 * _MICRO * next(passed)
            begin_ns += segment.length_ns
            area += segment.double_area


def level(rate_hz: float, for_s: float) -> Segment:
    """Return a stretch of *for_s* seconds with *rate_hz* requests per second."""
    return slope(rate_hz, rate_hz, for_s)


def slope(from_hz: float, to_hz: float, for_s: float) -> Segment:
    """Return a stretch of *for_s* seconds whose rate changes evenly."""
    return Segment(length_ns=seconds_ns(for_s), from_uhz=rate_uhz(from_hz), to_uhz=rate_uhz(to_hz))


def rate_uhz(rate_hz: float) -> int:
    """Return a rate in millionths of a request per second."""
    return round(rate_hz * _MICRO)


def seconds_ns(seconds: float) -> int:
    """Return seconds in ns."""
    return round(seconds * NS)


def want_rate(name: str, value: float) -> None:
    """
    Return if *value* can be a rate.

    Raises:
        ConfigError: If it is not a finite number of 10^-6 to 10^6 requests per second.
    """
    if not _is_number(value) or not 1 / _MICRO <= value <= _MICRO:
        raise ConfigError(f"{name}={value!r}; want requests per second, from 0.000001 to 1,000,000")


def want_seconds(name: str, value: float) -> None:
    """
    Return if *value* can be a length of time.

    Raises:
        ConfigError: If it is not a finite number of 1 ms to 30 days.
    """
    if not _is_number(value) or not 0.001 <= value <= 30 * 86_400:
        raise ConfigError(f"{name}={value!r}; want seconds, from 0.001 to 2,592,000 (30 days)")


def _isqrt_up(square: int) -> int:
    root = math.isqrt(square)
    return root if root * root == square else root + 1


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
