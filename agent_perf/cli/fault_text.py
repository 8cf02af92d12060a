"""
What a load's faults came to, in lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_perf.records import CheckResult, LoadRun
from agent_perf.stats import WindowEffect, steady_state
from agent_perf.units import NS, format_value

_WINDOWS_SHOWN = 20


def fault_lines(run: LoadRun) -> Iterator[str]:
    """Yield one line for each window, each state of a breaker, and each check that is kept."""
    steady = steady_state(
        run.timeline,
        run.fault_windows,
        states=run.states,
        counts=run.counts,
        duration_ns=run.duration_ns,
    )
    for effect in steady.windows[:_WINDOWS_SHOWN]:
        yield f"  {effect.window.name}: {_effect(effect)}"
    more = len(steady.windows) - _WINDOWS_SHOWN
    if more > 0:
        yield f"  and {more:,} more windows"
    for total in steady.states:
        spent = format_value(total.total_ns / NS, "s")
        times = "once" if total.entries == 1 else f"{total.entries:,} times"
        yield f"  {total.name}: {total.state} {times}, {spent} in all"
    for check in run.checks:
        if check.passed:
            yield f"  {_check(check)}"


def _effect(effect: WindowEffect) -> str:
    start, end = (
        format_value(ns / NS, "s") for ns in (effect.window.start_ns, effect.window.end_ns)
    )
    errors = ", ".join(f"{kind} {count:,}" for kind, count in effect.errors.items())
    told = f"{start} to {end}, {errors or 'no errors'}"
    if effect.during_ratio is None:
        return told
    back = (
        f"not back in {format_value(effect.watched_ns / NS, 's')}"
        if effect.recovery_ns is None
        else f"back within {format_value(effect.recovery_ns / NS, 's')}"
    )
    return f"{told}; goodput {format_value(effect.during_ratio, 'ratio')} of before, {back}"


def _check(check: CheckResult) -> str:
    limit = format_value(check.limit, check.unit)
    return f"PASS {check.name} limit={limit.replace(' ', '')}: {check.text}"
