"""
Where a project stands by what asv kept alone, where no whole runs are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.records import Findings
from agent_perf.report.drawing import Table
from agent_perf.report.past_chart import Exhibit
from agent_perf.report.text import change, plural, quantity, scrub, short_commit
from agent_perf.report.view import Badge, Band

_TARGETS_SHOWN: Final = 12


def make_past_band(exhibits: Sequence[Exhibit], findings: Findings) -> Band:
    """
    Return the verdict of the newest values against their targets.

    Args:
        exhibits: Nearest to their targets first.
        findings: What was found along the history.
    """
    if not exhibits:
        return Band(
            badge=Badge(tone="broken", mark="∅", word="NOTHING MEASURED"),
            headline="No benchmark gave a value, so nothing was judged",
            lines=("This is not a pass.",),
        )
    lines = (_newest_change(findings),)
    promised = [one.headroom for one in exhibits if one.headroom is not None]
    missed = sum(headroom < 0 for headroom in promised)
    if missed:
        worst = exhibits[0]
        return Band(
            badge=Badge(
                tone="fail", mark="✗", word="TARGET MISSED" if missed == 1 else "TARGETS MISSED"
            ),
            headline=scrub(f"{worst.name}: {worst.metric}"),
            values=quantity(worst.newest, worst.track.unit),
            lines=(
                f"Target {quantity(worst.track.target, worst.track.unit)}.",
                f"{missed} of {plural(len(promised), 'target')} missed.",
                *lines,
            ),
        )
    if promised:
        return Band(
            badge=Badge(tone="pass", mark="✓", word="TARGETS MET"),
            headline=f"{plural(len(promised), 'target')}, all met by the newest values",
            lines=lines,
        )
    return Band(
        badge=Badge(tone="plain", mark="≡", word="MEASURED"),
        headline=f"{plural(len(exhibits), 'metric')}, none with a target",
        lines=lines,
    )


def past_targets(exhibits: Sequence[Exhibit]) -> Table | None:
    """Return every target with its headroom, in the order of *exhibits*; None without any."""
    rows = [
        (
            scrub(one.name),
            one.metric,
            quantity(one.newest, one.track.unit),
            quantity(one.track.target, one.track.unit),
            change(one.headroom),
            "✗ missed" if one.headroom < 0 else "✓ met",
        )
        for one in exhibits
        if one.headroom is not None
    ]
    if not rows:
        return None
    missed = sum(cells[-1] != "✓ met" for cells in rows)
    return Table(
        caption=f"{plural(len(rows), 'target')}, {missed or 'none'} missed",
        header=("Benchmark", "Metric", "Newest", "Target", "Headroom", "State"),
        rows=tuple(rows),
        words=(1, 5),
        note="Headroom is the share of the target that is left; the tightest comes first.",
        first_rows=_TARGETS_SHOWN,
    )


def _newest_change(findings: Findings) -> str:
    """Return the newest commit that made something worse, in one sentence."""
    event = next((one for one in findings.events if one.worse), None)
    if event is None:
        return "No commit of its past made anything worse."
    return f"The newest commit that made something worse is {short_commit(event.commit)}."
