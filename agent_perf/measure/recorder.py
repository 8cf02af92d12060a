"""
Takes down what happens in a run: requests, work counts, spans, and a digest of all.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from agent_perf.measure.critical_path import OperationTotals, RawSpan
from agent_perf.measure.levels import Levels
from agent_perf.measure.timeline import TimelineBuilder
from agent_perf.records import Exemplar, LevelTotal, OperationTotal, Span, Timeline

_DETAILS_MAX: Final = 500
"""Details kept in a recording: enough for people; URLs with ids in them have no end."""

TRACE_CHUNK: Final = 4096
"""Events hashed at a time: a thousandth of the cost of hashing each."""

_P95: Final = (95, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """
    What a recorder took down; the attributes are those of records.Run.
    """

    latency_ns: tuple[int, ...]
    path: tuple[str, ...]
    errors: Mapping[int, str]
    duration_ns: int
    counts: Mapping[str, int]
    details: Mapping[str, int]
    operations: Mapping[str, OperationTotal]
    exemplar: Exemplar | None
    trace_digest: str
    timeline: Timeline | None = None
    levels: Mapping[str, LevelTotal] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    """A request under way; spans are on the loop's clock."""

    intended_ns: int
    spans: list[RawSpan]
    amounts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Done:
    """A finished request."""

    intended_ns: int
    latency_ns: int
    path: str
    error: str | None
    spans: list[RawSpan]


