"""
How much load a system carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from agent_perf.errors import ConfigError
from agent_perf.records.levels import LevelTotal
from agent_perf.records.load_run import LoadRun
from agent_perf.records.measurement import OperationTotal

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
        for_s: How long requests arrived; 0 in files of older versions.
        ended: Requests that ended.
        mean_ns: Their mean latency.
        operations: As in LoadRun.
        counts: Likewise.
        levels: Likewise.
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
    for_s: float = 0.0
    ended: int = 0
    mean_ns: int = 0
    operations: Mapping[str, OperationTotal] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, LevelTotal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """
    The highest rate at which a promise is kept.

    Attributes:
        scenario: Its name.
        promise: What had to hold.
        rate_hz: Highest rate tried that kept it; 0 if even the lowest did not.
        broken_at_hz: Lowest rate tried that did not; None if all did.
        probes: What was tried at full length, by rate.
        scouts: What was tried for a shorter time to find the way, by rate.
        stopped: Why the search ended before it had found it; empty if it did not.
        carried: The run at *rate_hz*; None if there is none.
        broken: The run at *broken_at_hz*; likewise.
    """

    scenario: str
    promise: Promise
    rate_hz: float
    broken_at_hz: float | None
    probes: tuple[Probe, ...]
    scouts: tuple[Probe, ...] = ()
    stopped: str = ""
    carried: LoadRun | None = None
    broken: LoadRun | None = None

    @property
    def curve(self) -> tuple[Probe, ...]:
        """What was tried at full length, and before it the scouts at lower rates, by rate."""
        lowest_hz = min((probe.rate_hz for probe in self.probes), default=float("inf"))
        below = [scout for scout in self.scouts if scout.rate_hz < lowest_hz and scout.kept]
        return (*below, *self.probes)

    @property
    def scouted_hz(self) -> float:
        """Highest rate at which a scout kept the promise; 0 without one."""
        return max((scout.rate_hz for scout in self.scouts if scout.kept), default=0.0)

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

        None with fewer than 3 rates on the curve, or if the P95 does not even double: what takes
        no time at any rate has no knee.

        It is the probe furthest below the line from the first to the last, both axes scaled to 1.
        Source: Satopaa et al., "Finding a 'Kneedle' in a Haystack" (2011), section II.
        """
        curve = self.curve
        if len(curve) < 3:
            return None
        first, last = curve[0], curve[-1]
        width = Fraction(last.rate_hz) - Fraction(first.rate_hz)
        height = last.p95_ns - first.p95_ns
        if height <= 0 or height < first.p95_ns:
            return None

        def distance(probe: Probe) -> Fraction:
            along = (Fraction(probe.rate_hz) - Fraction(first.rate_hz)) / width
            return along - Fraction(probe.p95_ns - first.p95_ns, height)

        return max(curve, key=distance).rate_hz
