"""
Why the head is slower or dearer: root causes, told once each.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from agent_perf.gate.cause_rules import ROOTS
from agent_perf.gate.difference import Change, Difference, duration, quoted
from agent_perf.gate.finding import Finding, View
from agent_perf.records import Cause, Run
from agent_perf.units import format_value

_SHARE_TOLD: Final = Fraction(1, 4)
"""Part of the growth in latency from which a slower operation is told beside other causes."""

_LATENCY_TOLD: Final = Fraction(1, 100)
"""Part of the latency itself, likewise: a quarter of nearly nothing is nothing."""

_GENERIC_MAX: Final = 3
"""Work counts told when no rule knows their story."""

_TIMING: Final = ("_waits", "_connects", "_prepares")
"""Ends of counts that follow from when things happen: never a root beside another."""

_OPERATIONS: Final = {
    "redis.connect": "opening a Redis connection",
    "redis.trip": "a Redis round trip",
    "db.connect": "opening a database connection",
    "db.wait": "waiting for a database connection",
    "db.statement": "a database statement",
    "http.connect": "opening an HTTP connection",
    "http.wait": "waiting for an HTTP connection",
    "http.request": "an HTTP request until its headers",
    "llm.first_token": "the model's first token",
    "llm.stream": "the model's stream",
    "pusher.request": "an event request",
    "tool.call": "a tool call",
}

_NOT_A_COST: Final = ("redis_hits", "events", "llm_tokens_cached")


def explain(base: Run, head: Run) -> tuple[Cause, ...]:
    """
    Return what made *head* worse than *base*, the weightiest on the critical path first.

    Rules find root causes and claim what follows from them, so that one mistake is told
    once; echoes of less than a tenth are told only if there is nothing else. What no rule
    knows is told as more work, or as an operation that takes longer. A run explains
    itself with nothing, and so does one without requests, as under a load that asked for none.

    Args:
        base: Any run.
        head: Of the same benchmark, comparable with *base*.
    """
    if not base.latency_ns or not head.latency_ns:
        return ()
    difference = Difference(base=base, head=head)
    for every in (False, True):
        findings = _roots(difference, every=every)
        findings += tuple(_generic(View(difference=difference, findings=findings, every=every)))
        view = View(difference=difference, findings=findings, every=every)
        causes = [*(finding.cause for finding in findings), *_slower_operations(view)]
        if causes:
            return tuple(sorted(causes, key=lambda cause: -cause.critical_ns))
    return tuple(_unexplained(difference))


def _roots(difference: Difference, *, every: bool) -> tuple[Finding, ...]:
    findings: tuple[Finding, ...] = ()
    for rule in ROOTS:
        found = rule(View(difference=difference, findings=findings, every=every))
        if found is not None:
            findings += (found,)
    return findings


def _generic(view: View) -> Iterator[Finding]:
    """Yield the work counts that grew and that no rule accounts for."""
    grown = [
        change
        for change in map(view.difference.count, view.difference.count_names())
        if change.name not in _NOT_A_COST
        and view.grew(change)
        and not (view.findings and change.name.endswith(_TIMING))
    ]
    for change in sorted(grown, key=lambda c: (-_factor(c), c.name))[:_GENERIC_MAX]:
        details = view.difference.grown(change.name)
        where = f": {quoted(details[0].name)}" if details else ""
        yield Finding(
            cause=Cause(kind="more-work", text=f"more work, {_words(change)}{where}"),
            counts=(change.name,),
        )


def _slower_operations(view: View) -> Iterator[Cause]:
    """Yield the operations that requests wait for longer, and that no finding accounts for."""
    difference = view.difference
    latency = difference.latency_ns()
    told_from = max(latency.more * _SHARE_TOLD, latency.base * _LATENCY_TOLD)
    for name in difference.operations():
        spent = difference.waited_ns(name).more
        told = view.every or (latency.more > 0 and spent >= told_from)
        if spent > 0 and told and not view.claims_operation(name):
            kind, how = _how_slower(difference, name)
            text = f"{how}, +{duration(spent)} per request on the critical path"
            yield Cause(kind=kind, text=text, critical_ns=round(spent))


def _how_slower(difference: Difference, name: str) -> tuple[str, str]:
    """Return the kind of cause, and what happened to operation *name*, in words."""
    words = _OPERATIONS.get(name, name)
    calls, busy = difference.calls(name), difference.busy_ns(name)
    if calls.base and calls.head:
        if calls.more == 0 and busy.more <= 0:
            return "serialised", f"{words}: no longer side by side with other work"
        before, after = busy.base / calls.base, busy.head / calls.head
        if after > before:
            return "slower-operation", f"{words}: {duration(before)} → {duration(after)} each"
    return "slower-operation", f"{words}: {calls.arrow} times per request"


def _unexplained(difference: Difference) -> Iterator[Cause]:
    latency = difference.latency_ns()
    if latency.more > 0:
        text = (
            f"requests take {duration(latency.base)} → {duration(latency.head)} on average, and "
            "no counted work and no observed operation grew: look at waits inside the process "
            "(locks, semaphores, limits, sleeps)"
        )
        yield Cause(kind="unobserved-wait", text=text, critical_ns=0)


def _factor(change: Change) -> float:
    return float(change.head / change.base) if change.base else float("inf")


def _words(change: Change) -> str:
    if change.name.startswith("bytes_"):
        before, after = (format_value(float(v), "bytes") for v in (change.base, change.head))
        return f"{change.name.replace('_', ' ')} {before} → {after} per request"
    if change.name == "llm_cost_nanousd":
        before, after = (format_value(float(v) / 1e9, "usd") for v in (change.base, change.head))
        return f"model cost {before} → {after} per request"
    return f"{change.name.replace('_', ' ')} {change.arrow} per request"