class Recorder:
    """
    The witness of one run.

    Args:
        now_ns: Reads the loop's clock.
        request_id: Tells which request is running; anything without a ``begin`` is
            background: its work counts, its spans belong to nobody.
    """

    def __init__(self, now_ns: Callable[[], int], request_id: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._request_id = request_id
        self._hash = blake2b(digest_size=16)
        self._trace: list[tuple[object, ...]] = []
        self._levels = Levels(now_ns())
        self.restart()

    def restart(self) -> None:
        """Forget all requests and counts so far: the warm-up is over."""
        self._start_ns = self._now_ns()
        # By name and detail. A plain dict: a request counts some thirty times.
        self._amounts: dict[tuple[str, str], int] = {}
        self._most: dict[str, int] = {}
        self._open: dict[int, _Open] = {}
        self._done: dict[int, Done] = {}
        self._last_end_ns = self._start_ns
        # What the warm-up holds is held still.
        self._levels = self._levels.restarted(self._start_ns)

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open request *request_id*, which was to start at *intended_ns* of the loop's clock."""
        self._open[request_id] = _Open(intended_ns, [])

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """Close request *request_id*: how it was answered, and its error category if it failed."""
        self._done[request_id] = self._close(request_id, path, error)

    def drop(self, request_id: int, intended_ns: int) -> None:
        """Take note that *request_id* was refused: a limit of the load was reached."""
        key = ("requests_dropped", "")
        self._amounts[key] = self._amounts.get(key, 0) + 1
        self._trace.append(("drop", request_id, intended_ns))

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Take note of *amount* units of work *name*."""
        key = (name, detail)
        self._amounts[key] = self._amounts.get(key, 0) + amount
        request_id = self._request_id()
        request = self._open.get(request_id)
        if request is not None:
            own = request.amounts
            own[name] = own.get(name, 0) + amount
        trace = self._trace
        trace.append((name, request_id, self._now_ns(), amount, detail))
        if len(trace) >= TRACE_CHUNK:
            self._flush_trace()

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Take note of an operation of the running request, on the loop's clock."""
        request_id = self._request_id()
        request = self._open.get(request_id)
        if request is not None:
            request.spans.append((name, start_ns, end_ns, detail))
        trace = self._trace
        trace.append((name, request_id, start_ns, end_ns, detail))
        if len(trace) >= TRACE_CHUNK:
            self._flush_trace()

    def level(self, name: str, change: int) -> None:
        """Take note that *change* more (or fewer, if negative) of *name* are held from now on."""
        self._levels.move(name, change, self._now_ns())

    def bound(self, name: str, most: int | None) -> None:
        """Take note that *most* more of *name* can be held at a time; None: any number."""
        self._levels.bound(name, most)

    def finish(self, *, bucket_ns: int | None = None) -> Recording:
        """
        Return what was taken down since the last restart.

        Args:
            bucket_ns: First length of a timeline's buckets, > 0; None: no timeline.
        """
        ordered = sorted(self._done)
        totals = OperationTotals()
        for request_id in ordered:
            done = self._done[request_id]
            totals.add(done.spans, done.intended_ns + done.latency_ns)
        self._flush_trace()
        return Recording(
            latency_ns=tuple(self._done[i].latency_ns for i in ordered),
            path=tuple(self._done[i].path for i in ordered),
            errors={i: error for i in ordered if (error := self._done[i].error) is not None},
            duration_ns=self._last_end_ns - self._start_ns,
            counts=self._totals_by_name(),
            details={
                f"{name}:{detail}": amount
                for (name, detail), amount in sorted(
                    sorted(item for item in self._amounts.items() if item[0][1]),
                    key=lambda item: -item[1],
                )[:_DETAILS_MAX]
            },
            operations=totals.result(),
            exemplar=_exemplar(self._done),
            trace_digest=self._hash.hexdigest(),
            levels=self._levels.totals(self._last_end_ns),
            most=dict(sorted(self._most.items())),
            timeline=None if bucket_ns is None else self._timeline(bucket_ns),
        )

    def _close(self, request_id: int, path: str, error: str | None) -> Done:
        request = self._open.pop(request_id)
        most = self._most
        for name, amount in request.amounts.items():
            if amount > most.get(name, 0):
                most[name] = amount
        self._last_end_ns = now_ns = self._now_ns()
        self._trace.append(("end", request_id, now_ns, path, error))
        if len(self._trace) >= TRACE_CHUNK:
            self._flush_trace()
        latency_ns = now_ns - request.intended_ns
        return Done(request.intended_ns, latency_ns, path, error, request.spans)

    def _totals_by_name(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for (name, _), amount in self._amounts.items():
            counts[name] += amount
        return dict(sorted(counts.items()))

    def _timeline(self, bucket_ns: int) -> Timeline:
        builder = TimelineBuilder(self._start_ns, bucket_ns)
        # At one instant users first get their answer and then ask again; only a request
        # that took no time at all ends after it began.
        edges = [(done.intended_ns, 1, request_id) for request_id, done in self._done.items()]
        edges += [
            (done.intended_ns + done.latency_ns, 0 if done.latency_ns else 2, request_id)
            for request_id, done in self._done.items()
        ]
        for at_ns, edge, request_id in sorted(edges):
            if edge == 1:
                builder.begin(at_ns)
            else:
                done = self._done[request_id]
                builder.end(at_ns, done.latency_ns, done.error)
        return builder.result()

    def _flush_trace(self) -> None:
        self._hash.update(_bytes_of(self._trace))
        self._trace.clear()


def _bytes_of(trace: list[tuple[object, ...]]) -> bytes:
    try:
        # A third of the time that repr takes. Version 2 has no back-references, which
        # would follow from who else holds a string.
        return marshal.dumps(trace, 2)
    except ValueError:
        # Somebody's own kind of string: an enum's, say.
        return repr(trace).encode()


def _exemplar(done: Mapping[int, Done]) -> Exemplar | None:
    """Return the request at the P95's nearest rank; ties go to the smallest id."""
    if not done:
        return None
    numerator, denominator = _P95
    ranked = sorted(done, key=lambda i: (done[i].latency_ns, i))
    request_id = ranked[-(-len(ranked) * numerator // denominator) - 1]
    return exemplar_of(request_id, done[request_id])


def exemplar_of(request_id: int, request: Done) -> Exemplar:
    """Return *request* as people see it: its spans by start, counted from its intended one."""
    spans = sorted(request.spans, key=lambda span: (span[1], -span[2], span[0], span[3]))
    return Exemplar(
        request_id=request_id,
        latency_ns=request.latency_ns,
        spans=tuple(
            Span(
                name=name,
                detail=detail,
                start_ns=start_ns - request.intended_ns,
                end_ns=end_ns - request.intended_ns,
            )
            for name, start_ns, end_ns, detail in spans
        ),
    )
