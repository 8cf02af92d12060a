"""
Takes down a run of any length in bounded memory.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heappush, heappushpop
from operator import itemgetter
from typing import Final

from agent_perf.measure.critical_path import OperationTotals
from agent_perf.measure.histogram import LatencyHistogram, exact_summary
from agent_perf.measure.recorder import TRACE_CHUNK, Done, Recorder, exemplar_of
from agent_perf.measure.timeline import TimelineBuilder
from agent_perf.records import Exemplar, LatencySummary, LevelTotal, OperationTotal, Timeline

EXACT_MAX: Final = 20_000
"""Requests up to which quantiles are exact: 160 kB of integers."""

_SLOWEST: Final = 4
_BY_CHANCE: Final = 12
_PATHS_MAX: Final = 100
"""Paths told apart; a scenario that answers with ever new words has its rest under one."""

_OTHER_PATHS: Final = "(other)"
_MASK: Final = (1 << 64) - 1
_SPREAD: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRecording:
    """What a load recorder took down; the attributes are those of records.LoadRun."""

    duration_ns: int
    dropped: int
    good: int
    errors: Mapping[str, int]
    latency: LatencySummary
    paths: Mapping[str, LatencySummary]
    counts: Mapping[str, int]
    operations: Mapping[str, OperationTotal]
    timeline: Timeline
    exemplars: tuple[Exemplar, ...]
    trace_digest: str
    levels: Mapping[str, LevelTotal]


class LoadRecorder(Recorder):
    """
    The witness of a run of any length: what it keeps does not grow with the requests.

    Args:
        now_ns: As in Recorder.
        request_id: As in Recorder.
        bucket_ns: First length of the timeline's buckets, > 0.
        good_within_ns: As in TimelineBuilder.
        timeline_counts: Work counts that the timeline tells.
        exact_max: Requests up to which the overall quantiles are exact, >= 0.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        request_id: Callable[[], int],
        *,
        bucket_ns: int,
        good_within_ns: int | None = None,
        timeline_counts: frozenset[str] = frozenset(),
        exact_max: int = EXACT_MAX,
    ) -> None:
        self._bucket_ns = bucket_ns
        self._good_within_ns = good_within_ns
        self._timeline_counts = timeline_counts
        self._exact_max = exact_max
        super().__init__(now_ns, request_id)

    def restart(self) -> None:
        """Forget all requests and counts so far: the warm-up is over."""
        super().restart()
        self._builder = TimelineBuilder(
            self._start_ns, self._bucket_ns, self._good_within_ns, held=self._levels.now
        )
        self._histogram = LatencyHistogram()
        self._exact: array[int] | None = array("q")
        self._paths: dict[str, LatencyHistogram] = {}
        self._errors: Counter[str] = Counter()
        self._totals = OperationTotals()
        self._good = self._dropped = 0
        self._slowest: list[tuple[int, int, Done]] = []
        self._by_chance: list[tuple[int, int, Done]] = []

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open request *request_id*, which was to start at *intended_ns* of the loop's clock."""
        super().begin(request_id, intended_ns)
        self._builder.begin(intended_ns)

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """Close request *request_id*: how it was answered, and its error category if it failed."""
        done = self._close(request_id, path, error)
        latency_ns = done.latency_ns
        self._histogram.add(latency_ns)
        if self._exact is not None:
            if len(self._exact) < self._exact_max:
                self._exact.append(latency_ns)
            else:
                self._exact = None
        if path:
            self._path(path).add(latency_ns)
        if error is not None:
            self._errors[error] += 1
        self._good += self._builder.end(self._last_end_ns, latency_ns, error)
        self._totals.add(done.spans, self._last_end_ns)
        self._sample(request_id, done)

    def drop(self, request_id: int, intended_ns: int) -> None:
        """Take note that *request_id* was refused: a limit of the load was reached."""
        self._dropped += 1
        self._builder.drop(intended_ns)
        self._trace.append(("drop", request_id, intended_ns))

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Take note of *amount* units of work *name*."""
        # Details go to the trace alone: URLs with ids in them would have no end.
        key = (name, "")
        self._amounts[key] = self._amounts.get(key, 0) + amount
        now_ns = self._now_ns()
        if name in self._timeline_counts:
            self._builder.count(now_ns, name, amount)
        trace = self._trace
        trace.append((name, self._request_id(), now_ns, amount, detail))
        if len(trace) >= TRACE_CHUNK:
            self._flush_trace()

    def total(self, name: str) -> int:
        """Return how much work *name* was done so far, without the warm-up."""
        return self._amounts.get((name, ""), 0)

    def level(self, name: str, change: int) -> None:
        """Take note that *change* more (or fewer, if negative) of *name* are held from now on."""
        super().level(name, change)
        self._builder.level(name, change, self._now_ns())

    def summary(self) -> LoadRecording:
        """Return what was taken down since the last restart."""
        self._flush_trace()
        exemplars = {-key: done for _, key, done in sorted(self._slowest, reverse=True)}
        for _, request_id, done in sorted(self._by_chance, key=itemgetter(1)):
            exemplars.setdefault(request_id, done)
        return LoadRecording(
            duration_ns=self._last_end_ns - self._start_ns,
            dropped=self._dropped,
            good=self._good,
            errors=dict(sorted(self._errors.items())),
            latency=self._latency(),
            paths={path: histogram.summary() for path, histogram in sorted(self._paths.items())},
            counts=self._totals_by_name(),
            operations=self._totals.result(),
            timeline=self._builder.result(self._last_end_ns),
            exemplars=tuple(exemplar_of(*item) for item in exemplars.items()),
            trace_digest=self._hash.hexdigest(),
            levels=self._levels.totals(self._last_end_ns),
        )

    def _path(self, path: str) -> LatencyHistogram:
        histogram = self._paths.get(path)
        if histogram is None:
            if len(self._paths) >= _PATHS_MAX:
                path = _OTHER_PATHS
            histogram = self._paths.setdefault(path, LatencyHistogram())
        return histogram

    def _sample(self, request_id: int, done: Done) -> None:
        slow = (done.latency_ns, -request_id, done)
        if len(self._slowest) < _SLOWEST:
            heappush(self._slowest, slow)
        elif slow[:2] > self._slowest[0][:2]:
            heappushpop(self._slowest, slow)
        # The smallest keys of a hash are a sample in which each request is as likely.
        key = request_id * _SPREAD & _MASK
        key = -((key ^ key >> 32) * _SPREAD & _MASK)
        if len(self._by_chance) < _BY_CHANCE:
            heappush(self._by_chance, (key, request_id, done))
        elif key > self._by_chance[0][0]:
            heappushpop(self._by_chance, (key, request_id, done))

    def _latency(self) -> LatencySummary:
        if self._exact is None:
            return self._histogram.summary()
        return exact_summary(self._exact)
