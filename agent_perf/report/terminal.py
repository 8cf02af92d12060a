"""
The report on a terminal: verdict, why, the worst rows, what to do; in any width.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.report.text import ARROW, plural
from agent_perf.report.text import columns as cells
from agent_perf.report.view import Badge, Fact, Row, View

COLUMNS_MIN: Final = 40
"""In less, a benchmark's name and its change no longer fit."""

_COLUMNS_MAX: Final = 110
"""Longer lines of prose are hard to follow, however wide the window is."""

_ROWS_MAX: Final = 5
_COMMANDS_MAX: Final = 3
_ASKED: Final = ("Why", "Next step")
_CALM: Final = ("=", "✓", "+")
"""Marks of what is as it should be: unchanged, improved, new."""

_UNIT: Final = re.compile(r"(?<=\d) (?=(?:%|[nµm]?s|[KMG]i?B|B)(?!\w))")
"""Between a number and its unit, where no line is to be broken."""

_COLOURS: Final = {"fail": 31, "pass": 32, "undecided": 33, "broken": 35, "plain": 0}


def draw_terminal(view: View, *, lines: Sequence[str], columns: int, colour: bool) -> str:
    """
    Return *view* for a terminal; the verdict comes last but for what follows from it.

    Args:
        view: What to show.
        lines: One for each thing that failed, as programs read them: never broken.
        columns: Width of the terminal.
        colour: Whether to mark words with colours; they say the same without.
    """
    width = max(COLUMNS_MIN, min(columns, _COLUMNS_MAX)) - 1
    text = [*lines, *([""] if lines else []), *_verdict(view, width, colour)]
    facts = {fact.question: fact for fact in view.facts}
    why, following = (facts.get(question) for question in _ASKED)
    if why is not None:
        text += [_bold("Why", colour), *_points(why, width)]
    text += _rows(view, width, colour)
    if following is not None:
        text += [_bold("Next step", colour), *_points(following, width)]
        # To be copied as they stand: not wrapped.
        text += [f"  $ {one.line}" for one in following.commands[:_COMMANDS_MAX]]
    return "\n".join(_plain(line).rstrip() for line in text) + "\n"


def _verdict(view: View, width: int, colour: bool) -> Iterator[str]:
    badge = view.band.badge
    shown = f"{badge.mark} {badge.word}"
    first, *rest = _wrapped(view.band.sentence, width, first="", then="  ")
    yield first.replace(shown, _tinted(shown, badge, colour), 1)
    yield from rest
    for line in view.band.lines:
        yield from _wrapped(line, width, first="  ", then="  ")


def _rows(view: View, width: int, colour: bool) -> list[str]:
    """Return a line for each row that is not as it should be, the worst first."""
    worse = [row for row in view.rows if row.badge.mark not in _CALM]
    if not worse:
        return []
    text = [_bold(f"Worst of {plural(len(view.rows) + view.rows_left_out, 'benchmark')}", colour)]
    for row in worse[:_ROWS_MAX]:
        shown = f"{row.badge.mark} {row.badge.word}"
        first, *rest = _wrapped(f"{shown}  {_told(row)}", width, first="  ", then="      ")
        text += [first.replace(shown, _tinted(shown, row.badge, colour), 1), *rest]
    if len(worse) > _ROWS_MAX:
        text.append(f"  and {len(worse) - _ROWS_MAX} more")
    return text


def _told(row: Row) -> str:
    parts = [row.benchmark, row.metric]
    if row.head not in {"", "–"}:
        parts.append(f"{row.base}{ARROW}{row.head} ({row.change})")
    if row.target not in {"", "–"}:
        parts.append(f"target {row.target}")
    return "  ".join(part for part in (*parts, row.note) if part)


def _points(fact: Fact, width: int) -> Iterator[str]:
    for point in fact.points:
        text = f"{point.lead}: {point.text}" if point.lead else point.text
        yield from _wrapped(text, width, first="  ", then="  ")


def _wrapped(text: str, width: int, *, first: str, then: str) -> list[str]:
    flat = _UNIT.sub("\u00a0", text.replace("\n", " ").replace("\u2060", ""))
    # East Asian characters fill two cells each.
    wide = cells(flat) - len(flat)
    return textwrap.wrap(
        flat,
        max(COLUMNS_MIN // 2, width - wide),
        initial_indent=first,
        subsequent_indent=then,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _plain(text: str) -> str:
    """Return *text* with plain spaces, and without marks that only HTML wants."""
    return text.replace("\u00a0", " ").replace("\u2060", "")


def _bold(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text


def _tinted(text: str, badge: Badge, colour: bool) -> str:
    return f"\x1b[1;{_COLOURS[badge.tone]}m{text}\x1b[0m" if colour else text
