"""
The file of what a project has accepted: ``[[waiver]]`` and ``[[acknowledged]]`` tables in TOML.

It is committed and reviewed like code. What is added is appended, so that comments and order
of what is there stay as they are.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar, assert_never

from agent_perf import codec
from agent_perf.amounts import parse_limit
from agent_perf.errors import ConfigError, StoreError
from agent_perf.records import Acknowledged, Waiver
from agent_perf.toml_text import parse_toml

_TABLES: Final = ("waiver", "acknowledged")
_WAIVER_KEYS: Final = ("benchmark", "metric", "reason", "until", "at_most", "author")
_ACKNOWLEDGED_KEYS: Final = ("commit", "reason", "benchmark", "metric", "author")

_Entry = TypeVar("_Entry", Waiver, Acknowledged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Everything in the file, in its order."""

    waivers: tuple[Waiver, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()


def load_accepted(path: Path) -> Accepted:
    """
    Return what the file at *path* holds; nothing if there is none.

    Raises:
        ConfigError: If it is no TOML, or an entry has an unknown key, lacks one, holds a bad
            value or is there twice.
        StoreError: If it cannot be read, or something else is in its place.
    """
    return _parse(_content(path), path)


def append_accepted(path: Path, *entries: Waiver | Acknowledged) -> None:
    """
    Write *entries* at the end of the file at *path*, all or none; make it if there is none.

    Raises:
        ConfigError: If the file is not valid, or holds an entry for the same already.
        StoreError: If it cannot be read or written, or something else is in its place.
    """
    old = _content(path)
    _parse(old, path)
    new = old
    for entry in entries:
        gap = b"" if not new else b"\n" if new.endswith(b"\n") else b"\n\n"
        new += gap + _table(entry).encode()
    _parse(new, path)
    # What is replaced is the file, not the link to it.
    codec.write_atomic(path.resolve(), new)


def _content(path: Path) -> bytes:
    """Return what is in the file at *path*; nothing if there is none."""
    if path.is_file():
        return codec.read_file(path)
    # Without its waivers the gate would fail what people have accepted, and say nothing.
    if os.path.lexists(path):
        raise StoreError(
            f"{path} is there, and neither a file nor a link to one; remove it, or name another "
            'one in the configuration, as waivers = "agent-perf-waivers.toml"'
        )
    return b""


def _parse(content: bytes, path: Path) -> Accepted:
    try:
        document = parse_toml(content.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for key in document:
        if key not in _TABLES:
            raise ConfigError(
                f"{path}: unknown table {key!r}; {_nearest(key, _TABLES)}, as in [[waiver]]"
            )
    waivers = tuple(
        _waiver(table, where) for where, table in _entries(document, "waiver", _WAIVER_KEYS, path)
    )
    acknowledged = tuple(
        _acknowledged(table, where)
        for where, table in _entries(document, "acknowledged", _ACKNOWLEDGED_KEYS, path)
    )
    _check_unique(waivers, "waiver", path)
    _check_unique(acknowledged, "acknowledged", path)
    return Accepted(waivers=waivers, acknowledged=acknowledged)


def _entries(
    document: Mapping[str, object], kind: str, keys: Sequence[str], path: Path
) -> list[tuple[str, Mapping[str, object]]]:
    """Return each table of *kind*, and how messages name it."""
    tables = document.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: {kind!r} is no list of tables; write each as [[{kind}]]")
    found = []
    for number, table in enumerate(tables, 1):
        where = f"{path}: {kind} {number}"
        for key in table:
            if key not in keys:
                raise ConfigError(f"{where}: unknown key {key!r}; {_nearest(key, keys)}")
        found.append((where, table))
    return found


def _waiver(table: Mapping[str, object], where: str) -> Waiver:
    at_most = _text(table, "at_most", where, default="")
    try:
        return Waiver(
            benchmark=_text(table, "benchmark", where),
            metric=_text(table, "metric", where),
            reason=_text(table, "reason", where),
            until=_day(table, where),
            at_most_ratio=parse_limit(at_most) if at_most else None,
            author=_text(table, "author", where, default=""),
        )
    except ConfigError as error:
        raise _located(error, where) from error


def _acknowledged(table: Mapping[str, object], where: str) -> Acknowledged:
    try:
        return Acknowledged(
            commit=_text(table, "commit", where),
            reason=_text(table, "reason", where),
            benchmark=_text(table, "benchmark", where, default="*"),
            metric=_text(table, "metric", where, default="*"),
            author=_text(table, "author", where, default=""),
        )
    except ConfigError as error:
        raise _located(error, where) from error


def _text(table: Mapping[str, object], key: str, where: str, *, default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise ConfigError(f'{where}: no {key}; add {key} = "..."')
    if not isinstance(value, str):
        raise ConfigError(f'{where}: {key} = {value!r}; want text in quotes, as {key} = "..."')
    return value


def _day(table: Mapping[str, object], where: str) -> date:
    value = table.get("until")
    if value is None:
        raise ConfigError(f"{where}: no until; say when it ends, as until = 2031-12-24")
    # A datetime is a date, and an hour of some zone has no place here.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(
                f"{where}: until = {value!r} ({error}); want a day, as until = 2031-12-24"
            ) from error
    raise ConfigError(f"{where}: until = {value}; want a day, as until = 2031-12-24")


def _check_unique(entries: Sequence[_Entry], kind: str, path: Path) -> None:
    first: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        if entry.name in first:
            raise ConfigError(
                f"{path}: {kind} {number} is for {entry.name}, as {kind} {first[entry.name]} is; "
                "keep one of them"
            )
        first[entry.name] = number


def _located(error: ConfigError, where: str) -> ConfigError:
    message = str(error)
    return ConfigError(message if message.startswith(where) else f"{where}: {message}")


def _nearest(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _table(entry: Waiver | Acknowledged) -> str:
    match entry:
        case Waiver():
            at_most = entry.at_most_ratio
            lines = [
                "[[waiver]]",
                f"benchmark = {_quoted(entry.benchmark)}",
                f"metric = {_quoted(entry.metric)}",
                f"reason = {_quoted(entry.reason)}",
                f"until = {entry.until.isoformat()}",
                *([] if at_most is None else [f'at_most = "{_percent(at_most)}"']),
            ]
        case Acknowledged():
            lines = [
                "[[acknowledged]]",
                f"commit = {_quoted(entry.commit)}",
                f"benchmark = {_quoted(entry.benchmark)}",
                f"metric = {_quoted(entry.metric)}",
                f"reason = {_quoted(entry.reason)}",
            ]
        case _:
            assert_never(entry)
    if entry.author:
        lines.append(f"author = {_quoted(entry.author)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return *text* as a TOML string: that of JSON, but for DEL, which TOML forbids as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _percent(ratio: float) -> str:
    # Fixed, for parse_limit reads no exponent; twelve digits bring any percentage back.
    return f"{ratio * 100:.12f}".rstrip("0").rstrip(".") + "%"
