"""
Requests that arrive by themselves, whether or not those before were answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from agent_perf.errors import ConfigError
from agent_perf.load.profiles import rate_uhz
from agent_perf.units import NS

GAPS: Final = {
    0.5: "unit.gamma.cv0.5",
    1.0: "unit.exponential",
    2.0: "unit.gamma.cv2",
    4.0: "unit.gamma.cv4",
}
"""Coefficient of variation of the gaps to the table that they are drawn from; 0 is even."""

# No scenario draws under this name, so none moves an arrival.
_OPERATION: Final = "load.arrival"


class Arrival(NamedTuple):
    """
    A request that arrives.

    Attributes:
        at_ns: When, counted from the begin of the load.
        user: Who asks; None: dealt in turn.
        text: What is asked, if the source of the load says so.
    """

    at_ns: int
    user: int | None = None
    text: str = ""


class Dice(Protocol):
    """Where shapes get their chances from."""

    def ns_for(self, operation: str, request_id: int, table: str) -> int:
        """Return the draw of request *request_id* for *operation* from a table, in ns."""

    def u53_for(self, operation: str, request_id: int) -> int:
        """Return the draw of request *request_id* for *operation*, uniform on [0, 2^53)."""


class Shape(Protocol):
    """A load over time."""

    @property
    def length_s(self) -> float:
        """How long requests arrive, in seconds."""

    @property
    def expected_count(self) -> int:
        """How many requests, roughly."""

    def arrivals(self, dice: Dice) -> Iterator[Arrival]:
        """Yield the requests in order of their arrival, lazily."""

    def describe(self) -> str:
        """Return the load in words: ``poisson 20/s for 60 s``."""


def progress(dice: Dice, variation: float) -> Iterator[int]:
    """
    Yield for each request the sum of the gaps before it, in billionths of a mean gap.

    Even gaps begin with 0, drawn ones with the first gap.

    Args:
        dice: Where gaps are drawn, keyed by the number of the request.
        variation: Coefficient of variation of the gaps: 0 or a key of GAPS.
    """
    total = request_id = 0
    if not variation:
        while True:
            yield total
            total += NS
    table = GAPS[variation]
    while True:
        total += dice.ns_for(_OPERATION, request_id, table)
        yield total
        request_id += 1


def want_variation(name: str, value: float) -> None:
    """
    Return if there is a table for gaps that vary by *value*.

    Raises:
        ConfigError: If not.
    """
    if value != 0 and value not in GAPS:
        raise ConfigError(
            f"{name}={value!r}; want 0 (even gaps), 1 (Poisson) or one of "
            f"{', '.join(f'{known:g}' for known in GAPS)}: gaps are drawn from committed tables"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What a load keeps within; requests beyond are dropped, and counted as that.

    Attributes:
        in_flight_max: Requests under way at a time, >= 1; None: any number.
        rate_max_hz: Requests per second; None: any rate.
        burst: Requests that may come at once under *rate_max_hz*, >= 1.
    """

    in_flight_max: int | None = None
    rate_max_hz: float | None = None
    burst: int = 1

    def __post_init__(self) -> None:
        if self.in_flight_max is not None and self.in_flight_max < 1:
            raise ConfigError(f"in_flight_max={self.in_flight_max}; want >= 1, or None for no end")
        if self.rate_max_hz is not None and not 1e-6 <= self.rate_max_hz <= 1e6:
            raise ConfigError(f"rate_max_hz={self.rate_max_hz}; want 0.000001 to 1,000,000")
        if self.burst < 1:
            raise ConfigError(f"burst={self.burst}; want >= 1")


class RateLimit:
    """
    A token bucket in integers.

    Source: the virtual scheduling algorithm (GCRA), ITU-T I.371, annex A.
    """

    def __init__(self, limits: Limits) -> None:
        assert limits.rate_max_hz is not None
        # Times are in millionths of a ns, so that the gap is exact enough for days.
        self._gap = NS * 10**12 // rate_uhz(limits.rate_max_hz)
        self._slack = self._gap * (limits.burst - 1)
        self._next = 0

    def admits(self, at_ns: int) -> bool:
        """Return whether a request at *at_ns* is within the rate; call in order of time."""
        at = at_ns * 10**6
        if at < self._next - self._slack:
            return False
        self._next = max(at, self._next) + self._gap
        return True
