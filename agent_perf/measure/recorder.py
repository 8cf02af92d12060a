"""
Takes down what happens in a run: requests, work counts, spans, and a digest of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from agent_perf.measure.critical_path import OperationTotals, RawSpan
from agent_perf.records import Exemplar, OperationTotal, Span

_DETAILS_MAX: Final = 500
"""Details kept in a recording: enough for people; URLs with ids in them have no end."""

_TRACE_CHUNK: Final = 4096
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


@dataclass(slots=True)
class _Open:
    """A request under way; spans are on the loop's clock."""

    intended_ns: int
    spans: list[RawSpan]


@dataclass(slots=True)
class _Done:
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
        self.restart()

    def restart(self) -> None:
        """Forget all requests and counts so far: the warm-up is over."""
        self._start_ns = self._now_ns()
        self._counts: Counter[str] = Counter()
        self._details: Counter[tuple[str, str]] = Counter()
        self._open: dict[int, _Open] = {}
        self._done: dict[int, _Done] = {}
        self._last_end_ns = self._start_ns

    def begin(self, request_id: int, intended_ns: int) -> None:
        """Open request *request_id*, which was to start at *intended_ns* of the loop's clock."""
        self._open[request_id] = _Open(intended_ns, [])

    def end(self, request_id: int, path: str, error: str | None) -> None:
        """Close request *request_id*: how it was answered, and its error category if it failed."""
        request = self._open.pop(request_id)
        now_ns = self._now_ns()
        latency_ns = now_ns - request.intended_ns
        self._done[request_id] = _Done(request.intended_ns, latency_ns, path, error, request.spans)
        self._last_end_ns = now_ns
        self._note(("end", request_id, now_ns, path, error))

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        """Take note of *amount* units of work *name*."""
        self._counts[name] += amount
        if detail:
            self._details[name, detail] += amount
        self._note((name, self._request_id(), self._now_ns(), amount, detail))

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        """Take note of an operation of the running request, on the loop's clock."""
        request_id = self._request_id()
        request = self._open.get(request_id)
        if request is not None:
            request.spans.append((name, start_ns, end_ns, detail))
        self._note((name, request_id, start_ns, end_ns, detail))

    def finish(self) -> Recording:
        """Return what was taken down since the last restart."""
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
            counts=dict(sorted(self._counts.items())),
            details={
                f"{name}:{detail}": amount
                for (name, detail), amount in sorted(
                    sorted(self._details.items()), key=lambda item: -item[1]
                )[:_DETAILS_MAX]
            },
            operations=totals.result(),
            exemplar=_exemplar(self._done),
            trace_digest=self._hash.hexdigest(),
        )

    def _note(self, event: tuple[object, ...]) -> None:
        trace = self._trace
        trace.append(event)
        if len(trace) >= _TRACE_CHUNK:
            self._flush_trace()

    def _flush_trace(self) -> None:
        self._hash.update(repr(self._trace).encode())
        self._trace.clear()


def _exemplar(done: Mapping[int, _Done]) -> Exemplar | None:
    """Return the request at the P95's nearest rank; ties go to the smallest id."""
    if not done:
        return None
    numerator, denominator = _P95
    ranked = sorted(done, key=lambda i: (done[i].latency_ns, i))
    request_id = ranked[-(-len(ranked) * numerator // denominator) - 1]
    request = done[request_id]
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
