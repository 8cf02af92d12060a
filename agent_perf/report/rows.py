"""
The table of all benchmarks, and the table of targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agent_perf.errors import SampleError
from agent_perf.records import Lapse, Verdict
from agent_perf.report.drawing import Table
from agent_perf.report.standing import Standing
from agent_perf.report.text import change, deciding_interval, limit, plural, quantity
from agent_perf.report.view import Row
from agent_perf.report.wording import BREACHED, WAIVED, values
from agent_perf.stats import Direction, direction, request_metric, summarize

ROWS_MAX: Final = 400
"""Rows that a table shows; what is left out is unchanged, and in report.json."""

_TARGETS_SHOWN: Final = 12


def make_rows(standings: Sequence[Standing], anchors: dict[str, str]) -> tuple[Row, ...]:
    """
    Return a row for each benchmark.

    Args:
        standings: Worst first.
        anchors: Benchmark to the id of its details, for those that have some.
    """
    return tuple(
        _row(standing, anchors.get(standing.benchmark, "")) for standing in standings[:ROWS_MAX]
    )


def make_targets(standings: Sequence[Standing]) -> Table | None:
    """Return every target with its headroom, the tightest first; None without any."""
    found: list[tuple[float, tuple[str, ...]]] = []
    for standing in standings:
        for metric, bound in _targets(standing).items():
            observed, unit = _observed(standing, metric)
            if observed is None:
                continue
            headroom = _left(metric, observed, bound)
            found.append(
                (
                    headroom,
                    (
                        standing.benchmark,
                        metric,
                        quantity(observed, unit),
                        quantity(bound, unit),
                        _headroom(metric, observed, bound),
                        _state(standing, metric, met=headroom >= 0),
                    ),
                )
            )
    if not found:
        return None
    found.sort(key=lambda item: item[0])
    missed = sum(headroom < 0 for headroom, _ in found)
    return Table(
        caption=f"{plural(len(found), 'target')}, {missed or 'none'} missed",
        header=("Benchmark", "Metric", "Head", "Target", "Headroom", "State"),
        rows=tuple(cells for _, cells in found),
        words=(1, 5),
        note="Headroom is the share of the target that is left; the tightest comes first.",
        first_rows=_TARGETS_SHOWN,
    )


def _left(metric: str, observed: float, bound: float) -> float:
    """Return the share of a target that is left; < 0 if it is missed, -inf of nothing."""
    if not bound:
        return -math.inf if observed else 0.0
    if direction(metric) is Direction.LESS_IS_BETTER:
        return 1 - observed / bound
    return observed / bound - 1


def _headroom(metric: str, observed: float, bound: float) -> str:
    """Return the share of a target that is left; far beyond it, how many times it is taken."""
    if not bound:
        return "–"
    if direction(metric) is Direction.LESS_IS_BETTER and observed >= 2 * bound:
        return f"{observed / bound:,.3g} times"
    return change(_left(metric, observed, bound))


def _state(standing: Standing, metric: str, *, met: bool) -> str:
    if met:
        return "✓ met"
    return (
        f"{WAIVED.mark} missed, waived" if (metric, Lapse.MISSED) in standing.waived else "✗ missed"
    )


def _row(standing: Standing, anchor: str) -> Row:
    lead = standing.lead
    if lead is None:
        note = standing.failures[0].category if standing.failures else "nothing was compared"
        return Row(
            anchor=anchor,
            benchmark=standing.benchmark,
            metric="–",
            base="–",
            head="–",
            change="–",
            interval="–",
            limit="–",
            target="–",
            badge=standing.badge,
            note=note,
        )
    base, head = values(lead)
    return Row(
        anchor=anchor,
        benchmark=standing.benchmark,
        metric=lead.metric,
        base=base,
        head=head,
        change=change(lead.change_ratio),
        interval=deciding_interval(lead),
        limit=limit(lead.limit_ratio),
        target=quantity(standing.target(lead.metric), lead.unit),
        badge=standing.badge,
        note=_note(standing),
    )


def _note(standing: Standing) -> str:
    notes: list[str] = []
    lead = standing.lead
    alike = (
        sum(
            one.verdict is lead.verdict and standing.badge_of(one) is standing.badge_of(lead)
            for one in standing.comparisons
        )
        - 1
        if lead is not None
        else 0
    )
    if alike > 0 and standing.verdict is not Verdict.UNCHANGED:
        notes.append(f"and {plural(alike, 'more metric')}")
    if standing.open_breaches and standing.badge is not BREACHED:
        notes.append("target missed")
    return ", ".join(notes)


def _targets(standing: Standing) -> dict[str, float]:
    bounds = dict(standing.head.targets if standing.head is not None else standing.promised)
    return bounds | {breach.metric: breach.limit for breach in standing.breaches}


def _observed(standing: Standing, metric: str) -> tuple[float | None, str]:
    for breach in standing.breaches:
        if breach.metric == metric:
            return breach.observed, breach.unit
    for one in standing.comparisons:
        if one.metric == metric:
            return one.head, one.unit
    if standing.head is None:
        return None, ""
    most = request_metric(standing.head, metric)
    if most is not None:
        return most.value, most.unit
    try:
        known = summarize(standing.head)
    except SampleError:
        # A run without requests has no value to hold against its target.
        return None, ""
    return next(((one.value, one.unit) for one in known if one.name == metric), (None, ""))
