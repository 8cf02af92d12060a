"""
A load's targets and checks: what was seen, what is left, and when they were missed.
"""

from __future__ import annotations

from typing import Final

from agent_perf.records import CheckResult, LoadDecision, TargetResult
from agent_perf.report.drawing import Table
from agent_perf.report.load_words import clock, load_metric_label
from agent_perf.report.text import listing, quantity
from agent_perf.report.view import Badge

_WINDOWS_SHOWN: Final = 3
_BADGES: Final = {
    True: Badge(tone="pass", mark="✓", word="kept"),
    False: Badge(tone="fail", mark="✗", word="missed"),
    None: Badge(tone="undecided", mark="?", word="not told"),
}


def targets_table(decision: LoadDecision) -> Table | None:
    """Return targets and checks with headroom, missed ones first; None without any."""
    rows = [_target_row(one) for one in decision.targets]
    rows += [_check_row(one) for one in decision.checks]
    if not rows:
        return None
    return Table(
        caption="Targets and checks",
        header=("What", "Verdict", "Observed", "Target", "Headroom", "What happened"),
        rows=tuple(rows),
        words=(1, 5),
        note="Headroom is what is left to the target, as a share of it.",
    )


def windows_text(target: TargetResult) -> str:
    """Return when *target* was missed along the time: ``0:12–0:18 (worst 480 ms)``."""
    told = [
        f"{clock(window.start_ns)}–{clock(window.end_ns)} "
        f"(worst {quantity(window.worst, target.unit)})"
        for window in target.windows[:_WINDOWS_SHOWN]
    ]
    more = len(target.windows) - len(told)
    return listing([*told, *([f"{more} more times"] if more else [])])


def badge_of(passed: bool | None) -> Badge:
    """Return how a target or check is shown."""
    return _BADGES[passed]


def _target_row(one: TargetResult) -> tuple[str, ...]:
    return (
        f"{load_metric_label(one.metric)} ({one.metric})",
        *_figures(one),
        f"missed {windows_text(one)}" if one.windows else one.text or "never missed",
    )


def _check_row(one: CheckResult) -> tuple[str, ...]:
    return (one.name, *_figures(one), one.text)


def _figures(one: TargetResult | CheckResult) -> tuple[str, ...]:
    return (
        _verdict(one.passed),
        quantity(one.observed, one.unit),
        quantity(one.limit, one.unit),
        _headroom(one.observed, one.limit, passed=one.passed),
    )


def _headroom(observed: float | None, limit: float, *, passed: bool | None) -> str:
    if observed is None or not limit or passed is None:
        return "–"
    room = abs(limit - observed) / limit
    return f"{'' if passed else '−'}{quantity(room, 'ratio')}"


def _verdict(passed: bool | None) -> str:
    sign = _BADGES[passed]
    return f"{sign.mark}\u00a0{sign.word}"
