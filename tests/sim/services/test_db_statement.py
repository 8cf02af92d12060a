from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.sim.services.db_statement import Effect, understand


@pytest.mark.parametrize(
    ("sql", "effect"),
    [
        ("SELECT 1", Effect.READ),
        ("  \n-- why\n/* and how */ select 1", Effect.READ),
        ("(SELECT 1)", Effect.READ),
        ("VALUES (1)", Effect.READ),
        ("EXPLAIN QUERY PLAN SELECT 1", Effect.READ),
        ("WITH a AS (SELECT 1) SELECT 'delete' FROM a", Effect.READ),
        ("WITH a AS (SELECT 1 b) SELECT replace(b, '1', '2') FROM a", Effect.READ),
        ("WITH a AS (SELECT 1) REPLACE INTO t SELECT * FROM a", Effect.WRITE),
        ("WITH a AS (SELECT 1) DELETE FROM t", Effect.WRITE),
        ("insert into t values (1)", Effect.WRITE),
        ("CREATE TABLE t (a)", Effect.WRITE),
        ("SAVEPOINT a", Effect.WRITE),
        ("ROLLBACK TO SAVEPOINT a", Effect.WRITE),
        ("ROLLBACK TRANSACTION TO a", Effect.WRITE),
        ("RELEASE a", Effect.WRITE),
        ("ROLLBACK", Effect.ROLLBACK),
        ("COMMIT", Effect.COMMIT),
        ("END TRANSACTION", Effect.COMMIT),
        ("BEGIN IMMEDIATE", Effect.BEGIN),
        ("PRAGMA foreign_keys = ON", Effect.LOCAL),
        ("", Effect.WRITE),
    ],
)
def test_effects_are_told_apart(sql: str, effect: Effect) -> None:
    """
    A statement's first word, comments aside, says what it does; a WITH is looked into.
    """
    assert effect is understand(sql).effect


@pytest.mark.parametrize(
    ("sql", "fingerprint"),
    [
        ("SELECT  a,\n  b\nFROM t", "SELECT a, b FROM t"),
        ("SELECT a FROM t WHERE b IN (?, ?, ?)", "SELECT a FROM t WHERE b IN (?, ...)"),
        ("SELECT a FROM t WHERE b IN (?)", "SELECT a FROM t WHERE b IN (?, ...)"),
        ("INSERT INTO t VALUES (?, ?)", "INSERT INTO t VALUES (?, ?)"),
        ("INSERT INTO t VALUES (?, ?), (?, ?), (?, ?)", "INSERT INTO t VALUES (?, ?), ..."),
    ],
)
def test_fingerprints_are_one_line(sql: str, fingerprint: str) -> None:
    """
    A fingerprint has single spaces, and says of lists only that they are lists.
    """
    assert fingerprint == understand(sql).fingerprint


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_number_of_values_does_not_matter(some: int, others: int) -> None:
    """
    Statements that differ in the number of values listed have one fingerprint.
    """
    first, second = (
        f"SELECT a FROM t WHERE b IN ({', '.join('?' * count)})" for count in (some, others)
    )
    assert understand(first).fingerprint == understand(second).fingerprint
