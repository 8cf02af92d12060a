"""
Which tables a statement names: found where that is plain, refused where it is not.

Not a parser of SQL: a reader of names that says "I do not know" at the first thing which
could hide a table from it, or make an answer depend on more than tables. Views, triggers and
foreign keys that cascade it cannot see: name their tables yourself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent_perf.components.database.vocabulary import (
    BEFORE_PARENTHESIS,
    DEPENDS_ON_MORE,
    ENDS_FROM,
)

_TOKEN: Final = re.compile(
    r"""
      (?P<skip>   \s+ | --[^\n]* | /\*(?:(?!/\*).)*?\*/ )
    | (?P<value>  '(?:[^']|'')*' | \d[\w.]* | :[^\W\d]\w* | \$\d+ | \? )
    | (?P<quoted> "(?:[^"]|"")+" )
    | (?P<word>   [^\W\d][\w$]* )
    | (?P<sign>   :: | [-+*/<>=~!@\#%^&|.,()\[\];:] )
    """,
    re.VERBOSE | re.DOTALL,
)

_READS: Final = frozenset({"select", "with", "values"})
_WRITES: Final = frozenset({"insert", "update", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """
    What a statement names.

    Attributes:
        names: Tables, without their schemas, and a few names more that are none: lower
            case, unless they were quoted.
        is_read: Whether it changes nothing.
    """

    names: frozenset[str]
    is_read: bool


@lru_cache(maxsize=1024)
def find_tables(sql: str) -> Tables | None:
    """
    Return the tables that *sql* names, or None if it is not plain.

    A name too many is possible (of a CTE, of a column in ``EXTRACT(year FROM c)``), a name
    too few is not, but for what is hidden behind views, triggers and cascades.

    Example::

        find_tables("SELECT * FROM users u JOIN shop.orders o ON o.id = u.id")
        # names {"users", "orders"}
    """
    tokens = _tokens(sql)
    if not tokens or tokens[0] not in _READS | _WRITES:
        return None
    if ";" in tokens[:-1] or _hides_something(tokens):
        return None
    is_read = not any(_is_write(tokens, at) for at in range(len(tokens)))
    names = _names(tokens)
    return None if names is None else Tables(names=frozenset(names), is_read=is_read)


def _tokens(sql: str) -> list[str]:
    """Return words in lower case, quoted names with a ``"`` before, values as ``?``; [] if odd."""
    tokens, at = list[str](), 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            return []
        at = match.end()
        if match["word"]:
            # A string with a prefix (E'', U&'') has rules of its own.
            if sql[at : at + 1] == "'":
                return []
            tokens.append(match["word"].lower())
        elif match["quoted"]:
            tokens.append('"' + match["quoted"][1:-1].replace('""', '"'))
        elif match["value"]:
            tokens.append("?")
        elif match["sign"]:
            tokens.append(match["sign"])
    return tokens


def _hides_something(tokens: list[str]) -> bool:
    for at, token in enumerate(tokens):
        before = tokens[at - 1] if at else ""
        if token in DEPENDS_ON_MORE and not (token == "into" and before == "insert"):
            return True
        if token in {"update", "share"} and before == "for":
            return True
        if token == "(" and before and not _may_precede(tokens, at - 1):
            return True
    return False


def _may_precede(tokens: list[str], at: int) -> bool:
    """Return whether the token at *at*, before a parenthesis, calls nothing unknown."""
    token = tokens[at]
    if not (token[0].isalpha() or token[0] in '_"'):
        return token not in {")", "]", "?"} or token == ")"
    if token in BEFORE_PARENTHESIS:
        # With a schema before it, it is somebody's own.
        return at == 0 or tokens[at - 1] != "."
    # The columns after INSERT INTO a.b, and after WITH a.
    while at >= 2 and tokens[at - 1] == ".":
        at -= 2
    return at >= 1 and tokens[at - 1] in {"into", "with", "recursive"}


def _is_write(tokens: list[str], at: int) -> bool:
    return tokens[at] in _WRITES and (at == 0 or tokens[at - 1] in {"(", ")"})


def _names(tokens: list[str]) -> set[str] | None:
    """Return the names in places where tables stand; None if something else stands there."""
    names = set[str]()
    in_from = [False]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        at += 1
        if token == "(":
            in_from.append(False)
        elif token == ")":
            if len(in_from) == 1:
                return None
            in_from.pop()
        elif token in ENDS_FROM:
            in_from[-1] = False
        if token in {"from", "join", "into"} or _is_write_target(tokens, at - 1):
            in_from[-1] = token in {"from", "join"} or in_from[-1]
        elif not (token == "," and in_from[-1]):
            continue
        found = _table_at(tokens, at)
        if found is None:
            return None
        name, at = found
        if name:
            names.add(name)
    return names if len(in_from) == 1 else None


def _is_write_target(tokens: list[str], at: int) -> bool:
    return tokens[at] == "update" and _is_write(tokens, at)


def _table_at(tokens: list[str], at: int) -> tuple[str, int] | None:
    """Return the table at *at*, empty for a subquery, and where to go on."""
    while at < len(tokens) and tokens[at] in {"only", "lateral"}:
        at += 1
    if at >= len(tokens):
        return None
    if tokens[at] == "(":
        inside = next((token for token in tokens[at:] if token != "("), "")
        # Else it is a join: its first table stands behind no FROM.
        return ("", at) if inside in _READS else None
    name = tokens[at]
    while at + 2 < len(tokens) and tokens[at + 1] == ".":
        at += 2
        name = tokens[at]
    if not (name[0].isalpha() or name[0] in '_"') or name in ENDS_FROM:
        return None
    return name.removeprefix('"'), at + 1
