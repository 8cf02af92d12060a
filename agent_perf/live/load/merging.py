"""
Makes one recording of what several workers tell, by the recorder of simulated loads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent_perf.live.locust.wire import DROPPED, ERRORS, Batch, End
from agent_perf.measure import LatencyHistogram, LoadRecorder, LoadRecording
from agent_perf.records import LatencySummary

TTFT: Final = "ttft"
"""The path under which times to the first event stand."""

LATE_NS: Final = 20_000_000
"""
A request that is sent so long after its intended start is late: the generator did not keep up.
"""


_WORTH_NS: Final = 1_000_000
"""From so much on, what the generator took is told of a request."""


class _Event(NamedTuple):
    """Sorts by time; what begins at the instant at which something ends comes after."""

    at_ns: int
    is_begin: bool
    request_id: int
    end: End | None


class Merger:
    """
    Takes in batches of workers in the order in which they come; tells of them in order of time.

    Args:
        names: Of what was asked, by index.
        streamed: Which of them are answered by streams.
        workers: How many tell.
        bucket_ns: As in LoadRecorder.
        good_within_ns: Likewise.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        streamed: frozenset[str],
        workers: int,
        bucket_ns: int,
        good_within_ns: int | None,
    ) -> None:
        self._names, self._streamed = names, streamed
        self._now_ns = self._request_id = 0
        self._recorder = LoadRecorder(
            lambda: self._now_ns,
            lambda: self._request_id,
            bucket_ns=bucket_ns,
            good_within_ns=good_within_ns,
        )
        self._until_ns = [0] * workers
        self._held: list[_Event] = []
        self._under_way: set[int] = set()
        self._first = {name: LatencyHistogram() for name in names if name in streamed}
        self.lateness = LatencyHistogram()
        self.late_count = 0
        self.begun = 0
        self.dropped = 0

    def add(self, worker: int, batch: Batch) -> None:
        """Take in what *worker* tells."""
        self._held += [_Event(at_ns, True, number, None) for number, at_ns in batch.begins]
        self._held += [_Event(end.end_ns, False, end.request_id, end) for end in batch.ends]
        self._until_ns[worker] = max(self._until_ns[worker], batch.until_ns)
        self._settle(min(self._until_ns))

    def leave(self, worker: int) -> None:
        """*worker* tells no more: the others are not waited for by it."""
        self._until_ns[worker] = 1 << 62

    def drop(self, request_id: int, at_ns: int) -> None:
        """A request was refused before it came to any worker."""
        self.dropped += 1
        self._recorder.drop(request_id, at_ns)

    def result(self, at_ns: int) -> LoadRecording:
        """
        Return the whole; what was under way to its end is cancelled at *at_ns*.
        """
        self._settle(1 << 62)
        for request_id in sorted(self._under_way):
            self._now_ns = max(self._now_ns, at_ns)
            self._recorder.end(request_id, "", "cancelled")
        return self._recorder.summary()

    def first_events(self) -> dict[str, LatencySummary]:
        """Return the times to the first event, from the intended start: of all, then by name."""
        told = {name: one for name, one in self._first.items() if one.count}
        if not told:
            return {}
        every = LatencyHistogram()
        for one in told.values():
            every.merge(one)
        each = {f"{name}.{TTFT}": one.summary() for name, one in told.items()}
        return {TTFT: every.summary(), **(each if len(told) > 1 else {})}

    def _settle(self, until_ns: int) -> None:
        """Tell of all that happened before *until_ns*: no worker has an older word."""
        self._held.sort(key=lambda event: event[:3])
        count = next(
            (i for i, event in enumerate(self._held) if event.at_ns >= until_ns), len(self._held)
        )
        ready, self._held = self._held[:count], self._held[count:]
        for event in ready:
            self._request_id = event.request_id
            if event.end is not None:
                self._end(event.end)
                continue
            self.begun += 1
            self._under_way.add(event.request_id)
            self._recorder.begin(event.request_id, event.at_ns)

    def _end(self, end: End) -> None:
        if end.error == DROPPED:
            self.drop(end.request_id, end.intended_ns)
            return
        recorder, name = self._recorder, self._names[end.name]
        self._now_ns = end.end_ns
        self._under_way.discard(end.request_id)
        self._spans(end, name)
        recorder.count("http_requests")
        recorder.count("bytes_received", end.size_bytes)
        late_ns = max(0, end.sent_ns - end.intended_ns)
        self.lateness.add(late_ns)
        self.late_count += late_ns > LATE_NS
        if name in self._streamed:
            recorder.count("stream_events", end.events)
            if end.first_ns >= 0 and not end.error:
                self._first[name].add(end.first_ns - end.intended_ns)
        error = ERRORS[end.error]
        recorder.end(end.request_id, "" if error else name, error or None)

    def _spans(self, end: End, name: str) -> None:
        span = self._recorder.span
        if end.sent_ns - end.intended_ns > _WORTH_NS:
            span("load.late", end.intended_ns, end.sent_ns)
        if end.first_ns >= 0:
            span("http.first_event", end.sent_ns, end.first_ns, name)
            span("http.stream", end.first_ns, end.end_ns, name)
        else:
            span("http.request", end.sent_ns, end.end_ns, name)
