"""
What a SQL text is, as far as the simulation must know: what it does, what to call it.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final


class Effect(enum.Enum):
    """What a statement does to its connection's transaction."""

    READ = "reads"
    WRITE = "writes, or marks a place to roll back to"
    BEGIN = "opens a transaction"
    COMMIT = "ends it, and keeps its writes"
    ROLLBACK = "ends it, and drops its writes"
    LOCAL = "sets up SQLite itself: no server would see it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    A SQL text understood.

    Attributes:
        fingerprint: The text on one line; how many values a list carries is left out.
    """

    fingerprint: str
    effect: Effect


_COMMENTS: Final = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()+", re.DOTALL)
_QUOTED: Final = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]")
_WRITING_VERB: Final = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE\s+INTO)\b", re.IGNORECASE)
_ROLLBACK_TO: Final = re.compile(r"ROLLBACK\s+(?:TRANSACTION\s+)?TO\b", re.IGNORECASE)
_VALUE_LIST: Final = re.compile(r"\bIN \(\?(?:, ?\?)*\)", re.IGNORECASE)
_ROW_LIST: Final = re.compile(r"(\(\?(?:, ?\?)*\))(?:, ?\1)+")
_EFFECTS: Final = {
    "SELECT": Effect.READ,
    "VALUES": Effect.READ,
    "EXPLAIN": Effect.READ,
    "BEGIN": Effect.BEGIN,
    "COMMIT": Effect.COMMIT,
    "END": Effect.COMMIT,
    "PRAGMA": Effect.LOCAL,
    "ATTACH": Effect.LOCAL,
    "DETACH": Effect.LOCAL,
}


@lru_cache(maxsize=4096)
def understand(sql: str) -> Statement:
    """Return what *sql*, a single statement, does and is called."""
    bare = _COMMENTS.sub("", sql)
    return Statement(fingerprint=_fingerprint(sql), effect=_effect(bare))


def _effect(bare: str) -> Effect:
    verb = re.match(r"\w*", bare)
    name = verb.group().upper() if verb else ""
    if name == "ROLLBACK":
        return Effect.WRITE if _ROLLBACK_TO.match(bare) else Effect.ROLLBACK
    if name == "WITH":
        writes = _WRITING_VERB.search(_QUOTED.sub("", bare))
        return Effect.WRITE if writes else Effect.READ
    return _EFFECTS.get(name, Effect.WRITE)


def _fingerprint(sql: str) -> str:
    # A list with one value more is the same statement, not a new kind of work.
    line = " ".join(sql.split())
    return _ROW_LIST.sub(r"\1, ...", _VALUE_LIST.sub("IN (?, ...)", line))
