"""
What ``agent-perf history`` prints for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click

from agent_perf.cli.output import plain
from agent_perf.records import Change, Event, Findings, Trend
from agent_perf.repository import Commit
from agent_perf.units import format_change, format_value

_CHANGES_MAX: Final = 3
_EVENTS_MAX: Final = 40
_TRENDS_MAX: Final = 20
_INDENT: Final = " " * 10


def show_findings(findings: Findings, commits: Sequence[Commit]) -> None:
    """
    Print events, newest first, then trends, then one line that sums them up.

    Args:
        findings: What was found.
        commits: Along which; for the dates of those that have no subject.
    """
    for event in findings.events[:_EVENTS_MAX]:
        for line in _event_lines(event):
            click.echo(plain(line))
    if len(findings.events) > _EVENTS_MAX:
        older = len(findings.events) - _EVENTS_MAX
        click.echo(f"{older} older commits with changes: --format json has all of them")
    for trend in findings.trends[:_TRENDS_MAX]:
        click.echo(plain(trend_line(trend)))
    if len(findings.trends) > _TRENDS_MAX:
        click.echo(f"{len(findings.trends) - _TRENDS_MAX} more trends: see --format json")
    click.echo(_summary(findings, commits))


def trend_line(trend: Trend) -> str:
    """Return what is to be said of *trend*, and when it passes its target."""
    total, low, high = (
        format_change((1 + ratio) ** (trend.commit_count - 1) - 1)
        for ratio in (trend.ratio_per_commit, *trend.interval)
    )
    line = (
        f"trend: {_name(trend)} {total} ({low} to {high}) over {trend.commit_count} commits, "
        f"since {trend.since[:8]}"
    )
    forecast = trend.forecast
    if forecast is None:
        return line
    latest = "never" if forecast.latest is None else str(forecast.latest)
    return (
        f"{line}; at this pace it passes {format_value(forecast.target, trend.unit)} in about "
        f"{forecast.commits} commits ({forecast.soonest} to {latest})"
    )


def _event_lines(event: Event) -> list[str]:
    day = datetime.fromtimestamp(event.time_s, UTC).date().isoformat()
    lines = [f"{event.commit[:8]}  {day}  {event.subject}".rstrip()]
    lines += [f"{_INDENT}{_change_line(change)}" for change in event.changes[:_CHANGES_MAX]]
    rest = event.changes[_CHANGES_MAX:]
    if rest:
        worse = sum(change.worse and not change.acknowledged for change in rest)
        known = sum(bool(change.acknowledged) for change in rest)
        end = f", {known} acknowledged" if known else ""
        lines.append(f"{_INDENT}and {len(rest)} more, {worse} of them worse{end}")
    if event.run_wide:
        lines.append(
            f"{_INDENT}{len(event.changes)} of {event.measured_count} metrics moved together: "
            "the machine, or something all of them use"
        )
    lines += [f"{_INDENT}with it: {fact}" for fact in event.surroundings]
    return lines


def _change_line(change: Change) -> str:
    sign = "✗" if change.worse else "✓"
    if change.acknowledged:
        sign = "~"
    elif not change.settled:
        sign = "?"
    line = (
        f"{sign} {_name(change)} {format_value(change.before, change.unit)} → "
        f"{format_value(change.after, change.unit)}, {format_change(change.change_ratio)}"
    )
    if change.interval is not None:
        line += f" ({' to '.join(format_change(ratio) for ratio in change.interval)})"
    if change.candidate_count > 1:
        line += (
            f"; one of {change.candidate_count} commits, "
            f"{change.earliest[:8]} to {change.latest[:8]}"
        )
    if not change.settled:
        line += "; suspected, wait for more commits"
    return f"{line}; acknowledged: {change.acknowledged}" if change.acknowledged else line


def _name(one: Change | Trend) -> str:
    return f"{one.benchmark} {one.metric}" + (f" [{one.home}]" if one.home else "")


def _summary(findings: Findings, commits: Sequence[Commit]) -> str:
    worse = sum(event.worse for event in findings.events)
    first, last = commits[0].id[:8], commits[-1].id[:8]
    return (
        f"{worse} of {findings.measured_count} measured commits made something worse, "
        f"{len(findings.events)} changed something, {len(findings.trends)} trends "
        f"({findings.track_count} metrics, {first} to {last})"
    )
