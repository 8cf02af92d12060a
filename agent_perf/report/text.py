"""
Words and numbers as people read them, and strings from outside made harmless.
"""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar, cast

from agent_perf.records import Comparison, Evidence, Verdict
from agent_perf.stats import Direction, direction
from agent_perf.units import NS, format_change, format_value

T = TypeVar("T")

LENGTH_MAX: Final = 4_000
"""Longest string that a report takes over: a traceback's end, with room to spare."""

ARROW: Final = "\u00a0→\u00a0"
"""From base to head, never broken over two lines."""
_NAME: Final = re.compile(r"[a-z0-9_]+(\.\w+)+")
"""A benchmark's, at the begin of a clause."""

_HARD_SPACE: Final = "\u00a0"

_TIMES_FROM: Final = 9.0
"""Relative change from which a factor says more: ten times."""

# Control characters, which XML forbids and terminals obey; marks that turn the direction
# of text, with which a name can hide; lone surrogates and non-characters, which UTF-8 and
# XML cannot carry. New line and tab stay.
_HARMFUL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
    "|["
    + "".join(chr(plane << 16 | low) for plane in range(1, 17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_HEX_COMMIT: Final = re.compile(r"[0-9a-f]{12,64}\Z")


def scrub(value: T, *, length_max: int = LENGTH_MAX) -> T:
    """
    Return *value* with every string in it made fit for HTML, XML and a terminal.

    Args:
        value: A record, or tuples, mappings and strings of any depth.
        length_max: Characters kept of each string, >= 1; the rest becomes an ellipsis.
    """
    return cast("T", _scrub(value, length_max))


def _scrub(value: object, length_max: int) -> object:
    match value:
        case str():
            # Cut first: a string may be a log of megabytes.
            clean = _HARMFUL.sub("\ufffd", value[:length_max])
            return clean if len(value) <= length_max else f"{clean}…"
        case tuple() | list():
            # A run holds thousands of latencies, and no string hides among them.
            if value and isinstance(value[0], int | float):
                return value
            return tuple(_scrub(item, length_max) for item in value)
        case Mapping():
            return {
                _scrub(key, length_max): _scrub(item, length_max) for key, item in value.items()
            }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _scrub(getattr(value, field.name), length_max)
            for field in dataclasses.fields(value)
        }
        return dataclasses.replace(value, **fields)
    return value


def quantity(value: float | None, unit: str) -> str:
    """Return *value* with its unit, held together by a space that does not break."""
    if value is None:
        return "–"
    if unit == "usd" and 0 < abs(value) < 0.01:
        # Three digits of a small price, where a fixed four decimals would print $0.
        digits = 2 - math.floor(math.log10(abs(value)))
        return f"${value:.{digits}f}".rstrip("0")
    return format_value(value, unit).replace(" ", _HARD_SPACE)


def duration(value_ns: float) -> str:
    """Return a length of virtual time."""
    return quantity(value_ns / NS, "s")


def difference(value: float, unit: str) -> str:
    """Return *value* with its sign: ``+31 ms``, ``−2 ms``, or ``=``."""
    if value == 0:
        return "="
    return f"{'+' if value > 0 else '−'}{quantity(abs(value), unit)}"


def change(ratio: float | None) -> str:
    """Return a relative change: ``+31.5 %``, ``−2 %``, ``=``; from zero ``new``."""
    if ratio is None:
        return "–"
    if ratio == math.inf:
        return "from 0"
    if ratio >= _TIMES_FROM:
        # Nobody reads +57380 %.
        return f"×{ratio + 1:,.3g}" if ratio < 1000 else f"×{ratio + 1:,.0f}"
    return format_change(ratio).replace("-", "−").replace(" ", _HARD_SPACE)


def interval(comparison: Comparison) -> str:
    """Return how sure the change is: its interval, or that it is exact."""
    if comparison.interval is None:
        return "exact" if comparison.evidence is Evidence.EXACT else "–"
    low, high = comparison.interval
    return f"{change(low)} … {change(high)}"


def deciding_interval(comparison: Comparison) -> str:
    """
    Return the interval that the verdict stands on, or that the change is exact.

    That of a regression is the fresh rounds': the first ones only raised the suspicion.
    """
    again = comparison.confirmation
    if comparison.verdict is Verdict.REGRESSED and again is not None and again.interval is not None:
        return interval(dataclasses.replace(comparison, interval=again.interval))
    return interval(comparison)


def limit(ratio: float | None) -> str:
    """Return the largest change allowed, as in ``+15 %``; a dash if there is none."""
    if ratio is None:
        return "–"
    return f"+{ratio * 100:.4g}{_HARD_SPACE}%"


def limit_change(comparison: Comparison) -> float | None:
    """
    Return the relative change at which the limit lies; None without one.

    What should rise may fall so far: exact evidence by the limit itself, sampled evidence to
    1 / (1 + limit), for rounds are judged by their logarithms.
    """
    ratio = comparison.limit_ratio
    if ratio is None or direction(comparison.metric) is Direction.LESS_IS_BETTER:
        return ratio
    return -ratio if comparison.evidence is Evidence.EXACT else 1 / (1 + ratio) - 1


def short_commit(commit: str) -> str:
    """Return seven digits of a commit's name, and any other name as it is."""
    return commit[:7] if _HEX_COMMIT.match(commit) else commit


def plural(count: int, one: str, many: str = "") -> str:
    """Return *count* with its noun: ``1 benchmark``, ``1,200 benchmarks``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listing(words: Iterable[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    items = list(words)
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def capital(text: str) -> str:
    """Return *text* with a capital letter first, the rest unchanged."""
    return text[:1].upper() + text[1:]


def sentence(clause: str) -> str:
    """Return *clause* as a sentence, its arrows held to what they join."""
    # A name keeps its spelling: it is looked for elsewhere.
    whole = clause if _NAME.match(clause) else capital(clause)
    whole = whole.replace(" → ", ARROW)
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."


def columns(text: str) -> int:
    """Return how many character cells *text* fills: East Asian characters fill two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def shorten(text: str, columns_max: int) -> str:
    """Return *text* in at most *columns_max* cells, its end cut and marked if need be."""
    text = " ".join(text.split())
    if columns(text) <= columns_max:
        return text
    kept = ""
    for letter in text:
        if columns(kept + letter) >= columns_max:
            break
        kept += letter
    return f"{kept.rstrip()}…"
