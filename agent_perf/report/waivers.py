"""
Waivers as a report shows them: what is accepted, why, and for how long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent_perf.records import WaiverState, WaiverUse
from agent_perf.report.drawing import Table
from agent_perf.report.text import limit, plural, sentence
from agent_perf.report.view import Point
from agent_perf.report.wording import WAIVED

_STATES: Final = {
    WaiverState.USED: f"{WAIVED.mark} waived",
    WaiverState.UNUSED: "– not used",
    WaiverState.EXPIRED: "✗ expired",
}


def waiver_words(use: WaiverUse) -> str:
    """Return in one clause until when *use* accepts, and why."""
    until = use.waiver.until.isoformat()
    if use.days_left < 0:
        when = f"waiver expired on {until}, {plural(-use.days_left, 'day')} ago"
    else:
        left = f"{plural(use.days_left, 'day')} left" if use.days_left else "its last day"
        when = f"waived until {until}, {left}"
    return f"{when}: {use.waiver.reason}"


def waiver_points(uses: Sequence[WaiverUse], state: WaiverState) -> list[Point]:
    """Return a point for each waiver that is in *state*."""
    return [
        Point(lead=use.waiver.name, text=sentence(waiver_words(use)))
        for use in uses
        if use.state is state
    ]


def waiver_table(uses: Sequence[WaiverUse]) -> Table | None:
    """Return every waiver with what it accepts; None without any."""
    if not uses:
        return None
    rows = tuple(row for use in uses for row in _rows(use))
    expired = sum(use.state is WaiverState.EXPIRED for use in uses)
    return Table(
        caption=f"{plural(len(uses), 'waiver')}, {expired or 'none'} expired",
        header=(
            "Benchmark",
            "Metric",
            "State",
            "Reason",
            "Until",
            "Days left",
            "Observed",
            "At most",
        ),
        rows=rows,
        words=(1, 2, 3),
        note="What is waived does not fail; an expired waiver does.",
        first_rows=len(rows),
    )


def _rows(use: WaiverUse) -> Iterator[tuple[str, ...]]:
    by = f" ({use.waiver.author})" if use.waiver.author else ""
    about = (
        _STATES[use.state],
        f"{use.waiver.reason}{by}",
        use.waiver.until.isoformat(),
        str(use.days_left).replace("-", "−"),
    )
    most = limit(use.waiver.at_most_ratio)
    if not use.covered:
        yield use.waiver.benchmark, use.waiver.metric, *about, "–", most
    for one in use.covered:
        observed = one.text.partition("observed=")[2].partition(" ")[0].replace("->", " → ")
        yield one.benchmark, one.metric, *about, observed, most
