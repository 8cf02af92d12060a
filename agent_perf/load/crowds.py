"""
Who the requests of a load come from, if not from everybody in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_perf.errors import ConfigError
from agent_perf.load.arrivals import Arrival, Dice, Shape
from agent_perf.load.data.zipf import Zipf


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """
    The requests of *shape*, each from a user by chance.

    Attributes:
        shape: When they arrive; users that it names itself stay.
        users: Number of users, >= 1.
        exponent: How uneven they are, as in data.Zipf: 0 all alike, 1 a few ask the most.
    """

    shape: Shape
    users: int
    exponent: float = 0.0

    def __post_init__(self) -> None:
        if self.users < 1:
            raise ConfigError(f"users={self.users}; want at least 1")
        Zipf(1, self.exponent)

    @property
    def length_s(self) -> float:
        """How long requests arrive, in seconds."""
        return self.shape.length_s

    @property
    def expected_count(self) -> int:
        """How many requests, as the shape says."""
        return self.shape.expected_count

    def arrivals(self, dice: Dice) -> Iterator[Arrival]:
        """Yield the requests in order of their arrival, lazily."""
        popularity = Zipf(self.users, self.exponent)
        for request_id, arrival in enumerate(self.shape.arrivals(dice)):
            if arrival.user is None:
                user = popularity.at(dice.u53_for("load.user", request_id))
                yield arrival._replace(user=user)
            else:
                yield arrival

    def describe(self) -> str:
        """Return the load in words."""
        return f"{self.shape.describe()}, from {self.users} users by chance"
