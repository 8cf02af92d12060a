"""
What a report says of how a metric was sampled: rounds, confirmation, the machine meanwhile.
"""

from __future__ import annotations

from agent_perf.records import Comparison, Confirmation, DuetRun, Verdict
from agent_perf.report.text import change, plural


def rounds_words(comparison: Comparison, duet: DuetRun) -> str:
    """Return ``12 rounds, 5 to confirm, machine busy in 3 of 17``; empty before the first."""
    if not duet.base:
        return ""
    words = [plural(len(duet.base), "round")]
    if comparison.confirmation is not None:
        words.append(f"{comparison.confirmation.round_count} to confirm")
    busy = machine_words(duet)
    return ", ".join([*words, busy] if busy else words)


def machine_words(duet: DuetRun) -> str:
    """Return ``machine busy in 3 of 8``, of all rounds of *duet*; empty if it was in none."""
    again = duet.confirmation.conditions if duet.confirmation else ()
    known = (*duet.conditions, *again)
    busy = sum(one.is_busy for one in known)
    return f"machine busy in {busy} of {len(known)}" if busy else ""


def confirmation_words(confirmation: Confirmation) -> str:
    """Return what fresh rounds said of a suspicion, in a clause."""
    if confirmation.change_ratio is None or confirmation.interval is None:
        return f"{plural(confirmation.round_count, 'fresh round')}, too few to say anything"
    low, high = confirmation.interval
    word = "uphold it" if confirmation.verdict is Verdict.REGRESSED else "do not uphold it"
    return (
        f"{plural(confirmation.round_count, 'fresh round')} {word}: "
        f"{change(confirmation.change_ratio)} ({change(low)} … {change(high)})"
    )
