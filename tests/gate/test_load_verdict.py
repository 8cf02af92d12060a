"""What becomes of a load: targets over all and along its time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.gate import exit_code, find_bottlenecks, judge_capacity, judge_load, load_targets
from agent_perf.records import (
    Bucket,
    Capacity,
    Environment,
    LatencySummary,
    LevelTotal,
    LiveLoad,
    LoadRun,
    OperationTotal,
    Outcome,
    Probe,
    Promise,
    Tier,
    Timeline,
)
from agent_perf.units import NS, format_value

SERVICE = LiveLoad(
    url="http://127.0.0.1:8000",
    generator="Locust 2.47.0",
    workers=1,
    worker_cpu_ratio=(),
    load_average=None,
    late_count=0,
    late_ns_p95=0,
    late_ns_max=0,
    resources=None,
)


def bucket(p95_s: float, *, ended: int = 10, failed: int = 0) -> Bucket:
    latency = LatencySummary(count=ended, p50_ns=1, p95_ns=round(p95_s * NS), sum_ns=ended)
    errors = {"timeout": failed} if failed else {}
    return Bucket(started=ended, ended=ended, good=ended - failed, errors=errors, latency=latency)


def load(*buckets: Bucket, targets: dict[str, float], p95_s: float = 0.1, **more) -> LoadRun:
    ended = sum(one.ended for one in buckets)
    failed = sum(sum(one.errors.values()) for one in buckets)
    run = LoadRun(
        scenarios={"shop": 1},
        shape="poisson 10/s for 4 s",
        users=5,
        seed=1,
        tier=Tier.CLIENT,
        commit="worktree",
        environment=Environment(python="3.11", harness="a", scenario="b"),
        duration_ns=len(buckets) * NS,
        offered=ended,
        dropped=0,
        good=ended - failed,
        good_within_ns=None,
        errors={"timeout": failed} if failed else {},
        latency=LatencySummary(count=ended, p50_ns=1, p95_ns=round(p95_s * NS), sum_ns=ended * NS),
        paths={},
        counts={},
        operations={},
        timeline=Timeline(bucket_ns=NS, buckets=buckets),
        exemplars=(),
        trace_digest="",
        targets=targets,
    )
    return replace(run, **more)


def test_a_target_is_told_with_the_times_in_which_it_was_missed() -> None:
    """
    By hand: of five seconds the second, third and fifth are too slow; two windows, the worst
    of each, and over all the target is kept.
    """
    seconds = [bucket(value) for value in (0.1, 0.3, 0.5, 0.1, 0.4)]
    decision = judge_load(load(*seconds, targets={"latency.p95": 0.2}, p95_s=0.15))
    (target,) = decision.targets
    found = [(one.start_ns // NS, one.end_ns // NS, one.worst) for one in target.windows]

    assert [(1, 3, 0.5), (4, 5, 0.4)] == found
    assert (True, Outcome.PASS, ()) == (target.passed, decision.outcome, decision.lines)


def test_a_bucket_of_few_requests_tells_no_tail() -> None:
    """
    The P95 of five requests is the slowest of them: no window; that one of five failed is a fact.
    """
    run = load(
        *[bucket(0.1, ended=50)] * 3,
        bucket(9.0, ended=5, failed=1),
        targets={"latency.p95": 0.2, "error_ratio": 0.1},
    )
    windows = {one.metric: len(one.windows) for one in judge_load(run).targets}

    assert {"latency.p95": 0, "error_ratio": 1} == windows


def test_what_few_stretches_tell_is_not_when_a_target_was_missed() -> None:
    """
    Two of five have enough requests for a P95: that they missed says nothing of the others. Of a
    path no stretch tells, and that it was never missed is not said.
    """
    quiet = bucket(9.0, ended=5)
    run = load(
        *[quiet] * 3,
        *[bucket(0.3)] * 2,
        targets={"latency.p95": 0.2, "latency.chat.p50": 9.0},
        p95_s=0.3,
    )
    run = replace(run, paths={"chat": run.latency})
    missed, kept = judge_load(run).targets

    assert (False, ()) == (missed.passed, missed.windows)
    assert "too few requests in each 1 s to tell when" == missed.text
    assert (True, "told over all alone") == (kept.passed, kept.text)


@pytest.mark.parametrize(
    ("targets", "more", "code", "line"),
    [
        ({"latency.p95": 0.2}, {}, 0, ""),
        ({"latency.p95": 0.05}, {}, 1, "FAIL shop latency.p95 observed=100ms limit=50ms"),
        ({"throughput": 20}, {}, 1, "FAIL shop throughput observed=10/s limit=20/s"),
        ({"latency.mis.p95": 1}, {}, 4, "UNDECIDED shop latency.mis.p95"),
        ({"latency.p95": 0.2}, {"stopped": "ended early"}, 4, ""),
        ({"latency.p95": 0.05}, {"stopped": "ended early"}, 1, "FAIL shop latency.p95"),
        ({}, {"errors": {"KeyError": 40}, "good": 0}, 3, "BROKEN shop not one of 40 requests"),
        ({}, {"offered": 0}, 5, ""),
    ],
)
def test_outcomes(targets, more, code: int, line: str) -> None:
    """
    Kept, missed, not told, ended early, nothing answered, nothing asked: code and first line.
    """
    decision = judge_load(load(*[bucket(0.1)] * 4, targets=targets, **more))

    assert code == exit_code(decision)
    assert "".join(decision.lines[:1]).startswith(line)


def test_totals_of_work_say_nothing_about_a_load() -> None:
    """
    A load of another length makes other totals: such a target is left out, and that is told.
    """
    decision = judge_load(load(bucket(0.1), targets={"work.llm_calls": 2}))

    assert (Outcome.PASS, ()) == (decision.outcome, decision.targets)
    assert "work.llm_calls" in decision.notes[0]
    assert {"latency.p95": 1, "goodput": 5} == load_targets(
        {"latency.p95": 2, "work.llm_calls": 2}, {"latency.p95": 1, "goodput": 5}
    )


def test_a_pool_carries_its_size_over_the_time_held() -> None:
    """
    By hand: 40 requests hold one of 5 connections for 0.5 s each, so 5 carry 10 a second.
    """
    level = LevelTotal(peak=5, held_ns=20 * NS, length_ns=4 * NS)
    waited = load(*[bucket(0.1)] * 4, targets={}, levels={"db_in_use": level})
    full = find_bottlenecks(replace(waited, counts={"db_waits": 3}))
    idle = find_bottlenecks(replace(waited, levels={"db_in_use": replace(level, most=50)}))

    assert [10.0] == [one.ceiling_hz for one in full]
    assert () == find_bottlenecks(waited)
    assert () == idle
    assert [10.0] == [
        one.ceiling_hz
        for one in find_bottlenecks(replace(waited, levels={"db_in_use": replace(level, most=5)}))
    ]


def test_the_slowest_operation_is_named_with_its_share() -> None:
    """
    By hand: 30 of 40 seconds on the critical path.
    """
    model = OperationTotal(count=40, busy_ns=35 * NS, critical_ns=30 * NS)
    (slow,) = find_bottlenecks(load(*[bucket(0.1)] * 4, targets={}, operations={"llm": model}))

    assert "most time goes to llm: 750 ms a request, 75 % of all" == slow.text


def test_time_in_no_operation_is_not_given_to_the_slowest_one() -> None:
    """
    By hand: of 40 seconds 2 are a round trip's, and 38 the code's own, as in a batch that fills.
    """
    trip = OperationTotal(count=40, busy_ns=2 * NS, critical_ns=2 * NS)
    (own,) = find_bottlenecks(load(*[bucket(0.1)] * 4, targets={}, operations={"redis.trip": trip}))

    assert own.text.startswith("most time goes to no operation: 950 ms a request, 95 % of all;")


def test_what_is_slow_is_not_called_the_most_where_requests_queue() -> None:
    """
    By hand: of 40 seconds 36 are spent waiting, and 4 in the model.
    """
    waits = OperationTotal(count=40, busy_ns=36 * NS, critical_ns=36 * NS)
    model = OperationTotal(count=40, busy_ns=4 * NS, critical_ns=4 * NS)
    run = load(*[bucket(0.1)] * 4, targets={}, operations={"db.wait": waits, "llm": model})

    assert [
        "waiting for a database connection is 90 % of the requests' time, 900 ms each on average",
        "apart from that, most time goes to llm: 100 ms a request, 10 % of all",
    ] == [one.text for one in find_bottlenecks(run)]


def test_what_arrives_faster_than_it_is_answered_is_told() -> None:
    """
    By hand: 40 a bucket for 10 buckets of 1 s, 10 of each answered then, the rest in 30 more.
    """
    busy = replace(bucket(0.1), started=40)
    after = replace(bucket(0.1), started=0)
    run = load(*[busy] * 10, *[after] * 30, targets={})
    told = [one.text for one in find_bottlenecks(run)]
    answered = format_value(run.throughput_hz, "per_s")

    words = "when the last request arrived, 300 of 400 had no answer yet: 40/s arrived, and"

    assert [f"{words} {answered} were answered"] == told
    assert () == find_bottlenecks(load(*[bucket(0.1)] * 40, targets={}))
    # What comes within a few buckets waits in any case.
    assert () == find_bottlenecks(load(*[busy] * 9, *[after] * 27, targets={}))


def test_of_a_service_only_what_is_its_own_is_called_slow() -> None:
    """
    Neither the generator's own lateness, nor where refusals took their time; streams in words.
    """
    late = OperationTotal(count=40, busy_ns=30 * NS, critical_ns=30 * NS)
    first = OperationTotal(count=40, busy_ns=10 * NS, critical_ns=10 * NS)
    run = load(
        *[bucket(0.1)] * 4,
        targets={},
        operations={"load.late": late, "http.first_event": first},
        live=SERVICE,
    )

    assert [
        "most time goes to the wait for the first event of a stream: 250 ms a request, 25 % of all"
    ] == [one.text for one in find_bottlenecks(run)]
    assert () == find_bottlenecks(replace(run, good=0, errors={"network": 40}))


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("latency.p999", "40 requests cannot tell a P999, which wants 1,000; ask"),
        ("latency.chat.p95", "12 requests of chat cannot tell a P95, which wants 20; ask"),
        ("latency.chatt.p95", "give no such metric; "),
        ("hit_ratio", "40 requests give no such metric; "),
    ],
)
def test_too_few_requests_are_no_misspelt_metric(metric: str, words: str) -> None:
    """
    What a longer load would tell is said to want one; a name that nothing has is not.
    """
    run = load(*[bucket(0.1)] * 4, targets={metric: 3.0})
    chat = replace(run.latency, count=12)
    decision = judge_load(replace(run, paths={"chat": chat}))

    assert Outcome.UNDECIDED is decision.outcome
    assert words in decision.targets[0].text


@pytest.mark.parametrize(
    ("paths", "ratio"),
    [({"hit": 40}, 1.0), ({"miss": 40}, 0.0), ({"hit": 30, "miss": 10}, 0.75), ({"card": 40}, 0.5)],
)
def test_the_words_of_answers_say_how_many_were_hits(paths: dict[str, int], ratio: float) -> None:
    """
    All or none of the requests were hits: their words go before the lookups of Redis.
    """
    run = load(
        *[bucket(0.1)] * 4,
        targets={"hit_ratio": 0.1},
        paths={name: LatencySummary(count=count) for name, count in paths.items()},
        counts={"redis_hits": 20, "redis_misses": 20},
    )

    assert [ratio] == [one.observed for one in judge_load(run).targets]


def probe(rate_hz: float, *, kept: bool, good_ratio: float = 1.0) -> Probe:
    return Probe(
        rate_hz=rate_hz,
        offered=100,
        good_ratio=good_ratio,
        goodput_hz=rate_hz,
        p50_ns=1,
        p95_ns=NS // 10 if kept else NS,
        p99_ns=NS,
        p999_ns=NS,
        kept=kept,
    )


@pytest.mark.parametrize(
    ("probes", "rate_hz", "stopped", "code"),
    [
        ((probe(1, kept=True), probe(2, kept=False)), 1, "", 0),
        ((probe(1, kept=False),), 0, "", 1),
        ((probe(1, kept=True),), 1, "ended early", 4),
        ((probe(8, kept=False),), 0, "ended early", 4),
        ((probe(1, kept=False, good_ratio=0.0),), 0, "", 3),
        ((), 0, "ended early", 5),
    ],
)
def test_outcomes_of_searches(probes, rate_hz: float, stopped: str, code: int) -> None:
    """
    Found, not even the lowest rate, ended early with a rate that held or before a lower one was
    tried, nothing answered, nothing tried.
    """
    capacity = Capacity(
        scenario="shop",
        promise=Promise(within_s=0.2),
        rate_hz=rate_hz,
        broken_at_hz=None,
        probes=probes,
        stopped=stopped,
    )

    assert code == exit_code(judge_capacity(capacity))
