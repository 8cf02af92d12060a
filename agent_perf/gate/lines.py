"""
One line for each thing that failed, fit for a log and for grep.
"""

from __future__ import annotations

import math

from agent_perf.records import (
    Breach,
    Comparison,
    Evidence,
    Failure,
    SuiteShift,
    WaiverState,
    WaiverUse,
)
from agent_perf.units import format_value


def regression_line(comparison: Comparison) -> str:
    """Return ``FAIL benchmark metric observed=… limit=… interval=…`` for a regression."""
    return f"FAIL {comparison_fields(comparison)}"


def comparison_fields(comparison: Comparison) -> str:
    """Return what a regression's line holds after its first word."""
    limit = "off" if comparison.limit_ratio is None else f"+{comparison.limit_ratio * 100:g}%"
    return (
        f"{harmless(comparison.benchmark)} {harmless(comparison.metric)} "
        f"observed={_value(comparison.base, comparison.unit)}"
        f"->{_value(comparison.head, comparison.unit)}({_percent(comparison.change_ratio)}) "
        f"limit={limit} interval={_interval(comparison)}{_confirmed(comparison)}"
    )


def shift_words(shift: SuiteShift) -> str:
    """Return what a move of most benchmarks at once means for a reader of their verdicts."""
    low, high = shift.interval
    beyond = ", ".join(
        f"{harmless(benchmark)} {harmless(metric)}" for benchmark, metric in shift.standing_out
    )
    return (
        f"most of {shift.benchmark_count} sampled benchmarks moved together, by "
        f"{_percent(shift.change_ratio)} [{_percent(low)},{_percent(high)}]: another interpreter "
        "or library, or code that all of them run through; beyond its limit even against the "
        f"others: {beyond or 'none'}"
    )


def breach_line(breach: Breach) -> str:
    """Return the like line for a missed target."""
    return f"FAIL {breach_fields(breach)}"


def breach_fields(breach: Breach) -> str:
    """Return what a missed target's line holds after its first word."""
    return (
        f"{harmless(breach.benchmark)} {harmless(breach.metric)} "
        f"observed={_value(breach.observed, breach.unit)} "
        f"limit={_value(breach.limit, breach.unit)} interval=none"
    )


def waived_lines(use: WaiverUse) -> tuple[str, ...]:
    """Return a line for each thing that *use* accepts; none once the waiver expired."""
    if use.state is not WaiverState.USED:
        return ()
    return tuple(
        f"WAIVED {one.text} until={use.waiver.until} days_left={use.days_left} "
        f"reason={one_line(use.waiver.reason)!r}"
        for one in use.covered
    )


def broken_line(failure: Failure) -> str:
    """Return the line for a benchmark that gave no value."""
    return f"BROKEN {harmless(failure.benchmark)} {failure_words(failure)}"


def undecided_line(comparison: Comparison) -> str:
    """Return the line for a comparison without an answer."""
    return (
        f"UNDECIDED {harmless(comparison.benchmark)} {harmless(comparison.metric)} "
        f"{one_line(comparison.reason)}"
    )


def failure_words(failure: Failure) -> str:
    """Return why a benchmark gave no value, on one line."""
    return f"{one_line(failure.category)}: {one_line(failure.message)}"


def harmless(name: str) -> str:
    """
    Return *name* as one field of a line: quoted and escaped if it is not one already.

    A benchmark's name is whatever a repository says, and a log is read by machines: a
    line break in a name could forge a line, and an escape sequence hide one.
    """
    if name and name.isprintable() and not any(sign in name for sign in " \"'\\"):
        return name
    return repr(name)


def one_line(text: str) -> str:
    """Return *text* on one line, without control characters."""
    words = " ".join(text.split())
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in words)


def _value(value: float | None, unit: str) -> str:
    return "none" if value is None else format_value(value, unit).replace(" ", "")


def _percent(ratio: float | None) -> str:
    if ratio is None:
        return "none"
    return f"{ratio * 100:+.3g}%" if math.isfinite(ratio) else f"{ratio:+}"


def _confirmed(comparison: Comparison) -> str:
    again = comparison.confirmation
    if again is None or again.interval is None:
        return ""
    low, high = again.interval
    return f" confirmed={_percent(again.change_ratio)}[{_percent(low)},{_percent(high)}]"


def _interval(comparison: Comparison) -> str:
    if comparison.evidence is Evidence.EXACT:
        return "exact"
    if comparison.interval is None:
        return "none"
    low, high = comparison.interval
    return f"[{_percent(low)},{_percent(high)}]"
