"""
What shapes share whose requests follow a rate over time.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_perf.load.arrivals import Arrival, Dice, progress
from agent_perf.load.profiles import Profile
from agent_perf.units import NS


class Profiled:
    """A shape whose requests follow a rate over time."""

    __slots__ = ()

    def profile(self) -> Profile:
        """Return the rate over time."""
        raise NotImplementedError

    def variation(self) -> float:
        """Return how irregular the gaps are."""
        raise NotImplementedError

    @property
    def length_s(self) -> float:
        """How long requests arrive, in seconds."""
        return self.profile().length_ns / NS

    @property
    def expected_count(self) -> int:
        """How many requests, on average."""
        return self.profile().expected_count

    def arrivals(self, dice: Dice) -> Iterator[Arrival]:
        """Yield the requests in order of their arrival, lazily."""
        for at_ns in self.profile().instants(progress(dice, self.variation())):
            yield Arrival(at_ns)
