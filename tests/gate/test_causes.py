"""Causes beside each other: what is told, in which order, and what is not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.gate import explain
from agent_perf.records import Run
from tests.gate.backend import (
    BODY,
    COUNTS,
    DETAILS,
    GOOD,
    HISTORY,
    LOST,
    OPERATIONS,
    N,
    changed,
    operation,
)


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
