"""
Steady loads: one rate for all the time, and what differs is how irregular the gaps are.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_perf.load.arrivals import want_variation
from agent_perf.load.profiled import Profiled
from agent_perf.load.profiles import Profile, level, want_rate, want_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Profiled):
    """
    *rate_hz* requests per second, evenly spaced, for *for_s* seconds; the first at once.
    """

    rate_hz: float
    for_s: float

    def __post_init__(self) -> None:
        want_rate("rate_hz", self.rate_hz)
        want_seconds("for_s", self.for_s)

    def profile(self) -> Profile:
        """Return the rate over time."""
        return Profile(segments=(level(self.rate_hz, self.for_s),))

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return 0.0

    def describe(self) -> str:
        """Return the load in words."""
        return f"constant {self.rate_hz:g}/s for {self.for_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson(Constant):
    """
    *rate_hz* requests per second on average, independent of each other: what many users make.
    """

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return 1.0

    def describe(self) -> str:
        """Return the load in words."""
        return f"poisson {self.rate_hz:g}/s for {self.for_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma(Constant):
    """
    *rate_hz* requests per second on average that come in clusters.

    Attributes:
        cv: Coefficient of variation of the gaps: 0.5 (regular), 1 (Poisson), 2, 4 (bursts).
    """

    cv: float = 2.0

    def __post_init__(self) -> None:
        # Zero-argument super() does not know the class that slots=True makes.
        Constant.__post_init__(self)
        want_variation("cv", self.cv)

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return self.cv

    def describe(self) -> str:
        """Return the load in words."""
        return f"gamma {self.rate_hz:g}/s, cv {self.cv:g}, for {self.for_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak(Poisson):
    """
    The same load for hours: what leaks, fills up or ages shows.
    """

    for_s: float = 3_600.0

    def describe(self) -> str:
        """Return the load in words."""
        return f"soak {self.rate_hz:g}/s for {self.for_s:g} s"
