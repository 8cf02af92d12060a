from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.database.tables import find_tables


@pytest.mark.parametrize(
    ("sql", "names", "is_read"),
    [
        ("SELECT * FROM Users u JOIN shop.orders o ON o.id = u.id, \"Big\"", "users orders Big", True),
        ("SELECT * FROM a WHERE x IN (SELECT y FROM b) UNION SELECT 1 FROM c;", "a b c", True),
        ("SELECT * FROM (SELECT * FROM a, b) q, c -- , d\n /* , e */", "a b c", True),
        ("SELECT * FROM ((SELECT 1 FROM a) UNION (VALUES (2))) q, b", "a b", True),
        ("SELECT ', x' FROM a WHERE b = ':y' AND c = :z", "a", True),
        ("WITH x (a) AS (SELECT 1 FROM t) SELECT count(*) FROM x", "t x", True),
        ("INSERT INTO s.t (a) SELECT b FROM u ON CONFLICT (id) DO UPDATE SET a = 2", "t u", False),
        ("UPDATE ONLY t SET a = 1 FROM u WHERE u.i = t.i", "t u", False),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "t gone", False),
    ],
)  # fmt: skip
def test_tables_are_where_tables_stand(sql: str, names: str, is_read: bool) -> None:
    """
    Tables are found after FROM, JOIN, INTO, UPDATE and commas, in subqueries and in parts that
    write; not in strings and comments. Names are as the database folds them.
    """
    found = find_tables(sql)

    assert found is not None
    assert set(names.split()) == found.names
    assert is_read == found.is_read


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT now()", "SELECT mine(a) FROM t", "SELECT * FROM mine(1)", "SELECT s.count(a) FROM t",
        "SELECT current_date FROM t", "SELECT * FROM t FOR UPDATE", "SELECT a INTO b FROM t",
        "SELECT 1 FROM t; DROP TABLE u", "WITH x AS (TABLE u) SELECT * FROM x", "TRUNCATE t",
        "SELECT $$ x $$ FROM t", "SELECT E'a' FROM t", "SELECT a FROM t AS x (b)", "CALL p()", "",
        "SELECT 'open FROM t", "SELECT (1 FROM t", "MERGE INTO t USING u ON true", "EXPLAIN SELECT 1",
        "SELECT * FROM (t JOIN u ON t.i = u.i)", "SELECT 1 FROM ((t CROSS JOIN u) CROSS JOIN v)",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused(sql: str) -> None:
    """
    Functions that nobody knows, what depends on time or user, locks, several statements,
    other kinds of strings: rather no answer than one that lacks a table.
    """
    assert None is find_tables(sql)


TABLES = st.sampled_from(["a", "b.c", '"D"', "e"])


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> tuple[str, set[str]]:
    """Return a query, and the tables that were put into it."""
    sources, names = [], set[str]()
    for _ in range(draw(st.integers(1, 3))):
        if depth and draw(st.booleans()):
            inner, inside = draw(queries(depth=depth - 1))
            sources.append(f"({inner}) q")
            names |= inside
        else:
            table = draw(TABLES)
            sources.append(
                draw(st.sampled_from([table, f"{table} x", f"{table} AS x", f"ONLY {table}"]))
            )
            names.add(table.rpartition(".")[2].strip('"'))
    joined = sources[0]
    for source in sources[1:]:
        joined += draw(
            st.sampled_from(
                [f", {source}", f" JOIN {source} ON (1 = 1)", f" LEFT JOIN {source} USING (id)"]
            )
        )
    where = ""
    if depth and draw(st.booleans()):
        inner, inside = draw(queries(depth=depth - 1))
        names |= inside
        where = draw(
            st.sampled_from([" WHERE x IN ({})", " WHERE 1 = 1 AND EXISTS ({})", " WHERE x = ({})"])
        ).format(inner)
    head = draw(st.sampled_from(["SELECT *", "SELECT count(*), 'FROM x'", "select max(a.b), c"]))
    tail = draw(st.sampled_from(["", " GROUP BY a, b", " ORDER BY a, b LIMIT 3"]))
    return f"{head} FROM {joined}{where}{tail}", names


@given(query=queries())
def test_no_table_is_overlooked(query: tuple[str, set[str]]) -> None:
    """
    Of queries built from tables, joins, subqueries and conditions, all tables are found.
    """
    sql, names = query
    found = find_tables(sql)

    assert found is not None, sql
    assert names == found.names, sql
