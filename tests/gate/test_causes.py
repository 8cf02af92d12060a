"""
The causes are tested with the differences that each mistake makes in an agent backend of
1,000 requests, 620 of them answered from a cache.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.gate import explain
from agent_perf.records import Cause, Exemplar, OperationTotal, Run, Span
from tests.stats.example import make_run

MS = 1_000_000
N = 1000
USER = "SELECT name FROM user WHERE id = ?"
HISTORY = "SELECT body FROM message WHERE uid = ? LIMIT 8"
BODY = "SELECT body FROM message WHERE id = ?"

COUNTS = {
    "redis_trips": 2380,
    "redis_commands": 2380,
    "redis_hits": 1620,
    "redis_misses": 380,
    "db_statements": 760,
    "db_connects": 12,
    "http_requests": 480,
    "llm_calls": 380,
    "llm_tokens_in": 38_000,
    "llm_tokens_out": 19_000,
    "llm_cost_nanousd": 5_700_000,
    "events": 1000,
    "event_requests": 100,
    "bytes_sent": 900_000,
    "bytes_received": 1_900_000,
}
DETAILS = {
    "redis_trips:GET": 2000,
    "redis_trips:SET": 380,
    f"db_statements:{USER}": 380,
    f"db_statements:{HISTORY}": 380,
    "http_requests:POST llm.sim/v1/chat/completions": 380,
    "http_requests:POST pusher.sim/apps/1/batch_events": 100,
}


def operation(count: int, each_ms: float, *, critical: float = 1.0) -> OperationTotal:
    busy_ns = round(count * each_ms * MS)
    return OperationTotal(count=count, busy_ns=busy_ns, critical_ns=round(busy_ns * critical))


OPERATIONS = {
    "redis.trip": operation(2380, 0.4),
    "db.statement": operation(760, 1.5),
    "http.request": operation(480, 10),
    "llm.first_token": operation(380, 80),
    "llm.stream": operation(380, 60),
    "pusher.request": operation(100, 8, critical=0),
}
GOOD = make_run(
    latency_ns=[60 * MS] * N,
    path=["hit"] * 620 + ["miss"] * 380,
    counts=COUNTS,
    details=DETAILS,
    operations=OPERATIONS,
)


def changed(
    counts: Mapping[str, int] | None = None,
    details: Mapping[str, int] | None = None,
    operations: Mapping[str, OperationTotal] | None = None,
    **rest: object,
) -> Run:
    return replace(
        GOOD,
        counts={**COUNTS, **(counts or {})},
        details={**DETAILS, **(details or {})},
        operations={**OPERATIONS, **(operations or {})},
        **rest,  # type: ignore[arg-type]
    )


def scaled(factor: float) -> dict[str, int]:
    return {name: round(total * factor) for name, total in COUNTS.items()}


def test_extra_round_trip() -> None:
    """
    One more EXPIRE per request is told once, with its time.
    """
    head = changed(
        {"redis_trips": 3380, "redis_commands": 3380, "bytes_sent": 960_000},
        {"redis_trips:EXPIRE": 1000},
        {"redis.trip": operation(3380, 0.4)},
        latency_ns=(60_400_000,) * N,
    )

    assert (
        Cause(
            kind="extra-round-trip",
            text="one more Redis round trip per request (2.38 → 3.38), +400 µs on the critical "
            "path: EXPIRE",
            critical_ns=400_000,
        ),
    ) == explain(GOOD, head)


LOST = changed(
    {
        **scaled(2.6316),
        "redis_trips": 3000,
        "redis_commands": 3000,
        "redis_hits": 1000,
        "redis_misses": 1000,
        "llm_calls": 1000,
        "events": 2000,
        "event_requests": 200,
    },
    {
        f"db_statements:{USER}": 1000,
        f"db_statements:{HISTORY}": 1000,
        "http_requests:POST llm.sim/v1/chat/completions": 1000,
    },
    {
        "db.statement": operation(2000, 1.5),
        "llm.first_token": operation(1000, 80),
        "llm.stream": operation(1000, 60),
    },
    path=("miss",) * N,
    latency_ns=(140 * MS,) * N,
)


def test_lost_cache_hit() -> None:
    """
    Lost hits are told once, though model calls, statements, events and bytes follow.
    """
    causes = explain(GOOD, LOST)

    assert ["lost-cache-hit"] == [cause.kind for cause in causes]
    assert (
        "cache hits lost: redis misses 0.38 → 1 per request, so 0.62 more model calls per request"
        == causes[0].text
    )
    assert causes[0].critical_ns > 80 * MS


def test_a_lookup_that_is_no_longer_made() -> None:
    """
    A cache that is not even asked any more has lost its hits too.
    """
    head = replace(
        LOST, counts={**LOST.counts, "redis_hits": 1000, "redis_misses": 0, "redis_trips": 1000}
    )
    causes = explain(GOOD, head)

    assert ["lost-cache-hit"] == [cause.kind for cause in causes]
    assert causes[0].text.startswith("cache hits lost: redis hits 1.62 → 1 per request, so")


def test_a_cache_in_the_process() -> None:
    """
    Without Redis in it, the requests' paths tell that hits were lost.
    """
    base, head = (
        replace(run, counts={k: v for k, v in run.counts.items() if not k.startswith("redis_")})
        for run in (GOOD, LOST)
    )

    assert "cache hits lost: 62 % → 0 % of requests, so 0.62 more model calls per request" == (
        explain(base, head)[0].text
    )


def test_fewer_lookups_are_no_loss() -> None:
    """
    A needless lookup less, one that hit, makes nothing worse and has no cause.
    """
    head = changed({"redis_hits": 620, "redis_trips": 1380, "redis_commands": 1380})

    assert () == explain(GOOD, head)


N_PLUS_ONE_COUNTS = {"db_statements": 760 - 380 + 8 * 380, "db_connects": 40}
N_PLUS_ONE_DETAILS = {f"db_statements:{HISTORY}": 0, f"db_statements:{BODY}": 8 * 380}


def spans(*statements: str) -> Exemplar:
    return Exemplar(
        request_id=1,
        latency_ns=99,
        spans=tuple(
            Span(name="db.statement", detail=statement, start_ns=i, end_ns=i + 1)
            for i, statement in enumerate(statements)
        ),
    )


def test_n_plus_one() -> None:
    """
    A statement for each row is told with what one request does.
    """
    head = changed(
        N_PLUS_ONE_COUNTS,
        N_PLUS_ONE_DETAILS,
        {"db.statement": operation(3420, 1.5), "db.wait": operation(900, 2)},
        exemplar=spans(USER, *[BODY] * 8),
        latency_ns=(66 * MS,) * N,
    )
    causes = explain(replace(GOOD, exemplar=spans(USER, HISTORY)), head)

    assert ["n-plus-one"] == [cause.kind for cause in causes]
    assert (
        f"`{BODY}` now runs 8 times in one request (N+1): 0.76 → 3.42 statements per request, "
        "+5.8 ms on the critical path" == causes[0].text
    )


def test_n_plus_one_without_an_exemplar() -> None:
    """
    More statements than requests are more than one in some request, whoever watched.
    """
    head = changed(N_PLUS_ONE_COUNTS, N_PLUS_ONE_DETAILS)

    assert f"`{BODY}` now runs 3.04 times per request (N+1)" in explain(GOOD, head)[0].text


def test_two_of_a_kind_are_enough() -> None:
    """
    Twice in one request, where it was once, is the beginning of N+1.
    """
    head = changed(
        {"db_statements": 1140}, {f"db_statements:{BODY}": 380}, exemplar=spans(BODY, BODY)
    )
    causes = explain(replace(GOOD, exemplar=spans(BODY)), head)

    assert causes[0].text.startswith(f"`{BODY}` now runs 2 times in one request (N+1)")


def test_the_detail_that_grew_most_is_named() -> None:
    """
    Of several commands that grew, the one with most trips is told.
    """
    head = changed(
        {"redis_trips": 3400, "redis_commands": 3400},
        {"redis_trips:AUTH": 20, "redis_trips:EXPIRE": 1000},
    )

    assert explain(GOOD, head)[0].text.endswith(": EXPIRE")


@pytest.mark.parametrize("command", ["GET\n\x1b[2K", "GÉT"])
def test_odd_commands_are_quoted(command: str) -> None:
    """
    A command that is no plain word is quoted, and printable.
    """
    head = changed({"redis_trips": 3380, "redis_commands": 3380}, {f"redis_trips:{command}": 1000})
    text = explain(GOOD, head)[0].text

    assert text.endswith("`")
    assert text.isprintable()


def test_extra_statement() -> None:
    """
    One statement more per request is no N+1.
    """
    log = "INSERT INTO log VALUES (?)"
    head = changed(
        {"db_statements": 1760},
        {f"db_statements:{log}": 1000},
        {"db.statement": operation(1760, 1.5)},
        exemplar=spans(USER, HISTORY, log),
    )
    causes = explain(replace(GOOD, exemplar=spans(USER, HISTORY)), head)

    assert (
        Cause(
            kind="extra-statement",
            text=f"one more database statement per request (0.76 → 1.76): `{log}`, +1.5 ms on "
            "the critical path",
            critical_ns=1_500_000,
        ),
    ) == causes


def test_batching_off() -> None:
    """
    The same events in ten times the requests; HTTP requests and bytes follow.
    """
    head = changed(
        {"event_requests": 1000, "http_requests": 1380, "bytes_sent": 1_300_000},
        {"http_requests:POST pusher.sim/apps/1/batch_events": 1000},
        {
            "pusher.request": operation(1000, 8, critical=0),
            "http.request": operation(1380, 10, critical=0.3),
        },
    )

    assert (
        Cause(
            kind="batching-off",
            text="events are sent singly: event requests 0.1 → 1 per request for the same number "
            "of events (10 → 1 a batch)",
        ),
    ) == explain(GOOD, head)


def test_smaller_batches() -> None:
    """
    Batches of five instead of ten are smaller, and not single.
    """
    causes = explain(GOOD, changed({"event_requests": 200}))

    assert causes[0].text.startswith("events are sent in smaller batches")


def test_more_events_are_no_broken_batching() -> None:
    """
    Twice the events in twice the requests is more work, and batches as they were.
    """
    causes = explain(GOOD, changed({"event_requests": 200, "events": 2000}))

    assert ["more-work"] == [cause.kind for cause in causes]
    assert "more work, event requests 0.1 → 0.2 per request" == causes[0].text


def test_connection_held() -> None:
    """
    A connection held during the model call is told, with the waits that it causes.
    """
    head = changed(
        {"llm_calls_holding_db": 380, "db_waits": 300, "db_connects": 50, "db_statements": 740},
        {},
        {"db.wait": operation(300, 40), "db.connect": operation(50, 5)},
        latency_ns=(72 * MS,) * N,
    )

    assert (
        Cause(
            kind="connection-held",
            text="a database connection is held during the model call: 0 → 0.38 calls per "
            "request, and requests wait 12 ms more for a connection",
            critical_ns=12_250_000,
        ),
    ) == explain(GOOD, head)


def test_connections_held_longer_by_lost_hits_are_an_effect() -> None:
    """
    Where calls always held a connection, more calls do not make that a second cause.
    """
    base = replace(GOOD, counts={**GOOD.counts, "llm_calls_holding_db": 380})
    head = replace(LOST, counts={**LOST.counts, "llm_calls_holding_db": 1000})

    assert ["lost-cache-hit"] == [cause.kind for cause in explain(base, head)]


def test_pipeline_off() -> None:
    """
    The same commands in more trips are a pipeline lost, and no extra command.
    """
    base = changed({"redis_trips": 1000, "redis_commands": 3000})
    head = changed({"redis_trips": 3000, "redis_commands": 3000})

    assert (
        "Redis commands are no longer sent together: 1 → 3 round trips per request for 3 commands"
        == explain(base, head)[0].text
    )


def test_extra_model_call() -> None:
    """
    A second model call per request; tokens, cost and HTTP requests follow.
    """
    counts = {
        name: COUNTS[name] * 2
        for name in ("llm_calls", "llm_tokens_in", "llm_tokens_out", "llm_cost_nanousd")
    }
    causes = explain(GOOD, changed({**counts, "http_requests": 860}))

    assert ["extra-model-call"] == [cause.kind for cause in causes]
    assert "0.38 more model calls per request (0.38 → 0.76)" == causes[0].text


def test_more_tokens() -> None:
    """
    A longer prompt costs more without a further call.
    """
    causes = explain(GOOD, changed({"llm_tokens_in": 76_000, "llm_cost_nanousd": 8_000_000}))

    assert (
        Cause(kind="more-tokens", text="more prompt tokens, 100 → 200 per model call"),
    ) == causes


def test_more_errors() -> None:
    """
    Requests that fail and are made again are told as errors.
    """
    causes = explain(
        GOOD,
        changed({"http_errors": 90, "http_requests": 570}, {"http_errors:GET search.sim/docs": 90}),
    )

    assert (
        Cause(
            kind="more-errors",
            text="more HTTP requests fail, 0 → 0.09 per request: `GET search.sim/docs`",
        ),
    ) == causes


def test_slower_operation() -> None:
    """
    The same calls that take longer are told with both times.
    """
    head = changed(
        operations={"llm.first_token": operation(380, 120)}, latency_ns=(75_200_000,) * N
    )

    assert (
        Cause(
            kind="slower-operation",
            text="the model's first token: 80 ms → 120 ms each, +15 ms per request on the "
            "critical path",
            critical_ns=15_200_000,
        ),
    ) == explain(GOOD, head)


def test_serialised() -> None:
    """
    The same calls, no slower, of which more is waited for, have lost their company.
    """
    base = changed(operations={"tool.call": operation(2000, 10, critical=0.5)})
    head = changed(operations={"tool.call": operation(2000, 10)}, latency_ns=(70 * MS,) * N)

    assert (
        Cause(
            kind="serialised",
            text="a tool call: no longer side by side with other work, +10 ms per request on the "
            "critical path",
            critical_ns=10 * MS,
        ),
    ) == explain(base, head)


def test_unobserved_wait() -> None:
    """
    Time that no operation accounts for is told as such, instead of nothing.
    """
    causes = explain(GOOD, replace(GOOD, latency_ns=(90 * MS,) * N))

    assert ["unobserved-wait"] == [cause.kind for cause in causes]
    assert causes[0].text.startswith("requests take 60 ms → 90 ms on average")


def test_two_mistakes_are_two_causes() -> None:
    """
    A round trip more and batching off, in one commit, are both told.
    """
    head = changed(
        {
            "redis_trips": 3380,
            "redis_commands": 3380,
            "event_requests": 1000,
            "http_requests": 1380,
        },
        {"redis_trips:EXPIRE": 1000},
        {"redis.trip": operation(3380, 0.4)},
    )

    assert ["extra-round-trip", "batching-off"] == [cause.kind for cause in explain(GOOD, head)]


def test_a_mistake_hidden_in_lost_hits() -> None:
    """
    What grew by far more than the lost hits explain is a cause of its own.
    """
    head = replace(
        LOST,
        counts={**LOST.counts, "db_statements": 9000},
        details={**LOST.details, f"db_statements:{HISTORY}": 0, f"db_statements:{BODY}": 8000},
    )

    assert {"lost-cache-hit", "n-plus-one"} == {cause.kind for cause in explain(GOOD, head)}


def test_echoes_are_not_told_beside_a_cause() -> None:
    """
    A trip more shifts a few batches and misses in time; that is no second cause.
    """
    head = changed(
        {
            "redis_trips": 3382,
            "redis_commands": 3382,
            "redis_hits": 1618,
            "redis_misses": 382,
            "event_requests": 103,
            "llm_calls": 382,
            "redis_connects": 3,
            "db_connects": 14,
        },
        {"redis_trips:EXPIRE": 1000},
        {"redis.trip": operation(3382, 0.4), "db.wait": operation(2, 1)},
        latency_ns=(60_500_000,) * N,
    )

    assert ["extra-round-trip"] == [cause.kind for cause in explain(GOOD, head)]


def test_a_longer_prompt_is_no_second_cause_of_lost_hits() -> None:
    """
    Prompts that name the customer are a tenth longer, and that is how the hits were lost.
    """
    head = replace(LOST, counts={**LOST.counts, "llm_tokens_in": 112_000, "db_lock_waits": 300})

    assert ["lost-cache-hit"] == [cause.kind for cause in explain(GOOD, head)]


def test_time_is_told_once() -> None:
    """
    Time that the first cause accounts for is not counted for the second.
    """
    head = replace(LOST, counts={**LOST.counts, "llm_tokens_in": 300_000})
    first, second = explain(GOOD, head)

    assert ("lost-cache-hit", "more-tokens") == (first.kind, second.kind)
    assert 0 == second.critical_ns
    assert "more prompt tokens, 100 → 300 per model call" == second.text


def test_a_trifle_slower_is_no_second_cause() -> None:
    """
    Where latency hardly grew, an operation that makes up all of it is not told.
    """
    head = changed(
        {"event_requests": 1000},
        {},
        {"db.statement": operation(760, 1.53)},
        latency_ns=(60_020_000,) * N,
    )

    assert ["batching-off"] == [cause.kind for cause in explain(GOOD, head)]


def test_a_small_difference_is_told_if_it_is_all() -> None:
    """
    Three round trips more in a thousand requests have their cause too.
    """
    causes = explain(GOOD, changed({"redis_trips": 2383, "redis_commands": 2383}))

    assert ["extra-round-trip"] == [cause.kind for cause in causes]
    assert causes[0].text.startswith("0.003 more Redis round trips per request")


def test_improvements_have_no_cause() -> None:
    """
    What became better is not explained as worse.
    """
    assert () == explain(LOST, GOOD)


@pytest.mark.parametrize("detail", ["SELECT 1\nFROM `x`", "GET \x1b[2K", "S" * 500])
def test_details_are_harmless(detail: str) -> None:
    """
    Whatever a statement holds, its cause is one printable line of bounded length.
    """
    causes = explain(GOOD, changed({"db_statements": 5760}, {f"db_statements:{detail}": 5000}))

    assert causes[0].text.isprintable()
    assert len(causes[0].text) < 250


totals = st.integers(0, 5000)
runs = st.builds(
    changed,
    st.fixed_dictionaries({}, optional=dict.fromkeys([*COUNTS, "llm_calls_holding_db"], totals)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(DETAILS, totals)),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            [*OPERATIONS, "db.wait"],
            st.builds(operation, totals, st.floats(0, 50), critical=st.floats(0, 1)),
        ),
    ),
    latency_ns=st.integers(0, 10**9).map(lambda latency_ns: (latency_ns,) * N),
)


@given(run=runs)
def test_a_run_explains_itself_with_nothing(run: Run) -> None:
    """
    Where nothing differs, nothing is told.
    """
    assert () == explain(run, run)


@given(base=runs, head=runs)
def test_any_two_runs_are_explained(base: Run, head: Run) -> None:
    """
    Whatever differs, each kind is told in one printable line, the weightiest first.
    """
    causes = explain(base, head)

    assert sorted((c.critical_ns for c in causes), reverse=True) == [c.critical_ns for c in causes]
    assert all(cause.text.isprintable() and cause.text for cause in causes)
    assert len(set(causes)) == len(causes)
