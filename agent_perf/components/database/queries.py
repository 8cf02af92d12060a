"""
What a database's statements cost: counted by fingerprint, the slow ones logged.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from agent_perf.components.metrics.histogram import Histogram
from agent_perf.errors import ConfigError

_log = logging.getLogger(__name__)

OTHER: Final = "(other)"
"""Where statements are counted for which there was no room left."""

_TEXTS_MAX: Final = 2048
"""Texts whose fingerprint is remembered; one of 200 bytes takes about 500."""

_STRING: Final = re.compile(r"'(?:[^']|'')*'")
# Not the digits of $1, :name_1 or t1.
_NUMBER: Final = re.compile(r"(?<![\w$:.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
_PLACE = r"(?:\?|%s|%\(\w+\)s|\$\d+(?:::[A-Za-z_ ]+)?|:\w+)"
_IN_LIST: Final = re.compile(rf"\bIN\s*\(\s*{_PLACE}(?:\s*,\s*{_PLACE})*\s*\)", re.IGNORECASE)
_VALUES: Final = re.compile(r"\bVALUES (?=\()|\bVALUES(?=\()", re.IGNORECASE)
_ROWS: Final = re.compile(r"(\([^()]*\))(?:\s*,\s*\([^()]*\))+")
_SPACE: Final = re.compile(r"\s+")


@lru_cache(maxsize=2048)
def fingerprint(sql: str) -> str:
    """
    Return *sql* without what differs from call to call.

    Literals become ``?``, lists after IN ``(...)``, further rows of VALUES go, and white
    space is one blank.

    Example::

        fingerprint("SELECT *  FROM orders WHERE id IN (1, 2)")
        # "SELECT * FROM orders WHERE id IN (...)"
    """
    sql = _NUMBER.sub("?", _STRING.sub("?", sql))
    sql = _IN_LIST.sub("IN (...)", _SPACE.sub(" ", sql).strip())
    values = _VALUES.search(sql)
    if values is None:
        return sql
    at = values.end()
    return sql[:at] + _ROWS.sub(r"\1, ...", sql[at:])


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryStats:
    """
    What the statements of one fingerprint have cost.

    Attributes:
        count: Executions, failed ones included.
        errors: Those that failed.
        slow: Those that took the slow-query limit or longer.
        total_s: Seconds of all of them, failed ones included.
        max_s: Seconds of the longest.
        p95_s: Seconds within which 95 % of them were done, to 0.4 %; nan before the 20th,
            when it would be the maximum.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"max_s", "p95_s"})

    count: int = 0
    errors: int = 0
    slow: int = 0
    total_s: float = 0.0
    max_s: float = 0.0
    p95_s: float = math.nan

    @property
    def mean_s(self) -> float:
        """Seconds per execution; 0 before the first."""
        return self.total_s / self.count if self.count else 0.0


class QueryCell:
    """
    The running counts of one fingerprint; QueryLog hands out one for each.

    Whoever runs the same statement again and again keeps its cell, and saves looking it up.
    """

    __slots__ = ("count", "errors", "max_s", "name", "seconds", "slow", "total_s")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = self.errors = self.slow = 0
        self.total_s = self.max_s = 0.0
        self.seconds = Histogram()

    def stats(self) -> QueryStats:
        """Return the counts as they are now."""
        p95_s = self.seconds.quantile(0.95)
        return QueryStats(
            count=self.count,
            errors=self.errors,
            slow=self.slow,
            total_s=self.total_s,
            max_s=self.max_s,
            p95_s=math.nan if p95_s is None else p95_s,
        )


class QueryLog:
    """
    Counts statements by fingerprint, in bounded memory, and logs the slow ones.

    Parameters are never logged: they hold people's data.

    Args:
        slow_s: A statement that takes this long is slow, > 0.
        fingerprints_max: More than these are counted together, under OTHER; >= 1.

    Example::

        log = QueryLog(slow_s=0.1)
        log.record("SELECT 1", 0.002)
    """

    def __init__(self, *, slow_s: float = 0.1, fingerprints_max: int = 500) -> None:
        if not slow_s > 0 or fingerprints_max < 1:
            raise ConfigError(
                f"slow_s={slow_s}, fingerprints_max={fingerprints_max}; want > 0 and >= 1"
            )
        self._slow_s = slow_s
        self._fingerprints_max = fingerprints_max
        self._cells: dict[str, QueryCell] = {}
        # From the text itself, so that a fingerprint is made once and not looked for again.
        self._by_text: dict[str, QueryCell] = {}

    def cell(self, sql: str) -> QueryCell:
        """Return where the executions of *sql* are counted."""
        found = self._by_text.get(sql)
        if found is None:
            name = fingerprint(sql)
            if name not in self._cells and len(self._cells) >= self._fingerprints_max:
                name = OTHER
            found = self._cells.setdefault(name, QueryCell(name))
            if len(self._by_text) >= _TEXTS_MAX:
                self._by_text.clear()
            self._by_text[sql] = found
        return found

    def record(self, sql: str, seconds: float, *, failed: bool = False) -> None:
        """Take note of one execution of *sql* that took *seconds*."""
        self.note(self._by_text.get(sql) or self.cell(sql), sql, seconds, failed=failed)

    def note(self, cell: QueryCell, sql: str, seconds: float, *, failed: bool = False) -> None:
        """Take note of one execution of *sql*, whose cell the caller has kept."""
        cell.count += 1
        cell.total_s += seconds
        cell.seconds.observe(seconds)
        if seconds > cell.max_s:  # noqa: PLR1730 (a call of max is a quarter of this function)
            cell.max_s = seconds
        if failed:
            cell.errors += 1
        if seconds >= self._slow_s:
            cell.slow += 1
            _log.warning("slow query, %.3f s: %s", seconds, fingerprint(sql))

    def stats(self) -> dict[str, QueryStats]:
        """Return fingerprint to what it has cost, the dearest in total first."""
        dearest = sorted(self._cells.values(), key=lambda cell: -cell.total_s)
        return {cell.name: cell.stats() for cell in dearest}
