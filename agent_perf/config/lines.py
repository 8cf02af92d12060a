"""
On which line of a TOML file a key stands, which ``tomllib`` does not tell.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

_PART: Final = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY: Final = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """
    Return the number of the first line of *text* that names *path*, from 1.

    The line of the table around it, where it stands in a table in braces; None if not even
    that is found. Lines in strings of several lines may be taken for keys: the result is for
    a message only.

    Args:
        text: A valid TOML file.
        path: Keys from the outermost on.
    """
    lines: dict[tuple[str, ...], int] = {}
    header: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            header = _header(line) or header
            key = header
        elif found := _KEY.match(line):
            key = (*header, *_key(f"{found[1]} = 0"))
        else:
            continue
        for length in range(1, len(key) + 1):
            lines.setdefault(key[:length], number)
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def _header(line: str) -> tuple[str, ...]:
    """Return the table that *line* opens; empty if it is no header."""
    try:
        return tuple(_path(tomllib.loads(line)))
    except (ValueError, RecursionError):
        # A line of a list: [1, 2] is no name of a table.
        return ()


def _key(text: str) -> tuple[str, ...]:
    try:
        return tuple(_path(tomllib.loads(text)))
    except (ValueError, RecursionError):
        return ()


def _path(table: Mapping[str, Any]) -> Iterator[str]:
    inner: Any = table
    while isinstance(inner, dict) and inner:
        key = next(iter(inner))
        yield key
        inner = inner[key]
