"""What batches, connections, model calls and waits are explained by."""

from dataclasses import replace

from agent_perf.gate import explain
from agent_perf.records import Cause
from tests.gate.backend import COUNTS, GOOD, LOST, MS, N, changed, operation


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
