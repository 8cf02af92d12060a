"""
The waterfall: what one real request waited for, base above head.

Equal operations share a row, so that a loop of queries is one row of many bars, and
the rows of base and head stand together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent_perf.records import Exemplar, Span
from agent_perf.report.axis import bottom_axis, scale_over, unit_ticks
from agent_perf.report.drawing import (
    CURVE_WIDTH,
    TEXT_WIDTH_PX,
    Chart,
    Curve,
    Key,
    Label,
    Line,
    Table,
    percent,
    pixels,
)
from agent_perf.report.text import columns, difference, duration, shorten
from agent_perf.units import NS

_ROWS_MAX: Final = 12
_ROW_PX: Final = 40
_TRACK_PX: Final = 8
_NARROW_PLOT_PX: Final = 266
_WIDE_PLOT_PX: Final = 620
_BROAD_PLOT_PX: Final = 960


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """
    What base and head did under one name.

    Attributes:
        name: Of the operation.
        detail: What it was about; may be empty.
        notable: Whether it did more in head. Different requests draw different
            latencies, so between them only the counts tell.
    """

    name: str
    detail: str = ""
    base: tuple[Span, ...]
    head: tuple[Span, ...]
    notable: bool

    @property
    def label(self) -> str:
        """Both in one, for people."""
        return " ".join(part for part in (self.name, self.detail) if part)

    @property
    def more_ns(self) -> int:
        return _sum(self.head) - _sum(self.base)


def draw_waterfall(base: Exemplar | None, head: Exemplar | None) -> Chart | None:
    """
    Return the requests nearest P95 of base and head on one time axis.

    Args:
        base: None if the base has no finished request.
        head: None if the head has none.
    """
    if base is not None and head is not None and base.spans == head.spans:
        # Drawing the same request twice would hide that it is the same.
        return _draw(None, head, who="base and head alike")
    return _draw(base, head, who="head") if base or head else None


def _draw(base: Exemplar | None, head: Exemplar | None, *, who: str) -> Chart:
    sides = [(name, side) for name, side in (("base", base), (who, head)) if side is not None]
    scale = scale_over(side.latency_ns / NS for _, side in sides)
    operations = _operations(base, head)
    height = len(operations) * _ROW_PX
    ticks = unit_ticks(scale, "s", 6)
    labels: list[Label] = []
    paths: dict[str, list[str]] = {"base": [], "head": [], "head worse": []}
    for index, operation in enumerate(operations):
        top = index * _ROW_PX + 17
        labels.extend(_row_labels(operation, top - 4, paired=_are_paired(base, head)))
        paths["base"].extend(_bars(operation.base, scale.high, top))
        below = _TRACK_PX + 1 if base is not None else 0
        style = "head worse" if operation.notable else "head"
        paths[style].extend(_bars(operation.head, scale.high, top + below))
    return Chart(
        kind="spans",
        size="full",
        title="One real request: the one nearest P95",
        description=_description(sides, operations),
        hint=_hint(base, head),
        height=pixels(height),
        lines=tuple(
            Line(x1=percent(x), y1="0", x2=percent(x), y2=pixels(height), style="grid")
            for x in map(scale.share, ticks)
        ),
        curves=tuple(
            Curve(path="".join(parts), style=style) for style, parts in paths.items() if parts
        ),
        labels=(*labels, *bottom_axis(scale, ticks, height)),
        legend=_legend(sides, worse=bool(paths["head worse"])),
        table=_table(operations),
    )


def _operations(base: Exemplar | None, head: Exemplar | None) -> list[_Operation]:
    """Return the whole request, then its operations by first start, the rest as one."""
    before, after = _grouped(base), _grouped(head)
    like = _are_paired(base, head)
    first: dict[tuple[str, str], int] = {}
    for name, spans in (*before.items(), *after.items()):
        first[name] = min(first.get(name, spans[0].start_ns), *(one.start_ns for one in spans))
    found = []
    for name in sorted(first, key=lambda name: (first[name], name)):
        old, new = tuple(before.get(name, ())), tuple(after.get(name, ()))
        more = base is not None and (len(new) > len(old) or (like and _sum(new) > _sum(old)))
        found.append(_Operation(name=name[0], detail=name[1], base=old, head=new, notable=more))
    if len(found) > _ROWS_MAX:
        weighty = sorted(found, key=_weight, reverse=True)[: _ROWS_MAX - 1]
        rest = [operation for operation in found if operation not in weighty]
        found = [operation for operation in found if operation in weighty]
        found.append(
            _Operation(
                name=f"{len(rest)} further operations",
                base=tuple(span for operation in rest for span in operation.base),
                head=tuple(span for operation in rest for span in operation.head),
                notable=any(operation.notable for operation in rest),
            )
        )
    slower = base is not None and head is not None and head.latency_ns > base.latency_ns
    whole = _Operation(name="whole request", base=_whole(base), head=_whole(head), notable=slower)
    return [whole, *found]


def _grouped(exemplar: Exemplar | None) -> dict[tuple[str, str], list[Span]]:
    groups: dict[tuple[str, str], list[Span]] = {}
    for span in exemplar.spans if exemplar else ():
        groups.setdefault((span.name, span.detail), []).append(span)
    return groups


def _whole(exemplar: Exemplar | None) -> tuple[Span, ...]:
    if exemplar is None:
        return ()
    return (Span(name="request", start_ns=0, end_ns=exemplar.latency_ns),)


def _bars(spans: Sequence[Span], high_s: float, top: float) -> Iterable[str]:
    """Yield one rectangle for each span; spans that touch and are tiny become one."""
    unit_ns = high_s * NS / CURVE_WIDTH
    merged: list[list[float]] = []
    for span in sorted(spans, key=lambda span: span.start_ns):
        begin = max(span.start_ns / unit_ns, 0)
        end = min(max(span.end_ns / unit_ns, begin + 2), CURVE_WIDTH)
        if begin >= CURVE_WIDTH:
            continue
        if merged and (begin < merged[-1][1] - 1 or begin - merged[-1][0] < 3):
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    for begin, end in merged:
        # A gap of one part in a thousand keeps neighbours apart.
        width = max(end - begin - 1, 0.8 * (end - begin))
        yield f"M{begin:.1f} {top:g}h{width:.1f}v{_TRACK_PX}h-{width:.1f}z"


def _are_paired(base: Exemplar | None, head: Exemplar | None) -> bool:
    """Return whether both are the same request, so that their latencies compare."""
    return base is not None and head is not None and base.request_id == head.request_id


def _row_labels(operation: _Operation, y: float, *, paired: bool) -> Iterable[Label]:
    before, after = len(operation.base), len(operation.head)
    more = difference(operation.more_ns / NS, "s")
    counts = f"{before} → {after}   " if before != after else ""
    strong = " strong" if operation.notable else ""
    for style, plot_px in (
        ("narrow", _NARROW_PLOT_PX),
        ("wide", _WIDE_PLOT_PX),
        ("broad", _BROAD_PLOT_PX),
    ):
        right = more if style == "narrow" else counts + more
        if not operation.notable and not paired:
            right = duration(_sum(operation.head)) if operation.head else "gone"
        room = int(plot_px / TEXT_WIDTH_PX) - columns(right) - 2
        name = operation.label
        if columns(name) > room:
            # Where room is short, two statements are told apart by their text.
            name = shorten(operation.detail or name, room)
        yield Label(x="0", y=pixels(y), text=name, anchor="start", style=style + strong)
        yield Label(x="100%", y=pixels(y), text=right, anchor="end", style=style + strong)


def _table(operations: Sequence[_Operation]) -> Table:
    rows = tuple(
        (
            shorten(operation.label, 120),
            f"{len(operation.base)}",
            f"{len(operation.head)}",
            duration(_sum(operation.base)) if operation.base else "–",
            duration(_sum(operation.head)) if operation.head else "–",
        )
        for operation in operations
    )
    header = ("Operation", "Base, count", "Head, count", "Base, time", "Head, time")
    return Table(caption="Operations of the two requests", header=header, rows=rows)


def _description(sides: Sequence[tuple[str, Exemplar]], operations: Sequence[_Operation]) -> str:
    words = [f"{name} takes {duration(side.latency_ns)}" for name, side in sides]
    notable = [operation for operation in operations[1:] if operation.notable]
    if notable:
        most = max(notable, key=lambda operation: operation.more_ns)
        words.append(
            f"most is added by {shorten(most.label, 80)}: {len(most.base)} to {len(most.head)} "
            f"times, {difference(most.more_ns / NS, 's')}"
        )
    return f"The request nearest P95: {'; '.join(words)}."


def _hint(base: Exemplar | None, head: Exemplar | None) -> str:
    hint = "Time runs to the right; equal operations share a row."
    if base is None or head is None:
        return hint
    if base.request_id != head.request_id:
        return (
            f"{hint} Base above head: two different requests, so that latencies differ by chance "
            "too, and only what is done more often is marked."
        )
    return f"{hint} Base above head: the same request, drawn alike, so every difference is real."


def _legend(sides: Sequence[tuple[str, Exemplar]], *, worse: bool) -> tuple[Key, ...]:
    keys = [
        Key(
            style="bar base" if name == "base" else "bar head",
            text=f"{name}: request {side.request_id}, {duration(side.latency_ns)}",
        )
        for name, side in sides
    ]
    if worse:
        keys.append(Key(style="bar head worse", text="more than in base"))
    return tuple(keys)


def _weight(operation: _Operation) -> int:
    """Return how much an operation matters: its difference before its length."""
    return 1000 * abs(operation.more_ns) + _sum((*operation.base, *operation.head))


def _sum(spans: Iterable[Span]) -> int:
    return sum(span.end_ns - span.start_ns for span in spans)
