"""
One real request of base and head in lines of text, on one time axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.records import Exemplar, Span
from agent_perf.report.text import duration, scrub, shorten

_LABEL_COLUMNS: Final = 34
_BAR_COLUMNS: Final = 32
_ROWS_MAX: Final = 14


def waterfall_lines(base: Exemplar | None, head: Exemplar | None) -> Iterator[str]:
    """
    Yield the requests nearest the P95 of base and head: a line each for every operation.

    Equal operations share a line; of more than fourteen, those that took longest are told.
    """
    sides = [(name, side) for name, side in (("base", base), ("head", head)) if side is not None]
    if not sides:
        return
    end_ns = max(side.latency_ns for _, side in sides) or 1
    grouped = {name: _grouped(side) for name, side in sides}
    keys = list(dict.fromkeys(key for groups in grouped.values() for key in groups))
    weights = {key: max(_sum(groups.get(key, ())) for groups in grouped.values()) for key in keys}
    shown = sorted(keys, key=lambda key: -weights[key])[:_ROWS_MAX]
    for name, side in sides:
        told = f"request {side.request_id}, {duration(side.latency_ns)}"
        yield f"{'':<{_LABEL_COLUMNS}} {name}: {told}"
    for key in (key for key in keys if key in shown):
        label = shorten(" ".join(part for part in scrub(key) if part), _LABEL_COLUMNS)
        for name, groups in grouped.items():
            spans = groups.get(key, ())
            what = f"{len(spans)}x {duration(_sum(spans))}" if spans else "-"
            yield f"{label:<{_LABEL_COLUMNS}} {name} |{_bar(spans, end_ns)}| {what}"
            label = ""
    if len(keys) > len(shown):
        yield f"and {len(keys) - len(shown)} shorter operations"


def _grouped(exemplar: Exemplar) -> dict[tuple[str, str], list[Span]]:
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in exemplar.spans:
        groups.setdefault((span.name, span.detail), []).append(span)
    return groups


def _sum(spans: Sequence[Span]) -> int:
    return sum(span.end_ns - span.start_ns for span in spans)


def _bar(spans: Sequence[Span], end_ns: int) -> str:
    cells = [" "] * _BAR_COLUMNS
    for span in spans:
        first = min(span.start_ns * _BAR_COLUMNS // end_ns, _BAR_COLUMNS - 1)
        last = min(-(-span.end_ns * _BAR_COLUMNS // end_ns), _BAR_COLUMNS)
        cells[first : max(last, first + 1)] = "#" * (max(last, first + 1) - first)
    return "".join(cells)
