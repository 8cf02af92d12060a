"""What more round trips, fewer hits and more statements are explained by."""

from dataclasses import replace

import pytest

from agent_perf.gate import explain
from agent_perf.records import Cause, Exemplar, Span
from tests.gate.backend import BODY, GOOD, HISTORY, LOST, MS, USER, N, changed, operation


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
