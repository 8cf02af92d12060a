"""
How much load a system carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from agent_perf.errors import ConfigError

QUANTILES = ("p50", "p95", "p99", "p999")


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """
    What must hold for a rate to count as carried.

    Attributes:
        quantile: ``p50``, ``p95``, ``p99`` or ``p999``.
        within_s: Its largest value allowed, > 0.
        path: Only requests answered that way are looked at, ``miss``; empty: all.
        good_ratio_min: Smallest share of requests answered without error, in (0, 1].
    """

    quantile: str = "p95"
    within_s: float
    path: str = ""
    good_ratio_min: float = 0.99

    def __post_init__(self) -> None:
        if self.quantile not in QUANTILES:
            raise ConfigError(f"quantile {self.quantile!r}; want one of {', '.join(QUANTILES)}")
        if not 0 < self.within_s < float("inf"):
            raise ConfigError(f"within_s={self.within_s}; want seconds, finite and > 0")
        if not 0 < self.good_ratio_min <= 1:
            raise ConfigError(f"good_ratio_min={self.good_ratio_min}; want > 0, at most 1")

    def describe(self) -> str:
        """Return it in words."""
        return (
            f"{self.path and self.path + '.'}{self.quantile} <= {self.within_s:g} s, "
            f"{self.good_ratio_min * 100:g} % without error"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """
    One rate, tried in one simulation.

    Attributes:
        rate_hz: Requests that arrived per second, on average.
        offered: How many in all.
        good_ratio: Share of them that was answered without error.
        goodput_hz: Good answers per second until the last answer.
        p50_ns: As the others, of the requests that the promise is about.
        kept: Whether the promise held.
    """

    rate_hz: float
    offered: int
    good_ratio: float
    goodput_hz: float
    p50_ns: int
    p95_ns: int
    p99_ns: int
    p999_ns: int
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """
    The highest rate at which a promise is kept.

    Attributes:
        scenario: Its name.
        promise: What had to hold.
        rate_hz: Highest rate tried that kept it; 0 if even the lowest did not.
        broken_at_hz: Lowest rate tried that did not; None if all did.
        probes: What was tried, by rate.
    """

    scenario: str
    promise: Promise
    rate_hz: float
    broken_at_hz: float | None
    probes: tuple[Probe, ...]

    @property
    def is_monotone(self) -> bool:
        """
        Whether no rate failed below one that held.

        Bisection believes that; a system that is slow when cold or idle need not do it.
        """
        kept = [probe.kept for probe in self.probes]
        return kept == sorted(kept, reverse=True)

    @property
    def knee_hz(self) -> float | None:
        """
        The rate tried after which the P95 turns upwards.

        None with fewer than 3 probes, or if the P95 does not even double.

        It is the probe furthest below the line from the first to the last, both axes scaled to 1.
        Source: Satopaa et al., "Finding a 'Kneedle' in a Haystack" (2011), section II.
        """
        if len(self.probes) < 3:
            return None
        first, last = self.probes[0], self.probes[-1]
        width = Fraction(last.rate_hz) - Fraction(first.rate_hz)
        height = last.p95_ns - first.p95_ns
        if height < first.p95_ns:
            return None

        def distance(probe: Probe) -> Fraction:
            along = (Fraction(probe.rate_hz) - Fraction(first.rate_hz)) / width
            return along - Fraction(probe.p95_ns - first.p95_ns, height)

        return max(self.probes, key=distance).rate_hz
