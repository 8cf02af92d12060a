"""
Standings as people read them: a table in plain text, or in Markdown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.components.evaluation.standing import Ratio, Standing
from agent_perf.units import format_value

_HEAD: Final = (
    "name",
    "accuracy (95 %)",
    "passed (95 %)",
    "missing",
    "P50",
    "P95",
    "per 100",
    "tokens",
    "front",
)
# Names are read from the left, numbers compared from the right.
_LEFT: Final = (0, len(_HEAD) - 1)
_NONE: Final = "–"


def standings_text(standings: Sequence[Standing]) -> str:
    """Return *standings* as a table in plain text, ending in a line feed."""
    rows = [_HEAD, *map(_cells, standings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(_line(row, widths) for row in rows)


def standings_markdown(standings: Sequence[Standing]) -> str:
    """Return *standings* as a table in Markdown, ending in a line feed."""
    rule = ["---" if index in _LEFT else "---:" for index in range(len(_HEAD))]
    rows = [_HEAD, rule, *map(_cells, standings)]
    return "".join(f"| {' | '.join(map(_escaped, row))} |\n" for row in rows)


def _cells(one: Standing) -> Sequence[str]:
    return (
        # A name must not break the table, whoever chose it.
        " ".join(one.name.split()) or _NONE,
        _ratio(one.accuracy),
        _ratio(one.passed),
        f"{one.missing:,}",
        _time(one.latency_s_p50),
        _time(one.latency_s_p95),
        format_value(one.cost_usd_per_100, "usd"),
        f"{one.tokens:,}",
        "*" if one.on_front else "",
    )


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return _NONE
    return (
        f"{ratio.value * 100:.1f} % ({ratio.low * 100:.1f}–{ratio.high * 100:.1f}) "
        f"of {ratio.count:,}"
    )


def _time(seconds: float | None) -> str:
    return _NONE if seconds is None else format_value(seconds, "s")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if index in _LEFT else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip() + "\n"


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|")
