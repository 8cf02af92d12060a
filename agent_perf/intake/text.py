"""
From a file's bytes to JSON or lines of columns, whoever wrote it and whatever became of it.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_perf import codec
from agent_perf.errors import StoreError
from agent_perf.units import MIB

FILE_BYTES_MAX: Final = 64 * MIB
"""Beyond this a file is no result but a log; in memory it takes some ten times as much."""

_AGAIN: Final = "write it again, nothing was read"
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignText:
    """
    What a file holds.

    Attributes:
        source: The file, for messages.
        content: Its bytes, without a byte order mark.
        text: The same as text.
        json: The value, if it is one of JSON; else None.
        records: The values of its lines, if it is JSON lines; else empty.
    """

    source: str
    content: bytes
    text: str
    json: object = None
    records: Sequence[object] = ()


def read_text(path: Path) -> ForeignText:
    """
    Return what the file at *path* holds.

    Raises:
        StoreError: If it cannot be read, is too long, is no UTF-8, or is JSON that is cut,
            too deep, or has a key twice.
    """
    content = _content(path)
    source = str(path)
    text = _decoded(content, source)
    start = text.lstrip()[:1]
    if start not in {"{", "["}:
        return ForeignText(source=source, content=content, text=text)
    try:
        return ForeignText(source=source, content=content, text=text, json=_parsed(text))
    except json.JSONDecodeError as error:
        records = _records(text) if error.msg == "Extra data" else ()
        if records:
            return ForeignText(source=source, content=content, text=text, records=records)
        problem = f"{error.msg}: line {error.lineno}, column {error.colno}"
    except RecursionError:
        problem = "nested without end"
    except ValueError as error:
        # A key twice, or a number of thousands of digits.
        problem = str(error)
    raise StoreError(
        f"{source} is no whole JSON file ({problem}; {len(content):,} bytes): {_AGAIN}"
    )


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    if size > FILE_BYTES_MAX:
        raise StoreError(
            f"{path} has {size:,} bytes, and a result {FILE_BYTES_MAX:,} at most: write it "
            "without its single requests, or for a shorter run"
        )
    content = codec.read_file(path)
    if content.startswith(_WIDE):
        raise StoreError(
            f"{path} is UTF-16 or UTF-32, as a redirection in PowerShell writes it; want UTF-8: "
            "let the tool write the file itself"
        )
    return content.removeprefix(codecs.BOM_UTF8)


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise StoreError(
            f"{source} is no UTF-8 text (byte {error.start:,} is {content[error.start]:#04x}; "
            f"{len(content):,} bytes): {_AGAIN}"
        ) from error


def _records(text: str) -> tuple[object, ...]:
    """Return the values of JSON lines; none if these are none."""
    try:
        return tuple(_parsed(line) for line in text.splitlines() if line.strip())
    except json.JSONDecodeError:
        return ()


def _parsed(text: str) -> object:
    return json.loads(text, object_pairs_hook=_table)


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        # Which of the two counts is not ours to choose.
        raise ValueError(f"the key {twice[:60]!r} is there twice")
    return table
