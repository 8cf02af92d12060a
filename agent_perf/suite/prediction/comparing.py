"""
How far what was predicted is from what was measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import LatencySummary, LoadRun

QUANTILES: Final = ("p50", "p95", "p99")
THROUGHPUT: Final = "throughput"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    The same requests at the same instants, in both times.

    Attributes:
        live: In real time.
        virtual: In virtual time.
        busy_ratio: Share of a core that the live process took.
        waited_ratio: Share of the time in which it could have run, and others did.
        cost_ratio: What costs say of its CPU time, over what it took.
    """

    live: LoadRun
    virtual: LoadRun
    busy_ratio: float = 0.0
    waited_ratio: float = 0.0
    cost_ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """
    One figure, predicted and measured.

    Attributes:
        name: ``p50``, ``p95``, ``p99`` or ``throughput``.
        live: Median over the rounds, in seconds or requests a second.
        live_low: The least of them.
        live_high: The largest.
        virtual: Median over the rounds of what was predicted.
        error_ratio: Median over the rounds of predicted to measured, less 1.
        error_low: The least of them.
        error_high: The largest: with n rounds the median of many lies between the two with
            a probability of 1 - 2 ** (1 - n).
    """

    name: str
    live: float
    live_low: float
    live_high: float
    virtual: float
    error_ratio: float
    error_low: float
    error_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateError:
    """
    What became of one rate.

    Attributes:
        rate_hz: Requests a second that were offered.
        knee_ratio: The same over the highest rate that is carried.
        busy_ratio: Share of a core that the live process took, median.
        waited_ratio: Share of the time in which it could have run, and others did, median.
        cost_ratio: What costs say of its CPU time, over what it took, median.
        request_count: In all rounds.
        round_count: How many there were.
        predictions: By name.
    """

    rate_hz: float
    knee_ratio: float
    busy_ratio: float
    waited_ratio: float
    cost_ratio: float
    request_count: int
    round_count: int
    predictions: Mapping[str, Prediction]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathError:
    """
    Latencies of requests that were answered in one way, in a short live run and a long virtual one.

    Attributes:
        path: Which; empty: all requests.
        live_count: Requests in real time.
        virtual_count: Requests in virtual time.
        live_s: Quantile to seconds.
        virtual_s: Likewise.
    """

    path: str
    live_count: int
    virtual_count: int
    live_s: Mapping[str, float]
    virtual_s: Mapping[str, float]

    def error_ratio(self, quantile: str) -> float | None:
        """Return virtual to live, less 1; None if there is nothing to compare."""
        live_s = self.live_s[quantile]
        return self.virtual_s[quantile] / live_s - 1 if live_s else None


def errors_at(rate_hz: float, knee_hz: float, pairs: Sequence[Pair]) -> RateError:
    """
    Return how far the rounds in *pairs*, at least one, are off at *rate_hz*.
    """
    found = [_prediction(name, pairs) for name in (*QUANTILES, THROUGHPUT)]
    return RateError(
        rate_hz=rate_hz,
        knee_ratio=rate_hz / knee_hz,
        busy_ratio=statistics.median(pair.busy_ratio for pair in pairs),
        waited_ratio=statistics.median(pair.waited_ratio for pair in pairs),
        cost_ratio=statistics.median(pair.cost_ratio for pair in pairs),
        request_count=sum(pair.live.latency.count for pair in pairs),
        round_count=len(pairs),
        predictions={one.name: one for one in found},
    )


def paths_of(live: LoadRun, virtual: LoadRun) -> tuple[PathError, ...]:
    """Return how far *virtual* is from *live*, for all requests and for each path of both."""
    both = sorted(live.paths.keys() & virtual.paths.keys())
    rows = [("", live.latency, virtual.latency)]
    rows += [(path, live.paths[path], virtual.paths[path]) for path in both]
    return tuple(
        PathError(
            path=path,
            live_count=ours.count,
            virtual_count=theirs.count,
            live_s={name: _of(ours, name) for name in QUANTILES},
            virtual_s={name: _of(theirs, name) for name in QUANTILES},
        )
        for path, ours, theirs in rows
    )


def _prediction(name: str, pairs: Sequence[Pair]) -> Prediction:
    live = [_figure(pair.live, name) for pair in pairs]
    virtual = [_figure(pair.virtual, name) for pair in pairs]
    # A figure of 0 can be predicted by 0 alone.
    errors = [
        said / seen - 1 if seen else (0.0 if not said else 1.0)
        for said, seen in zip(virtual, live, strict=True)
    ]
    return Prediction(
        name=name,
        live=statistics.median(live),
        live_low=min(live),
        live_high=max(live),
        virtual=statistics.median(virtual),
        error_ratio=statistics.median(errors),
        error_low=min(errors),
        error_high=max(errors),
    )


def _figure(run: LoadRun, name: str) -> float:
    return run.throughput_hz if name == THROUGHPUT else _of(run.latency, name)


def _of(summary: LatencySummary, quantile: str) -> float:
    ns: int = getattr(summary, f"{quantile}_ns")
    return ns / 1e9
