from __future__ import annotations

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import fingerprint
from agent_perf.components.database.queries import OTHER, QueryLog
from agent_perf.errors import ConfigError


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT *\n  FROM orders ", "SELECT * FROM orders"),
        ("SELECT 1, 2.5, 1e9, 'it''s' FROM t1", "SELECT ?, ?, ?, ? FROM t1"),
        ("... WHERE id = $1 AND name = :name_1", "... WHERE id = $1 AND name = :name_1"),
        ("... WHERE id IN (1, 2, 3)", "... WHERE id IN (...)"),
        ("... WHERE id in ($1::INTEGER, $2::INTEGER)", "... WHERE id IN (...)"),
        ("... WHERE id IN (?)", "... WHERE id IN (...)"),
        ("... IN (SELECT id FROM t)", "... IN (SELECT id FROM t)"),
        ("INSERT INTO t VALUES (1, 'a'), (2, 'b')", "INSERT INTO t VALUES (?, ?), ..."),
        ("INSERT INTO t (a) VALUES ($1), ($2), ($3)", "INSERT INTO t (a) VALUES ($1), ..."),
        ("insert into t values (1), (2)", "insert into t values (?), ..."),
        ("INSERT INTO t VALUES(1),(2),(3)", "INSERT INTO t VALUES(?), ..."),
    ],
)
def test_what_differs_from_call_to_call_goes(sql: str, expected: str) -> None:
    """
    Literals, the length of lists and white space do not make another statement.
    """
    assert expected == fingerprint(sql)


@given(st.text("(),'x1 ?$:INVALUES\n", max_size=80))
def test_fingerprint_is_stable(sql: str) -> None:
    """
    The fingerprint of a fingerprint is itself, and nothing makes it fail.
    """
    assert fingerprint(sql) == fingerprint(fingerprint(sql))


def test_statements_are_counted_by_fingerprint() -> None:
    """
    Count, errors, slow ones, total and longest are those of all executions, the failed
    included; the dearest comes first.
    """
    log = QueryLog(slow_s=0.5)
    log.record("SELECT 1", 0.25)
    log.record("SELECT  2", 0.5)
    log.record("SELECT 3", 0.25, failed=True)
    log.record("UPDATE t", 4.0)

    assert ["UPDATE t", "SELECT ?"] == list(log.stats())
    stats = log.stats()["SELECT ?"]
    assert (3, 1, 1, 1.0, 0.5) == (
        stats.count,
        stats.errors,
        stats.slow,
        stats.total_s,
        stats.max_s,
    )
    assert 1 / 3 == stats.mean_s


def test_the_95th_percentile_is_that_of_all() -> None:
    """
    P95 is within 0.4 % of the nearest rank of all executions, however many; of 19 there is none.
    """
    log = QueryLog(slow_s=1e9)
    for number in range(19):
        log.record("SELECT 1", number)
    assert math.isnan(log.stats()["SELECT ?"].p95_s)
    for number in range(10_000):
        log.record("SELECT c", (number * 7919 % 10_000 + 1) / 1000)
    assert pytest.approx(9.5, rel=2**-8) == log.stats()["SELECT c"].p95_s


def test_memory_is_bounded() -> None:
    """
    A program that puts values into its statements fills no memory: what comes late is
    counted together.
    """
    log = QueryLog(fingerprints_max=3)
    for number in range(10):
        log.record(f"SELECT column{number}", 0.01)

    assert 4 == len(log.stats())
    assert 7 == log.stats()[OTHER].count


def test_slow_ones_are_logged_without_values(caplog: pytest.LogCaptureFixture) -> None:
    """
    The log has seconds and fingerprint, and no data of anybody's.
    """
    log = QueryLog(slow_s=0.1)
    with caplog.at_level(logging.WARNING):
        log.record("SELECT * FROM users WHERE name = 'Ada'", 0.0999)
        log.record("SELECT * FROM users WHERE name = 'Ada'", 0.1)

    assert ["slow query, 0.100 s: SELECT * FROM users WHERE name = ?"] == caplog.messages


@pytest.mark.parametrize("bad", [{"slow_s": 0}, {"slow_s": math.nan}, {"fingerprints_max": 0}])
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    Limits that make no sense are refused.
    """
    with pytest.raises(ConfigError):
        QueryLog(**bad)
