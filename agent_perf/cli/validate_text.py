"""
What is printed of predictions and their errors: Markdown, which is also a table in a terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.suite.prediction import (
    QUANTILES,
    Groundwork,
    PathError,
    Prediction,
    RateError,
)
from agent_perf.units import format_value

_MARK: Final = "<!-- validate:{}{} -->"


def lines_of(
    ground: Groundwork, errors: Sequence[RateError], *, error_max: float, judged_to: float
) -> list[str]:
    """Return the lines that tell of *errors* at each rate."""
    fit = ground.fit
    names = [*QUANTILES, "throughput"]
    head = [
        "rate",
        "of the limit",
        "core busy",
        "CPU time",
        "waited",
        *(_title(name) for name in names),
    ]
    times = ", ".join(f"{factor:.2f} at {share:.0%}" for share, factor in ground.factors)
    words = (
        f"{ground.scenario.name}: it carries {ground.knee_hz:.0f}/s. Alone, a request takes "
        f"{fit.mean_ns / 1e6:.2f} ms of CPU time; times {times} of the limit. Live, then the error "
        "of what was predicted: the median of the rounds, and the least and largest. CPU time: how "
        "far costs are off. Waited: the share of the time in which the process could have run, and "
        "others did."
    )
    lines = [
        words,
        "",
        *_table(head, [_row(one, names) for one in errors]),
        "",
        _verdict(errors, error_max, judged_to),
        "",
        *_table(
            ["path", "CPU time", "by the costs"],
            [
                [path or "(all)", f"{seen / 1e6:.2f} ms", f"{said / 1e6:.2f} ms"]
                for path, (seen, said) in fit.paths.items()
            ],
        ),
    ]
    return [line.rstrip() for line in lines]


def long_lines(
    rate_hz: float, errors: Sequence[PathError], live_s: float, virtual_s: float
) -> list[str]:
    """Return the lines that tell of a long virtual run and a short live one."""
    head = ["path", "live", "virtual"]
    head += [f"{name.upper()} {time}" for name in QUANTILES for time in ("live", "error")]
    rows = []
    for one in errors:
        row = [one.path or "(all)", f"{one.live_count:,}", f"{one.virtual_count:,}"]
        for name in QUANTILES:
            error = one.error_ratio(name)
            row += [
                format_value(one.live_s[name], "s"),
                "–" if error is None else f"{error * 100:+.1f} %",
            ]
        rows.append(row)
    return [
        (
            f"{format_value(virtual_s, 's')} of virtual time against {format_value(live_s, 's')} "
            f"of real time, at {rate_hz:.0f}/s:"
        ),
        "",
        *_table(head, rows),
    ]


def write_page(path: Path, lines: Sequence[str], mark: str = "rates") -> None:
    """
    Put *lines* into the Markdown file *path*, in place of what is between the marks of *mark*.

    Raises:
        UsageError: If the file cannot be read or written, or has no such marks.
    """
    begin, end = _MARK.format(mark, ""), _MARK.format(mark, " end")
    try:
        text = path.read_text(encoding="utf-8")
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise UsageError(f"{path} has no lines {begin} and {end}; write them where it goes")
        new = "\n".join([begin, "", *lines, "", end])
        path.write_text(f"{before}{new}{after}", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _row(one: RateError, names: Sequence[str]) -> list[str]:
    cells = [f"{one.rate_hz:.0f}/s", f"{one.knee_ratio:.0%}", f"{one.busy_ratio:.0%}"]
    cells.append(f"{(one.cost_ratio - 1) * 100:+.0f} %")
    cells.append(f"{one.waited_ratio:.1%}")
    return cells + [cell_of(one.predictions[name]) for name in names]


def cell_of(one: Prediction) -> str:
    """Return what was measured, and how far what was predicted is off, with the spread."""
    unit = "per_s" if one.name == "throughput" else "s"
    told = f"{format_value(one.live, unit)}, {one.error_ratio * 100:+.1f} %"
    if one.error_low == one.error_high:
        # One round has no least and largest.
        return told
    return f"{told} ({one.error_low * 100:+.1f} to {one.error_high * 100:+.1f})"


def _title(name: str) -> str:
    return name.upper() if name in QUANTILES else name


def _verdict(errors: Sequence[RateError], error_max: float, judged_to: float) -> str:
    judged = [one for one in errors if one.knee_ratio <= judged_to + 1e-9]
    if not judged:
        return f"No rate is at most {judged_to:.0%} of the limit, so none is judged."
    worst = max(judged, key=lambda one: abs(one.predictions["p95"].error_ratio))
    error = worst.predictions["p95"].error_ratio
    word = "within" if abs(error) <= error_max else "beyond"
    return (
        f"Up to {judged_to:.0%} of the limit, the P95 is predicted {word} {error_max:.0%}: "
        f"{error * 100:+.1f} % at {worst.rate_hz:.0f}/s is the largest error."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return [line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)]
