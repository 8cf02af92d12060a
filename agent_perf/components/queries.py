"""
What a database's statements cost: counted by fingerprint, the slow ones logged.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent_perf.errors import ConfigError

_log = logging.getLogger(__name__)

OTHER: Final = "(other)"
"""Where statements are counted for which there was no room left."""

_STRING: Final = re.compile(r"'(?:[^']|'')*'")
# Not the digits of $1, :name_1 or t1.
_NUMBER: Final = re.compile(r"(?<![\w$:.])\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
_PLACE = r"(?:\?|%s|%\(\w+\)s|\$\d+(?:::[A-Za-z_ ]+)?|:\w+)"
_IN_LIST: Final = re.compile(rf"\bIN\s*\(\s*{_PLACE}(?:\s*,\s*{_PLACE})*\s*\)", re.IGNORECASE)
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
    head, values, rows = sql.partition(" VALUES ")
    return head + values + _ROWS.sub(r"\1, ...", rows)


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
    """

    count: int = 0
    errors: int = 0
    slow: int = 0
    total_s: float = 0.0
    max_s: float = 0.0

    @property
    def mean_s(self) -> float:
        """Seconds per execution; 0 before the first."""
        return self.total_s / self.count if self.count else 0.0


def add_execution(stats: QueryStats, seconds: float, *, slow: bool, failed: bool) -> QueryStats:
    """Return *stats* with one more execution."""
    return QueryStats(
        count=stats.count + 1,
        errors=stats.errors + failed,
        slow=stats.slow + slow,
        total_s=stats.total_s + seconds,
        max_s=max(stats.max_s, seconds),
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
        self._stats: dict[str, QueryStats] = {}

    def record(self, sql: str, seconds: float, *, failed: bool = False) -> None:
        """Take note of one execution of *sql* that took *seconds*."""
        name = fingerprint(sql)
        if name not in self._stats and len(self._stats) >= self._fingerprints_max:
            name = OTHER
        slow = seconds >= self._slow_s
        before = self._stats.get(name, QueryStats())
        self._stats[name] = add_execution(before, seconds, slow=slow, failed=failed)
        if slow:
            _log.warning("slow query, %.3f s: %s", seconds, fingerprint(sql))

    def stats(self) -> dict[str, QueryStats]:
        """Return fingerprint to what it has cost, the dearest in total first."""
        return dict(sorted(self._stats.items(), key=lambda item: -item[1].total_s))
