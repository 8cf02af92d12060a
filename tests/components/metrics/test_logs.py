from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from agent_perf.components.metrics import JsonFormatter, Tracing, log_fields


def record(message: object, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "shop.py", 1, message, args, None)
    made.created = 0.25
    vars(made).update(extra)
    return made


def told(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_record_is_one_line() -> None:
    """
    Time in UTC, level, logger, the formatted message, and what was given as extra.
    """
    assert {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "INFO",
        "logger": "shop",
        "message": "two\nlines, 3",
        "count": 7,
        "parts": ["a", {"b": None}],
    } == told(record("two\nlines, %d", 3, count=7, parts=("a", {"b": None})))


def test_fields_follow_the_request() -> None:
    """
    Each task's records have its own fields, those from further out included.
    """

    async def ask(name: str) -> tuple[str, str]:
        with log_fields(request_id=name):
            await asyncio.sleep(0)
            found = told(record("x"))
            return found["agent"], found["request_id"]

    async def main() -> list[tuple[str, str]]:
        with log_fields(agent="support"):
            return await asyncio.gather(ask("1"), ask("2"))

    assert [("support", "1"), ("support", "2")] == asyncio.run(main())
    assert "agent" not in told(record("x"))


def test_the_trace_is_on_the_record() -> None:
    """
    Within a span a record has the ids of trace and span, as hex digits.
    """
    with Tracing(TracerProvider()).agent("support"):
        found = told(record("x"))

    assert (32, 16) == (len(found["trace_id"]), len(found["span_id"]))
    assert "trace_id" not in told(record("x"))


def test_an_exception_is_fields() -> None:
    """
    Type, message and stack, with the notes and the cause in the stack.
    """
    made = record("failed")
    error = ValueError("bad")
    error.add_note("in part cache")
    error.__cause__ = OSError("socket")
    made.exc_info = (ValueError, error, None)
    found = told(made)

    assert ("ValueError", "bad") == (found["error.type"], found["error.message"])
    assert all(text in found["error.stack"] for text in ("OSError: socket", "in part cache"))


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        ("redis://user:hunter2@host:6379/0", "redis://user:***@host:6379/0"),
        ("postgresql+asyncpg://ada:p@ss@host/db", "postgresql+asyncpg://ada:***@host/db"),
        ("accessToken=hunter2&n=1", "accessToken=***&n=1"),
        ("{'clientSecret': 'hunter2'}", "{'clientSecret': '***'}"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer ***"),
        ("password=hunter2, user=ada", "password=***, user=ada"),
        ('{"api_key": "12345678", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("key sk-proj-abcdefgh12345678 used", "key *** used"),
        ("tokens_in=17 token_count: 5", "tokens_in=17 token_count: 5"),
        ("the secretary has a basic plan", "the secretary has a basic plan"),
    ],
)
def test_secrets_in_texts_are_hidden(message: str, clean: str) -> None:
    """
    Passwords of URLs, bearer tokens, keys and what is assigned to such a name; counts of
    tokens and plain words stay.
    """
    assert clean == told(record("%s", message))["message"]
    assert clean == told(record("x", note=message))["note"]


def test_secrets_in_fields_are_hidden() -> None:
    """
    By their names, at any depth, and those of log_fields as well; tokens counted are none.
    """
    with log_fields(session_token="abc"):
        found = told(
            record(
                "x",
                password="p",
                config={"db": {"API-KEY": "k"}},
                tokens_in=5,
                accessToken="t",
                clientSecret="s",
            )
        )

    assert ("***", "***") == (found["accessToken"], found["clientSecret"])
    assert ("***", "***", {"db": {"API-KEY": "***"}}, 5) == (
        found["session_token"],
        found["password"],
        found["config"],
        found["tokens_in"],
    )


class Hostile:
    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class HostileError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


class HostileList(list[int]):
    def __iter__(self) -> Any:
        raise ZeroDivisionError


class HostileDict(dict[str, int]):
    def items(self) -> Any:
        raise ZeroDivisionError


def test_nothing_makes_it_raise() -> None:
    """
    Wrong arguments, values whose text raises, loops, NaN and huge numbers: there is a line
    that says what can be said.
    """
    loop: list[object] = []
    loop.append(loop)
    made = record("%d of %d", "one", bad=Hostile(), loop=loop, items=HostileDict(), deep=10**5000)
    vars(made)["list"] = HostileList([1])
    made.exc_info = (HostileError, HostileError(), None)
    found = told(made)

    assert "%d of %d [not formatted: TypeError]" == found["message"]
    assert "<Hostile: ZeroDivisionError>" == found["bad"]
    assert "HostileError" == found["error.type"]
    assert {"a": "nan", "b": "inf"} == told(record("x", v={"a": float("nan"), "b": 1e999}))["v"]
    assert "<Hostile: ZeroDivisionError>" in told(record(Hostile(), 1))["message"]


def test_a_field_does_not_pass_for_the_record() -> None:
    """
    A field named level is beside the level, not in its place.
    """
    with log_fields(level="fake"):
        found = told(record("x"))

    assert ("INFO", "fake") == (found["level"], found["level_"])


def test_texts_are_bounded() -> None:
    """
    A megabyte becomes 20,000 characters and says what it was, and takes no second for it.
    """
    assert told(record("x" * 1_000_000))["message"].endswith("... (1000000 characters)")
    assert 100 == len(told(record("x", many=list(range(10_000))))["many"])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(st.text(), values, st.dictionaries(st.text(max_size=8), values, max_size=3))
def test_any_value_is_one_line_of_json(message: str, value: object, extra: dict[str, Any]) -> None:
    """
    Whatever is logged, the line is JSON without a line break, and strict: no NaN in it.
    """

    def refuse(word: str) -> None:
        raise AssertionError(word)

    line = JsonFormatter().format(record(message, value=value, extra=extra))

    assert line.isascii()
    assert len(line.splitlines()) == 1
    json.loads(line, parse_constant=refuse)
