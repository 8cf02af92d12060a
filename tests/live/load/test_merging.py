"""What several workers tell, made into one recording."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.live.load.keeping_up import problems_of
from agent_perf.live.load.merging import LATE_NS, Merger
from agent_perf.live.locust.wire import DROPPED, FRAME, RECORDS, Batch, End, Frames
from agent_perf.records import LatencySummary

MS = 1_000_000


def ended(number, begin_ms, end_ms, *, name=0, error=0, sent_ms=None, first_ms=None) -> End:
    return End(
        request_id=number,
        name=name,
        error=error,
        size_bytes=10,
        events=2,
        intended_ns=begin_ms * MS,
        sent_ns=(begin_ms if sent_ms is None else sent_ms) * MS,
        first_ns=-1 if first_ms is None else first_ms * MS,
        end_ns=end_ms * MS,
    )


def merger(workers=1, names=("chat", "health")) -> Merger:
    return Merger(
        names,
        streamed=frozenset({"chat"}),
        workers=workers,
        bucket_ns=100 * MS,
        good_within_ns=None,
    )


def batch(until_ms, begins=(), ends=()) -> Batch:
    return Batch(until_ms * MS, tuple((n, at * MS) for n, at in begins), tuple(ends))


def test_workers_that_tell_late_change_nothing() -> None:
    """
    Told by two workers, one of them always behind, it is what one would have told in order:
    also how many requests were under way at a time.
    """
    alone, both = merger(1), merger(2)
    alone.add(0, batch(500, [(1, 0), (2, 10), (3, 30)], [ended(1, 0, 20), ended(2, 10, 40)]))
    alone.add(0, batch(900, [], [ended(3, 30, 600)]))
    both.add(0, batch(900, [(1, 0), (3, 30)], [ended(1, 0, 20), ended(3, 30, 600)]))
    both.add(1, batch(5))
    both.add(1, batch(900, [(2, 10)], [ended(2, 10, 40)]))
    expected, found = alone.result(900 * MS), both.result(900 * MS)

    assert asdict(expected) == asdict(found)
    assert 2 == found.timeline.buckets[0].in_flight_max
    assert 3 == found.latency.count


def test_a_worker_that_is_gone_holds_nobody_up() -> None:
    """
    What it had under way is cancelled, and counts from its intended start.
    """
    both = merger(2)
    both.add(0, batch(100, [(1, 0)], []))
    both.add(1, batch(200, [(2, 50)], [ended(2, 50, 60)]))
    both.leave(0)
    recording = both.result(300 * MS)

    assert {"cancelled": 1} == recording.errors
    assert (2, 300 * MS) == (recording.latency.count, recording.latency.max_ns)


def test_times_to_the_first_event() -> None:
    """
    They count from the intended start, of good streams alone; of one name they are told once.
    """
    one = merger()
    one.add(
        0,
        batch(
            900,
            [(1, 0), (2, 0), (3, 0)],
            [
                ended(1, 0, 80, first_ms=30, sent_ms=5),
                ended(2, 0, 90, first_ms=50, error=2),
                ended(3, 0, 95, name=1),
            ],
        ),
    )
    one.result(900 * MS)
    (told,) = one.first_events().items()

    assert ("ttft", 1, 30 * MS) == (told[0], told[1].count, told[1].max_ns)


def test_what_was_not_sent_is_dropped() -> None:
    """
    It is in no latency, but offered.
    """
    one = merger()
    one.add(0, batch(10, [(1, 0)], [ended(1, 0, 5), ended(2, 3, 3, error=DROPPED)]))
    recording = one.result(10 * MS)

    assert (1, 1, 1) == (recording.latency.count, recording.dropped, one.dropped)


def test_lateness_of_the_generator_is_told_apart() -> None:
    """
    The latency holds it, and the share of it that was the generator's is known.
    """
    one = merger()
    one.add(0, batch(900, [(1, 0)], [ended(1, 0, 500, sent_ms=300)]))
    recording = one.result(900 * MS)

    assert (1, 300 * MS) == (one.late_count, one.lateness.max_ns)
    assert 500 * MS == recording.latency.max_ns
    assert 300 * MS == recording.operations["load.late"].busy_ns


def test_a_generator_that_lags_measures_itself() -> None:
    """
    Late by more than a tenth of the P95 and 20 ms, it is no measurement; below either it is one.
    """
    slow = LatencySummary(count=100, p95_ns=11 * LATE_NS)
    fast = LatencySummary(count=100, p95_ns=3 * LATE_NS)

    def problems(latency, late_ns_p95=0, late_count=0, unsent_count=0, lost=()) -> tuple[str, ...]:
        return problems_of(
            latency,
            late_ns_p95=late_ns_p95,
            late_count=late_count,
            unsent_count=unsent_count,
            lost=lost,
        )

    assert () == problems(slow, LATE_NS + 1, 9)
    assert () == problems(fast, LATE_NS, 9)
    assert "9 of 100 requests were sent late" in problems(fast, 2 * LATE_NS, 9)[0]
    assert ("worker 1 of 2 ended",) == problems(slow, lost=("worker 1 of 2 ended",))
    assert (
        "1,200 were not sent before the load was over; want more --workers"
        in (problems(slow, unsent_count=1200)[0])
    )


@settings(max_examples=30)
@given(
    payloads=st.lists(st.binary(max_size=40), max_size=8),
    cuts=st.lists(st.integers(1, 30), min_size=1),
)
def test_frames_survive_a_pipe(payloads: list[bytes], cuts: list[int]) -> None:
    """
    However a pipe cuts them, the same frames come out.
    """
    data = b"".join(FRAME.pack(RECORDS, len(one)) + one for one in payloads)
    frames, found, at, turn = Frames(), [], 0, 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        found += [payload for _, payload in frames.feed(data[at : at + size])]
        at, turn = at + size, turn + 1

    assert payloads == found
