"""
The verdict of a load, or of a search for capacity, in one glance.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from agent_perf.records import (
    Bottleneck,
    Capacity,
    LoadDecision,
    LoadRun,
    Outcome,
    TargetResult,
)
from agent_perf.report.load_targets import badge_of, windows_text
from agent_perf.report.load_words import load_metric_label
from agent_perf.report.text import duration, listing, plural, quantity, sentence
from agent_perf.report.view import Badge, Band

BADGES: Final = {
    Outcome.FAIL: Badge(tone="fail", mark="✗", word="FAIL"),
    Outcome.PASS: Badge(tone="pass", mark="✓", word="PASS"),
    Outcome.UNDECIDED: Badge(tone="undecided", mark="?", word="UNDECIDED"),
    Outcome.BROKEN: Badge(tone="broken", mark="!", word="BROKEN"),
    Outcome.NOTHING: Badge(tone="broken", mark="∅", word="NOTHING MEASURED"),
}
_FAULTS_SHOWN: Final = 4
_MEASURED: Final = Badge(tone="plain", mark="≡", word="MEASURED")


def load_band(run: LoadRun, decision: LoadDecision) -> Band:
    """Return the band of a load."""
    name = " + ".join(run.scenarios)
    summary = _summary(run)
    match decision.outcome:
        case Outcome.BROKEN if run.live is not None and run.live.problems:
            return Band(
                badge=BADGES[Outcome.BROKEN],
                headline=f"{name}: the load was not what was asked for",
                lines=(*map(sentence, run.live.problems), "This is not a pass."),
            )
        case Outcome.BROKEN:
            why = run.first_failure if run.errors else "all were dropped"
            return Band(
                badge=BADGES[Outcome.BROKEN],
                headline=f"{name}: not one of {run.offered:,} requests was answered",
                lines=(sentence(why), "This is not a pass."),
            )
        case Outcome.NOTHING:
            return Band(
                badge=BADGES[Outcome.NOTHING],
                headline=f"{name}: no request arrived",
                lines=("This is not a pass.",),
            )
    judged = len(decision.targets) + len(decision.checks)
    if not judged and not run.stopped:
        return Band(
            badge=_MEASURED,
            headline=f"{name} at {run.shape}",
            lines=(summary, "No target was set, so nothing was judged."),
        )
    tally = _tally(decision)
    badge = BADGES[decision.outcome]
    missed = next((one for one in decision.targets if one.passed is False), None)
    if missed is not None:
        return _missed(name, badge, missed, summary, tally)
    check = next((one for one in decision.checks if one.passed is False), None)
    if check is not None:
        return Band(
            badge=badge,
            headline=f"{name}: {check.text}",
            lines=(f"{check.name}, limit {quantity(check.limit, check.unit)}.", summary),
            tally=tally,
        )
    if decision.outcome is Outcome.UNDECIDED:
        untold = [one.text for one in decision.targets if one.passed is None]
        untold += [one.text for one in decision.checks if one.passed is None]
        why = untold[0] if untold else run.stopped
        return Band(badge=badge, headline=f"{name}: {why}", lines=(summary,), tally=tally)
    return Band(
        badge=badge,
        headline=f"{name} keeps {_all_of(decision)} at {run.shape}",
        lines=(summary, *_briefly(decision)),
        tally=tally,
    )


def search_band(
    capacity: Capacity, decision: LoadDecision, bottlenecks: tuple[Bottleneck, ...]
) -> Band:
    """Return the band of a search for the highest rate that keeps a promise."""
    badge, name = BADGES[decision.outcome], capacity.scenario
    promise = promise_words(capacity)
    why = tuple(sentence(one.text) for one in bottlenecks[:1])
    if decision.outcome is Outcome.NOTHING:
        return Band(
            badge=badge,
            headline=f"{name}: the search ended before any rate was tried",
            lines=("This is not a pass.",),
        )
    if decision.outcome is Outcome.BROKEN:
        return Band(badge=badge, headline=f"{name}: not one request was answered at any rate")
    if not capacity.probes or (capacity.stopped and not capacity.rate_hz):
        return Band(
            badge=badge,
            headline=f"{name}: no rate is known to be carried",
            values=_known_of(capacity),
            lines=(f"Promised: {promise}.", sentence(capacity.stopped)),
        )
    if not capacity.rate_hz:
        lowest = capacity.probes[0]
        return Band(
            badge=badge,
            headline=f"{name} does not even carry {quantity(lowest.rate_hz, 'per_s')}",
            lines=(f"Promised: {promise}.", *why),
        )
    ceiling = (
        f"not {quantity(capacity.broken_at_hz, 'per_s')}"
        if capacity.broken_at_hz is not None
        else "the highest rate tried"
    )
    lines = [f"Beyond: {ceiling}." if capacity.broken_at_hz is not None else sentence(ceiling)]
    if capacity.knee_hz is not None:
        lines.append(f"Knee: latency turns upwards after {quantity(capacity.knee_hz, 'per_s')}.")
    if capacity.stopped:
        lines.append(sentence(capacity.stopped))
    return Band(
        badge=badge,
        headline=f"{name} keeps {promise}",
        values=f"up to {quantity(capacity.rate_hz, 'per_s')}",
        lines=tuple(lines),
    )


def _known_of(capacity: Capacity) -> str:
    """Return what a search that was ended has found, where no rate held at full length."""
    if capacity.probes:
        return f"not {quantity(capacity.probes[0].rate_hz, 'per_s')}"
    if capacity.scouted_hz:
        return f"up to {quantity(capacity.scouted_hz, 'per_s')} for a shorter time"
    return f"not {quantity(capacity.scouts[0].rate_hz, 'per_s')} for a shorter time"


def promise_words(capacity: Capacity) -> str:
    """Return what had to hold: ``P95 ≤ 150 ms with 99 % without error``."""
    promise = capacity.promise
    of = f" of {promise.path}" if promise.path else ""
    return (
        f"{promise.quantile.upper()}{of} ≤ {quantity(promise.within_s, 's')} with "
        f"{quantity(promise.good_ratio_min, 'ratio')} without error"
    )


def _missed(
    name: str, badge: Badge, missed: TargetResult, summary: str, tally: tuple[Badge, ...]
) -> Band:
    when = windows_text(missed)
    assert missed.observed is not None
    side = "over" if missed.observed > missed.limit else "below"
    return Band(
        badge=badge,
        headline=f"{name}: {load_metric_label(missed.metric)}",
        values=quantity(missed.observed, missed.unit),
        change=f"{side} the target of {quantity(missed.limit, missed.unit)}",
        lines=(*([f"Missed {when}."] if when else []), summary),
        tally=tally,
    )


def _summary(run: LoadRun) -> str:
    failed = sum(run.errors.values())
    parts = [f"{plural(run.offered, 'request')} offered, {quantity(run.good_ratio, 'ratio')} good"]
    if failed:
        parts.append(f"{failed:,} failed")
    if run.dropped:
        parts.append(f"{run.dropped:,} dropped")
    if run.latency.count:
        parts.append(f"P50 {duration(run.latency.p50_ns)}, P95 {duration(run.latency.p95_ns)}")
    begun = [one.name for one in run.fault_windows if one.start_ns < run.duration_ns]
    names, more = begun[:_FAULTS_SHOWN], len(begun[_FAULTS_SHOWN:])
    faults = listing([*names, *([f"{more} more"] if more else [])])
    return f"{', '.join(parts)}." + (f" Broken meanwhile: {faults}." if faults else "")


def _all_of(decision: LoadDecision) -> str:
    targets, checks = len(decision.targets), len(decision.checks)
    words = [plural(targets, "target")] if targets else []
    words += [plural(checks, "check")] if checks else []
    return " and ".join(words)


def _briefly(decision: LoadDecision) -> tuple[str, ...]:
    """Say what was missed for a while, though kept over all."""
    brief = [one for one in decision.targets if one.windows]
    if not brief:
        return ()
    first = brief[0]
    what = load_metric_label(first.metric)
    return (f"For a while missed, though kept over all: {what}, {windows_text(first)}.",)


def _tally(decision: LoadDecision) -> tuple[Badge, ...]:
    verdicts = [one.passed for one in decision.targets] + [one.passed for one in decision.checks]
    return tuple(
        replace(sign, word=f"{verdicts.count(passed)} {sign.word}")
        for passed, sign in ((passed, badge_of(passed)) for passed in (False, None, True))
        if verdicts.count(passed)
    )
