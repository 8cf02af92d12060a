"""
From ``:name`` to what a driver wants, with strings, comments and casts left alone.

The names are written as in SQLAlchemy's ``text()``. For PostgreSQL, values are cast by their
type as SQLAlchemy casts what it knows the type of: without it a server has to guess, and takes
the text in ``SELECT :x`` for granted whatever x is. But text goes as it is: it may be meant for
a column of jsonb, uuid or an enum, which take no VARCHAR.
"""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?: (?<![\w$]) [eE] '(?: [^'\\] | \\. | '' )* (?: ' | \Z )   # a string with escapes
      | '(?: [^'] | '' )* (?: ' | \Z )
      | "(?: [^"] | "" )* (?: " | \Z )
      | (?<![\w$]) \$ (?P<tag> (?: [^\W\d]\w* )? ) \$ .*? (?: \$ (?P=tag) \$ | \Z )
      | -- [^\n]*
      | ::
    )
    | (?P<comment> /\* )
    | (?P<escape> \\: )
    | (?<! [\w:\\] ) : (?P<name> [^\W\d]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")

_INT32_MAX: Final = 2**31 - 1
_CASTS: Final[Mapping[type | str, str]] = {
    int: "::INTEGER",
    "int64": "::BIGINT",
    bool: "::BOOLEAN",
    float: "::FLOAT",
    Decimal: "::NUMERIC",
    bytes: "::BYTEA",
    dt.date: "::DATE",
    dt.datetime: "::TIMESTAMP WITHOUT TIME ZONE",
    "datetime+zone": "::TIMESTAMP WITH TIME ZONE",
    dt.time: "::TIME WITHOUT TIME ZONE",
    "time+zone": "::TIME WITH TIME ZONE",
    dt.timedelta: "::INTERVAL",
    uuid.UUID: "::UUID",
}


class Template:
    """
    A statement, taken apart at its placeholders.

    Attributes:
        names: Of the values, in the order of their numbers.

    Example::

        Template("SELECT :a, ':b', :a::int").render(("::TEXT",))  # on the name a
        # "SELECT $1::TEXT, ':b', $1::TEXT::int"
    """

    __slots__ = ("_numbers", "_parts", "names")

    def __init__(self, sql: str) -> None:
        parts, names = _taken_apart(sql)
        self._parts = parts
        self.names = tuple(dict.fromkeys(names))
        self._numbers = tuple(self.names.index(name) for name in names)

    def render(self, casts: tuple[str, ...], *, sign: str = "$") -> str:
        """Return the statement with numbers after *sign*, each with the cast of its name."""
        text = [self._parts[0]]
        for number, part in zip(self._numbers, self._parts[1:], strict=True):
            text += (f"{sign}{number + 1}{casts[number]}", part)
        return "".join(text)


def kind_of(value: object) -> type | str:
    """Return what decides on the cast of *value*: its type, and for some a little more."""
    kind = type(value)
    if kind is int:
        # As SQLAlchemy has it, the smallest number of 32 bits is one of 64.
        return kind if -_INT32_MAX <= value <= _INT32_MAX else "int64"  # type: ignore[operator]  # An int.
    if kind is dt.datetime and value.tzinfo is not None:  # type: ignore[attr-defined]  # A datetime.
        return "datetime+zone"
    if kind is dt.time and value.tzinfo is not None:  # type: ignore[attr-defined]  # A time.
        return "time+zone"
    return kind


def cast_of(kind: type | str) -> str:
    """Return PostgreSQL's cast for values of *kind*; empty if the server may guess."""
    return _CASTS.get(kind, "")


def _taken_apart(sql: str) -> tuple[list[str], list[str]]:
    parts, names = [""], list[str]()
    at = 0
    while match := _TOKEN.search(sql, at):
        parts[-1] += sql[at : match.start()]
        at = match.end()
        if match["name"]:
            names.append(match["name"])
            parts.append("")
        elif match["escape"]:
            parts[-1] += ":"
        else:
            if match["comment"]:
                at = _comment_end(sql, at)
            parts[-1] += sql[match.start() : at]
    parts[-1] += sql[at:]
    return parts, names


def _comment_end(sql: str, at: int) -> int:
    """Return where the comment ends that was opened before *at*: PostgreSQL's nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(sql, at)):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at if depth == 0 else len(sql)
