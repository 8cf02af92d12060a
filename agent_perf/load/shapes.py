"""
Shapes of load that change over time: ramps, spikes, stairs and bursts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_perf.errors import ConfigError
from agent_perf.load.arrivals import Arrival, Dice, want_variation
from agent_perf.load.profiled import Profiled
from agent_perf.load.profiles import (
    Profile,
    level,
    seconds_ns,
    slope,
    want_rate,
    want_seconds,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp(Profiled):
    """
    A rate that changes evenly from *from_hz* to *to_hz* in *for_s* seconds.

    Attributes:
        cv: As in Gamma; 0 for even gaps.
    """

    from_hz: float
    to_hz: float
    for_s: float
    cv: float = 1.0

    def __post_init__(self) -> None:
        if self.from_hz:
            want_rate("from_hz", self.from_hz)
        if self.to_hz or not self.from_hz:
            want_rate("to_hz", self.to_hz)
        want_seconds("for_s", self.for_s)
        want_variation("cv", self.cv)

    def profile(self) -> Profile:
        """Return the rate over time."""
        return Profile(segments=(slope(self.from_hz, self.to_hz, self.for_s),))

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return self.cv

    def describe(self) -> str:
        """Return the load in words."""
        return f"ramp {self.from_hz:g} to {self.to_hz:g}/s in {self.for_s:g} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike(Profiled):
    """
    A steady load that is *factor* times as high for a while.

    Attributes:
        rate_hz: The steady load, before and after.
        for_s: Length of all.
        factor: > 0.
        at_s: Where the spike begins.
        spike_s: Its length; it ends before *for_s*, so that recovery shows.
        cv: As in Gamma; 0 for even gaps.
    """

    rate_hz: float
    for_s: float
    factor: float = 10.0
    at_s: float
    spike_s: float
    cv: float = 1.0

    def __post_init__(self) -> None:
        want_rate("rate_hz", self.rate_hz)
        want_rate("rate_hz * factor", self.rate_hz * self.factor)
        want_seconds("for_s", self.for_s)
        want_seconds("at_s", self.at_s)
        want_seconds("spike_s", self.spike_s)
        want_variation("cv", self.cv)
        if not self.at_s + self.spike_s < self.for_s:
            raise ConfigError(
                f"a spike from {self.at_s:g} to {self.at_s + self.spike_s:g} s in a load of "
                f"{self.for_s:g} s; want it to end before, so that recovery shows"
            )

    def profile(self) -> Profile:
        """Return the rate over time."""
        return Profile(
            segments=(
                level(self.rate_hz, self.at_s),
                level(self.rate_hz * self.factor, self.spike_s),
                level(self.rate_hz, self.for_s - self.at_s - self.spike_s),
            )
        )

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return self.cv

    def describe(self) -> str:
        """Return the load in words."""
        return (
            f"spike {self.rate_hz:g}/s for {self.for_s:g} s, x{self.factor:g} at {self.at_s:g} s "
            f"for {self.spike_s:g} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress(Profiled):
    """
    Stairs of load: where the system breaks, the timeline shows.

    Attributes:
        from_hz: Rate of the first step.
        to_hz: Highest rate; the last step does not pass it.
        step_hz: Rate added by each step.
        step_s: Length of a step.
        cv: As in Gamma; 0 for even gaps.
    """

    from_hz: float
    to_hz: float
    step_hz: float
    step_s: float
    cv: float = 1.0

    def __post_init__(self) -> None:
        want_rate("from_hz", self.from_hz)
        want_rate("to_hz", self.to_hz)
        want_rate("step_hz", self.step_hz)
        want_seconds("step_s", self.step_s)
        want_variation("cv", self.cv)
        if self.to_hz < self.from_hz or (self.to_hz - self.from_hz) / self.step_hz > 10_000:
            raise ConfigError(
                f"steps of {self.step_hz:g}/s from {self.from_hz:g} to {self.to_hz:g}/s; want "
                "1 to 10,000 steps upwards"
            )

    def rates(self) -> tuple[float, ...]:
        """Return the rate of each step, per second."""
        count = int((self.to_hz - self.from_hz) / self.step_hz + 1e-9) + 1
        return tuple(self.from_hz + index * self.step_hz for index in range(count))

    def profile(self) -> Profile:
        """Return the rate over time."""
        return Profile(segments=tuple(level(rate_hz, self.step_s) for rate_hz in self.rates()))

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        return self.cv

    def describe(self) -> str:
        """Return the load in words."""
        return (
            f"stress {self.from_hz:g} to {self.to_hz:g}/s, {self.step_hz:g}/s more each "
            f"{self.step_s:g} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """
    *size* requests at one instant, every *every_s* seconds: cron jobs, pushed notifications.
    """

    size: int
    every_s: float
    for_s: float

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"size={self.size}; want a burst of at least one request")
        want_seconds("every_s", self.every_s)
        want_seconds("for_s", self.for_s)

    @property
    def length_s(self) -> float:
        """How long requests arrive, in seconds."""
        return self.for_s

    @property
    def expected_count(self) -> int:
        """How many requests, exactly."""
        return self.size * -(-seconds_ns(self.for_s) // seconds_ns(self.every_s))

    def arrivals(self, dice: Dice) -> Iterator[Arrival]:
        """Yield the requests in order of their arrival, lazily."""
        for at_ns in range(0, seconds_ns(self.for_s), seconds_ns(self.every_s)):
            for _ in range(self.size):
                yield Arrival(at_ns)

    def describe(self) -> str:
        """Return the load in words."""
        return f"bursts of {self.size} every {self.every_s:g} s for {self.for_s:g} s"
