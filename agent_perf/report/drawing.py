"""
A chart as a drawing: lines, curves, marks and labels at coordinates.

Horizontally everything stands in per cent of the plot's width, so that a chart fits
every window while its text keeps its size; vertically in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CURVE_WIDTH: Final = 1000
"""Width of the box in which the paths of curves are given; it is stretched to the plot."""

TEXT_WIDTH_PX: Final = 7.3
"""Width of one character of a chart's labels: 12 px, monospaced, at most 0.61 of its size."""

NARROW_PX: Final = 208
"""Width of the narrowest plot with an axis on its left: a window of 360 px."""

TICK_COLUMNS: Final = 8
"""Characters that the margin on the left of a plot holds."""

MARGIN_RIGHT_PX: Final = 26
"""Room on the right of a plot, into which the half of a label may reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line; x in per cent, y in pixels."""

    x1: str
    y1: str
    x2: str
    y2: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle; x and width in per cent, y and height in pixels."""

    x: str
    y: str
    width: str
    height: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A path in a box CURVE_WIDTH wide and as many pixels high as the chart."""

    path: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A mark of a given radius in pixels; x in per cent, y in pixels."""

    x: str
    y: str
    radius: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """
    A text at a point.

    Attributes:
        anchor: ``start``, ``middle`` or ``end``: which part of the text stands at *x*.
        shift: Pixels to the right of *x*; negative is to the left.
        style: Classes; ``narrow``, ``wide`` and ``broad`` are shown in such windows only.
    """

    x: str
    y: str
    text: str
    anchor: str
    shift: str = "0"
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a legend: how it is drawn, and what it is."""

    style: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    Figures in rows.

    Attributes:
        caption: What it shows.
        header: As many as each row has cells; the first column names the row.
        rows: Texts.
        words: Indices of further columns that hold words: they are not set like numbers.
        note: A sentence under it; may be empty.
        first_rows: How many rows are shown unfolded; the rest folds.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()
    note: str = ""
    first_rows: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """
    One drawing with its words.

    Attributes:
        kind: Sets the margins: ``axis``, ``trend`` (with room for numbers above it),
            ``bars`` or ``spans``.
        size: ``half`` or ``full`` width of the page where there is room.
        title: Over it.
        description: What it says, for those who do not see it.
        hint: How to read it, one sentence; may be empty.
        height: In pixels.
        table: The same figures; None where the page shows them anyway.
    """

    kind: str
    size: str = "half"
    title: str
    description: str
    hint: str = ""
    height: str
    lines: tuple[Line, ...] = ()
    boxes: tuple[Box, ...] = ()
    curves: tuple[Curve, ...] = ()
    dots: tuple[Dot, ...] = ()
    labels: tuple[Label, ...] = ()
    legend: tuple[Key, ...] = ()
    table: Table | None = None


def percent(share: float) -> str:
    """Return the coordinate of *share*, 0 to 1 of the plot's width."""
    return f"{_plain(min(max(share, 0.0), 1.0) * 100)}%"


def pixels(value: float) -> str:
    """Return a coordinate in pixels."""
    return _plain(value)


def path_point(share: float, y: float) -> str:
    """Return a point of a curve's path: *share* of the width, *y* in pixels."""
    return f"{_plain(share * CURVE_WIDTH)} {_plain(y)}"


def _plain(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
