from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.types import NullType

from agent_perf.components.database.placeholders import Template, cast_of, kind_of

_ASYNCPG: Any = dialect()

VALUES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.sampled_from([2**31 - 1, 2**31, -(2**31), -(2**31) + 1, True, "x", 1.5, Decimal(1), b"x", None]),
    st.sampled_from([dt.date(2024, 1, 1), dt.time(1), dt.timedelta(1), uuid.UUID(int=1), [1, 2]]),
    st.sampled_from([dt.datetime(2024, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None), dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.time(1, tzinfo=dt.UTC)]),
)  # fmt: skip
WORDS = st.sampled_from(
    ["SELECT", "a", "=", "(", ")", ", ", "x::text", "1.5", "\n", "t.b", '"q"', "\\:no"]
)


def ours(sql: str, values: dict[str, object]) -> str:
    template = Template(sql)
    return template.render(tuple(cast_of(kind_of(values[name])) for name in template.names))


@given(
    words=st.lists(st.one_of(WORDS, st.sampled_from([":a", ":b", ":c1"])), max_size=12),
    values=st.lists(VALUES, min_size=3, max_size=3),
)
def test_the_server_gets_what_sqlalchemy_would_send(words: list[str], values: list[object]) -> None:
    """
    Of whatever SQLAlchemy understands, our text is SQLAlchemy's, numbers and casts included;
    but text is not cast.
    """
    sql = " ".join(words)
    given_values = dict(zip(("a", "b", "c1"), values, strict=True))
    clause = text(sql)
    known = [
        bindparam(name, value, type_=NullType() if type(value) is str else None)
        for name, value in given_values.items()
        if name in clause._bindparams
    ]
    compiled = clause.bindparams(*known).compile(dialect=_ASYNCPG)

    assert str(compiled) == ours(sql, given_values)
    assert tuple(compiled.positiontup or ()) == Template(sql).names


@pytest.mark.parametrize(
    ("sql", "names", "expected"),
    [
        ("SELECT ':a', ':a''b', :b", ("b",), "SELECT ':a', ':a''b', $1"),
        ("SELECT E'it\\':s :a', :b", ("b",), "SELECT E'it\\':s :a', $1"),
        ('SELECT ":a""b" FROM t WHERE c = :b', ("b",), 'SELECT ":a""b" FROM t WHERE c = $1'),
        ("SELECT :a -- not :b\n, :c", ("a", "c"), "SELECT $1 -- not :b\n, $2"),
        ("/* :a /* :b */ :c */ :d", ("d",), "/* :a /* :b */ :c */ $1"),
        ("/* :a /* :b */ :c", (), "/* :a /* :b */ :c"),
        ("SELECT $$ :a $$, $t$ :b $$ $t$, :c", ("c",), "SELECT $$ :a $$, $t$ :b $$ $t$, $1"),
        ("SELECT :a::int, '1'::text", ("a",), "SELECT $1::int, '1'::text"),
        ("SELECT s[1:2], :a, :b, :a", ("a", "b"), "SELECT s[1:2], $1, $2, $1"),
        ("SELECT '\\', :a", ("a",), "SELECT '\\', $1"),
        ("SELECT \\:a", (), "SELECT :a"),
        ("SELECT 'open :a", (), "SELECT 'open :a"),
        ("SELECT :1, a:b", (), "SELECT :1, a:b"),
    ],
)
def test_only_placeholders_are_replaced(sql: str, names: tuple[str, ...], expected: str) -> None:
    """
    Strings, quoted names, comments (nested as in PostgreSQL), dollar quotes, casts and slices
    stay as they are; the same name has the same number.
    """
    template = Template(sql)

    assert names == template.names
    assert expected == template.render(("",) * len(names))


@given(st.text(":'\"$-/*\\aE1 \n", max_size=40))
def test_nothing_makes_it_fail(sql: str) -> None:
    """
    Any text is taken apart, and put together again without a value it is as long as before.
    """
    template = Template(sql)

    assert len(sql) >= len(
        template.render(("",) * len(template.names)).replace("$", ":")
    ) - 9 * sql.count(":")
