"""Timelines, and recorders whose memory is bounded."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.measure import BUCKETS_MAX, LoadRecorder, TimelineBuilder
from agent_perf.records import Timeline
from tests.measure.test_recorder import Clock, serve


class LoadClock(Clock):
    """A clock set by hand, for a load recorder."""

    def recorder(self, **options) -> LoadRecorder:
        options = {"bucket_ns": 100, "exact_max": 1000, **options}
        return LoadRecorder(lambda: self.now_ns, lambda: self.request_id, **options)


def test_a_timeline_by_hand() -> None:
    """
    Two requests begin in the first bucket and one of them ends there; the other fails in
    the third. In the second, nothing happens but one under way.
    """
    builder = TimelineBuilder(1000, 100, good_within_ns=50)
    builder.begin(1000)
    builder.begin(1010)
    assert builder.end(1040, 40, None)
    builder.drop(1060)
    builder.count(1070, "llm_calls", 3)
    assert not builder.end(1250, 240, "timeout")

    first, second, third = builder.result().buckets

    assert (2, 1, 1, 1, 2) == (
        first.started,
        first.ended,
        first.good,
        first.dropped,
        first.in_flight_max,
    )
    assert {"llm_calls": 3} == first.counts
    assert (40, 40) == (first.latency.p50_ns, first.latency.max_ns)
    assert (0, 0, 1) == (second.started, second.ended, second.in_flight_max)
    assert ({"timeout": 1}, 0, 1) == (third.errors, third.good, third.in_flight_max)


def test_a_slow_answer_is_not_good() -> None:
    """
    Good is: without error, and no slower than the limit, the limit included.
    """
    builder = TimelineBuilder(0, 100, good_within_ns=10)
    for _ in range(3):
        builder.begin(0)

    assert [True, False, False] == [
        builder.end(20, 10, None),
        builder.end(20, 11, None),
        builder.end(20, 5, "boom"),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5_000)), min_size=1, max_size=300),
    st.integers(1, 4),
)
def test_buckets_beyond_the_most_are_merged(
    requests: list[tuple[int, int]], doublings: int
) -> None:
    """
    A timeline that outgrew its buckets equals the one that had the longer buckets at first.
    """
    edges, at_ns = [], 0
    for gap_ns, latency_ns in requests:
        at_ns += gap_ns
        edges += [(at_ns, 0, 0), (at_ns + latency_ns, 1, latency_ns)]
    end_ns = max(edge[0] for edge in edges)
    long_ns = 1
    while end_ns // long_ns >= BUCKETS_MAX:
        long_ns *= 2

    def timeline(bucket_ns: int) -> Timeline:
        builder = TimelineBuilder(0, bucket_ns)
        for when_ns, ends, latency_ns in sorted(edges):
            if ends:
                builder.end(when_ns, latency_ns, None)
            else:
                builder.begin(when_ns)
        return builder.result()

    merged = timeline(1)

    assert timeline(long_ns) == merged
    assert len(merged.buckets) <= BUCKETS_MAX


def test_a_timeline_needs_a_bucket() -> None:
    """
    Buckets without length are refused.
    """
    with pytest.raises(SampleError, match="0 ns"):
        Timeline(bucket_ns=0)


def test_the_exact_recorder_tells_the_same_timeline() -> None:
    """
    A timeline made afterwards of all requests is the one made while they ran.
    """
    clock, load = Clock(), LoadClock()
    exact, bounded = clock.recorder(), load.recorder()
    for request_id in range(50):
        serve(clock, exact, request_id, 7 + request_id)
        serve(load, bounded, request_id, 7 + request_id)

    assert exact.finish(bucket_ns=100).timeline == bounded.summary().timeline


def test_few_requests_are_exact_and_many_within_the_error() -> None:
    """
    Up to exact_max quantiles have no error; beyond it they come from the histogram.
    """
    summaries = []
    for exact_max in (100, 99):
        clock = LoadClock()
        recorder = clock.recorder(exact_max=exact_max)
        for request_id in range(100):
            serve(clock, recorder, request_id, 1000 * (request_id + 1))
        summaries.append(recorder.summary().latency)
    exact, about = summaries

    assert (0.0, 95_000) == (exact.error_ratio, exact.p95_ns)
    assert abs(about.p95_ns - 95_000) <= about.error_ratio * 95_000 < 400


def test_the_slowest_are_kept_with_their_spans() -> None:
    """
    Exemplars begin with the four slowest requests; the others were chosen by their id alone.
    """
    clock = LoadClock()
    recorder = clock.recorder()
    for request_id in range(500):
        serve(clock, recorder, request_id, 10 + request_id % 100)
    exemplars = recorder.summary().exemplars

    assert [99, 199, 299, 399] == [exemplar.request_id for exemplar in exemplars[:4]]
    assert 109 == exemplars[0].spans[0].end_ns
    assert 12 <= len({exemplar.request_id for exemplar in exemplars}) <= 16


def test_paths_without_end_share_a_place() -> None:
    """
    A scenario that answers with ever new words keeps a hundred of them apart.
    """
    clock = LoadClock()
    recorder = clock.recorder()
    for request_id in range(150):
        recorder.begin(request_id, clock.now_ns)
        recorder.end(request_id, f"path {request_id}", None)
    paths = recorder.summary().paths

    assert 101 == len(paths)
    assert 50 == paths["(other)"].count


def test_memory_does_not_grow_with_requests() -> None:
    """
    Four times as many requests leave the recorder's memory where it was, within 5 %.
    """
    clock = LoadClock()
    recorder = clock.recorder(exact_max=2000)

    def traced(requests: range) -> int:
        for request_id in requests:
            serve(clock, recorder, request_id, 1_000_000 + request_id % 1000)
        recorder._flush_trace()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = traced(range(6_000))
        after = traced(range(6_000, 24_000))
    finally:
        tracemalloc.stop()

    assert after < before * 1.05


def test_levels_are_told_bucket_by_bucket() -> None:
    """
    By hand: two held from the begin, one more from 5 to 25, in buckets of 10.
    """
    builder = TimelineBuilder(100, 10, held={"connections": 2})
    builder.begin(101)
    builder.level("connections", 1, 105)
    builder.level("connections", -1, 125)
    builder.end(138, 37, None)
    levels = [bucket.levels["connections"] for bucket in builder.result(140).buckets]

    assert [25, 30, 25, 20] == [level.held_ns for level in levels]
    assert [10, 10, 10, 10] == [level.length_ns for level in levels]
    assert [3, 3, 3, 2] == [level.peak for level in levels]


def test_what_is_held_late_was_none_before() -> None:
    """
    By hand: one from 15 on, in buckets of 10; half of the second one's time it was none.
    """
    builder = TimelineBuilder(100, 10)
    builder.begin(101)
    builder.level("connections", 1, 115)
    builder.end(128, 27, None)
    levels = [bucket.levels["connections"] for bucket in builder.result(130).buckets]

    assert [0.0, 0.5, 1.0] == [level.mean for level in levels]
    assert [0, 1, 1] == [level.peak for level in levels]


def test_levels_survive_that_buckets_become_one() -> None:
    """
    However far a run goes, the sum over its buckets is what was held.
    """
    builder = TimelineBuilder(0, 1)
    builder.level("connections", 1, 0)
    for at_ns in range(1, 1000):
        builder.begin(at_ns)
        builder.end(at_ns, 0, None)
    buckets = builder.result(1000).buckets

    assert 1000 == sum(bucket.levels["connections"].held_ns for bucket in buckets)
    assert len(buckets) <= 240
