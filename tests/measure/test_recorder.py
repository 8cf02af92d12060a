import enum

from agent_perf.measure import Recorder, current_environment, harness_digest
from agent_perf.records import Exemplar, OperationTotal, Span


class Clock:
    """A clock and a running request, set by hand."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.request_id = -1

    def recorder(self) -> Recorder:
        return Recorder(lambda: self.now_ns, lambda: self.request_id)


def serve(clock: Clock, recorder: Recorder, request_id: int, latency_ns: int) -> None:
    recorder.begin(request_id, clock.now_ns)
    clock.request_id = request_id
    start_ns = clock.now_ns
    clock.now_ns += latency_ns
    recorder.count("redis_trips", 1, "GET")
    recorder.span("redis.trip", start_ns, clock.now_ns, "GET")
    recorder.end(request_id, "hit", None)
    clock.request_id = -1


def test_latencies_come_in_order_of_request_id() -> None:
    """Requests may finish in any order; their latencies are listed by id."""
    clock = Clock()
    recorder = clock.recorder()
    for request_id, latency_ns in ((2, 30), (0, 10), (1, 20)):
        serve(clock, recorder, request_id, latency_ns)

    recording = recorder.finish()

    assert (10, 20, 30) == recording.latency_ns
    assert 60 == recording.duration_ns
    assert {"redis_trips": 3} == recording.counts
    assert {"redis_trips:GET": 3} == recording.details
    total = OperationTotal(count=3, busy_ns=60, critical_ns=60)
    assert {"redis.trip": total} == recording.operations


def test_latency_counts_from_the_intended_start() -> None:
    """A request that began late is as slow as its user felt it."""
    clock = Clock()
    clock.now_ns = 100
    recorder = clock.recorder()
    recorder.begin(0, 40)
    clock.now_ns = 110
    recorder.end(0, "", "timeout")

    recording = recorder.finish()

    assert (70,) == recording.latency_ns
    assert {0: "timeout"} == recording.errors


def test_exemplar_is_the_request_at_the_p95() -> None:
    """Of twenty requests of 1 to 20 ns the nearest rank of P95 is the nineteenth."""
    clock = Clock()
    recorder = clock.recorder()
    for request_id in range(20):
        serve(clock, recorder, request_id, request_id + 1)

    exemplar = recorder.finish().exemplar

    span = Span(name="redis.trip", detail="GET", start_ns=0, end_ns=19)
    assert Exemplar(request_id=18, latency_ns=19, spans=(span,)) == exemplar


def test_restart_forgets_counts_but_not_the_trace() -> None:
    """The warm-up leaves no counts, and still makes a difference to the digest."""
    clock = Clock()
    recorder = clock.recorder()
    serve(clock, recorder, 0, 10)
    recorder.restart()
    serve(clock, recorder, 0, 10)
    warmed = recorder.finish()
    cold_clock = Clock()
    cold = cold_clock.recorder()
    serve(cold_clock, cold, 0, 10)

    assert {"redis_trips": 1} == warmed.counts
    assert 10 == warmed.duration_ns
    assert cold.finish().trace_digest != warmed.trace_digest


def test_background_work_counts_and_its_spans_belong_to_nobody() -> None:
    """What runs outside of requests is in the totals, not in a request's path."""
    clock = Clock()
    recorder = clock.recorder()
    recorder.count("event_requests")
    recorder.span("pusher.request", 0, 5)
    recording = recorder.finish()

    assert {"event_requests": 1} == recording.counts
    assert {} == recording.operations


def test_equal_runs_have_equal_traces_and_any_difference_shows() -> None:
    """The digest is a function of everything noted, in order."""

    def digest(details: list[str]) -> str:
        recorder = Clock().recorder()
        for detail in details:
            recorder.count("db_statements", 1, detail)
        return recorder.finish().trace_digest

    many = ["a", "b"] * 5000
    assert digest(many) == digest(many)
    assert digest(["a", "b"]) != digest(["b", "a"])


def test_any_kind_of_string_can_be_noted() -> None:
    """A detail that is an enum's member makes a digest too, the same in every run."""

    class Kind(enum.StrEnum):
        FAST = "fast"

    def digest(detail: str) -> str:
        recorder = Clock().recorder()
        recorder.count("db_statements", 1, detail)
        return recorder.finish().trace_digest

    assert digest(Kind.FAST) == digest(Kind.FAST)
    assert digest(Kind.FAST) != digest("slow")


def test_a_digest_knows_equal_strings_from_shared_ones() -> None:
    """It follows from what was noted, not from whether two strings are one object."""

    def digest(details: list[str]) -> str:
        recorder = Clock().recorder()
        for detail in details:
            recorder.count("db_statements", 1, detail)
        return recorder.finish().trace_digest

    once = "select " * 3
    assert digest([once, once]) == digest(["".join(["select "] * 3), "".join(["select "] * 3)])


def test_environment_tells_python_harness_and_scenario(tmp_path) -> None:
    """A scenario's digest follows its file's content; the harness's stays."""
    source = tmp_path / "scenario.py"
    source.write_text("a = 1")
    before = current_environment((source,))
    source.write_text("a = 2")
    after = current_environment((source,))

    assert before.scenario != after.scenario
    assert before.harness == after.harness == harness_digest()
    assert not before.comparable_with(after)
    assert "redis" in before.packages
