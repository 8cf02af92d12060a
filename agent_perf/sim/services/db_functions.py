"""
SQLite's clock and dice, made virtual: both read the machine from inside C.

``CURRENT_TIMESTAMP``, ``datetime('now')`` and ``random()`` are functions to SQLite, and
a function of one's own by the same name takes their place.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from agent_perf.sim.draws import Draws

Value = str | bytes | int | float | None

RANDOM: Final = "db.random"
_OF_TIME: Final = ("date", "datetime", "julianday", "strftime", "time", "timediff", "unixepoch")
_OF_NOW: Final = ("date", "datetime", "julianday", "time", "unixepoch")
_KEYWORDS: Final = {
    "current_date": "date",
    "current_time": "time",
    "current_timestamp": "datetime",
}
_BITS: Final = (1 << 64) - 1


class VirtualFunctions:
    """
    SQLite's functions of time and chance, following virtual time and *draws*.

    Args:
        draws: Source of ``random()``, by the running request.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        # The originals live on a connection of their own, where nothing hides them.
        self._original = sqlite3.connect(":memory:", check_same_thread=False)
        rows = self._original.execute("SELECT name FROM pragma_function_list")
        self._known = {name for (name,) in rows}

    def install(self, raw: sqlite3.Connection) -> None:
        """Let the statements of *raw* use them."""
        for name in _OF_TIME:
            if name in self._known:
                raw.create_function(name, -1, self._of_time(name), deterministic=True)
        for keyword, name in _KEYWORDS.items():
            raw.create_function(keyword, 0, self._of_time(name), deterministic=True)
        raw.create_function("random", 0, partial(_random, self._draws))
        raw.create_function("randomblob", 1, partial(_random_bytes, self._draws))

    def close(self) -> None:
        """Close the connection on which the originals live."""
        self._original.close()

    def _of_time(self, name: str) -> Callable[..., Value]:
        def function(*arguments: Value) -> Value:
            told = [_now() if _is_now(argument) else argument for argument in arguments]
            # Without arguments they mean now; strftime's only one is its format.
            if (not told and name in _OF_NOW) or (len(told) == 1 and name == "strftime"):
                told.append(_now())
            marks = ", ".join("?" * len(told))
            row = self._original.execute(f"SELECT {name}({marks})", told).fetchone()
            value: Value = row[0]
            return value

        return function


def install_postgres(raw: sqlite3.Connection) -> None:
    """Let the statements of *raw* use functions of PostgreSQL that programs often name."""
    for name in ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"):
        raw.create_function(name, 0, _now_to_seconds)
    for name in ("gen_random_uuid", "uuid_generate_v4"):
        # As the dialect stores them: 32 digits. The generator is the simulation's.
        raw.create_function(name, 0, lambda: uuid.uuid4().hex)
    raw.create_function("version", 0, lambda: "PostgreSQL (simulated)", deterministic=True)
    for name in ("pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_unlock"):
        raw.create_function(name, 1, lambda _: 1)
    raw.create_function("greatest", -1, _greatest, deterministic=True)
    raw.create_function("least", -1, _least, deterministic=True)


def _now_to_seconds() -> str:
    return _now().partition(".")[0]


def _greatest(*values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def _is_now(argument: Value) -> bool:
    return isinstance(argument, str) and argument.lower() == "now"


def _now() -> str:
    milliseconds = time.time_ns() // 1_000_000
    seconds, rest = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}"


def _random(draws: Draws) -> int:
    # A draw has 53 bits; two fill the 64 of SQLite's, the lowest ones included.
    bits = (draws.u53(RANDOM) << 11 ^ draws.u53(RANDOM)) & _BITS
    return bits - (1 << 63)


def _random_bytes(draws: Draws, size: int) -> bytes:
    words = [_random(draws) & _BITS for _ in range(-(-max(1, size) // 8))]
    return b"".join(word.to_bytes(8, "big") for word in words)[: max(1, size)]
