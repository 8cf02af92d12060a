"""
Waivers: what fails, and is accepted for a while.

A waiver is for what fails now. One that accepts nothing is told, so that it is removed; one
past its day fails the gate, whether or not anything else does, so that it is not forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Final

from agent_perf.gate.lines import breach_fields, comparison_fields, harmless, one_line
from agent_perf.gate.policy import Policy, Waivers
from agent_perf.gate.unmatched import is_of_measured_family
from agent_perf.records import (
    Breach,
    Comparison,
    Covered,
    Decision,
    Lapse,
    Verdict,
    Waiver,
    WaiverState,
    WaiverUse,
)
from agent_perf.stats import Direction, direction

WARNED_DAYS: Final = 7
"""So many days before its last one, a waiver is told to end soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """
    What a gate stands or falls with, each worst first.

    Attributes:
        regressed: Beyond a limit that is an error.
        breaches: Targets missed.
        undecided: Without an answer.
    """

    regressed: tuple[Comparison, ...]
    breaches: tuple[Breach, ...]
    undecided: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """
    What is left after waiving.

    Attributes:
        left: What nobody accepts.
        uses: Each waiver that speaks of what was measured, and what it did.
        lines: One for each waiver that expired: they fail the gate.
        warnings: Of waivers that are of no use, or end soon.
    """

    left: Verdicts
    uses: tuple[WaiverUse, ...] = ()
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def waive(
    verdicts: Verdicts, measured: Iterable[tuple[str, str]], waivers: Waivers | None
) -> Waived:
    """
    Return *verdicts* without what is accepted, and what to say of each waiver.

    Of several waivers for one lapse, the one that holds longest has accepted it.

    Args:
        verdicts: Of one decision.
        measured: Every benchmark and metric that was judged.
        waivers: None if the project's file is not to be asked.
    """
    if waivers is None or not waivers.entries:
        return Waived(left=verdicts)
    names = list(dict.fromkeys(measured))
    lapses = tuple(_lapses(verdicts))
    accepted: dict[int, list[_Lapsed]] = {}
    for lapse in lapses:
        index = _accepting(lapse, waivers)
        if index is not None:
            accepted.setdefault(index, []).append(lapse)
    gone = {id(lapse.item) for found in accepted.values() for lapse in found}
    uses = tuple(
        _use(waiver, accepted.get(index, []), lapses, waivers.today)
        for index, waiver in enumerate(waivers.entries)
        if (waivers.complete and is_of_measured_family(waiver.metric, names))
        or any(waiver.covers(*name) for name in names)
    )
    return Waived(
        left=Verdicts(
            regressed=tuple(one for one in verdicts.regressed if id(one) not in gone),
            breaches=tuple(one for one in verdicts.breaches if id(one) not in gone),
            undecided=tuple(one for one in verdicts.undecided if id(one) not in gone),
        ),
        uses=uses,
        lines=tuple(_expired(use, waivers) for use in uses if use.state is WaiverState.EXPIRED),
        warnings=tuple(word for use in uses for word in _words(use, lapses, names, waivers)),
    )


def failing(decision: Decision, policy: Policy) -> tuple[tuple[str, str], ...]:
    """Return benchmark and metric of each thing that fails *decision*, each once, worst first."""
    accepted = {
        (one.benchmark, one.metric, one.lapse)
        for use in decision.waivers
        if use.state is WaiverState.USED
        for one in use.covered
    }
    regressed = (
        (one.benchmark, one.metric, Lapse.REGRESSED)
        for one in decision.comparisons
        if one.verdict is Verdict.REGRESSED and policy.limit(one.benchmark, one.metric).gates
    )
    missed = ((one.benchmark, one.metric, Lapse.MISSED) for one in decision.breaches)
    found = (one for one in (*regressed, *missed) if one not in accepted)
    return tuple(dict.fromkeys((benchmark, metric) for benchmark, metric, _ in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lapsed:
    """A lapse with what it is about: *item*, and surely *worse_ratio* beyond what was due."""

    item: Comparison | Breach
    lapse: Lapse
    worse_ratio: float

    def covered(self) -> Covered:
        fields = (
            breach_fields(self.item)
            if isinstance(self.item, Breach)
            else comparison_fields(self.item)
        )
        return Covered(
            benchmark=self.item.benchmark, metric=self.item.metric, lapse=self.lapse, text=fields
        )

    def is_for(self, waiver: Waiver) -> bool:
        return waiver.covers(self.item.benchmark, self.item.metric)

    def exceeds(self, waiver: Waiver) -> bool:
        return waiver.at_most_ratio is not None and self.worse_ratio > waiver.at_most_ratio


def _lapses(verdicts: Verdicts) -> Iterable[_Lapsed]:
    for one in verdicts.regressed:
        yield _Lapsed(item=one, lapse=Lapse.REGRESSED, worse_ratio=_surely_worse(one))
    for breach in verdicts.breaches:
        yield _Lapsed(item=breach, lapse=Lapse.MISSED, worse_ratio=_beyond(breach))
    for one in verdicts.undecided:
        # What gave no number cannot be accepted: nobody knows what it would be.
        if one.change_ratio is not None:
            yield _Lapsed(item=one, lapse=Lapse.UNDECIDED, worse_ratio=_surely_worse(one))


def _surely_worse(one: Comparison) -> float:
    """Return by how much *one* is worse at least: noise alone must not break a waiver."""
    change = math.inf if one.change_ratio is None else one.change_ratio
    low, high = one.interval or (change, change)
    return low if direction(one.metric) is Direction.LESS_IS_BETTER else -high


def _beyond(breach: Breach) -> float:
    """Return by how much *breach* misses its target, relative to the target; inf of 0."""
    if not breach.limit:
        return math.inf
    # In floats 0.195 / 0.15 is more than 1.3.
    change = Fraction(repr(breach.observed)) / Fraction(repr(breach.limit)) - 1
    return float(change if direction(breach.metric) is Direction.LESS_IS_BETTER else -change)


def _accepting(lapse: _Lapsed, waivers: Waivers) -> int | None:
    """Return the index of the waiver that accepts *lapse*; None if none does."""
    able = [
        (waiver.until, -index)
        for index, waiver in enumerate(waivers.entries)
        if waiver.days_left(waivers.today) >= 0
        and lapse.is_for(waiver)
        and not lapse.exceeds(waiver)
    ]
    return -max(able)[1] if able else None


def _use(
    waiver: Waiver, accepted: Sequence[_Lapsed], lapses: Sequence[_Lapsed], today: date
) -> WaiverUse:
    days_left = waiver.days_left(today)
    if days_left < 0:
        state = WaiverState.EXPIRED
        shown: Sequence[_Lapsed] = [lapse for lapse in lapses if lapse.is_for(waiver)]
    else:
        state = WaiverState.USED if accepted else WaiverState.UNUSED
        shown = accepted
    return WaiverUse(
        waiver=waiver,
        state=state,
        days_left=days_left,
        covered=tuple(lapse.covered() for lapse in shown),
    )


def _expired(use: WaiverUse, waivers: Waivers) -> str:
    count = len(use.covered)
    advice = (
        f"{count} of what it covers would still fail: mend that, or renew it"
        if count
        else "nothing that it covers fails any more: remove it"
    )
    return (
        f"FAIL {harmless(use.waiver.benchmark)} {harmless(use.waiver.metric)} waiver=expired "
        f"until={use.waiver.until} days_left={use.days_left}: {advice} in {waivers.source}"
    )


def _words(
    use: WaiverUse,
    lapses: Sequence[_Lapsed],
    names: Sequence[tuple[str, str]],
    waivers: Waivers,
) -> Iterable[str]:
    """Yield what is worth knowing of a waiver that holds."""
    waiver = use.waiver
    where = f"waiver for {one_line(waiver.name)} in {waivers.source}"
    if use.state is WaiverState.EXPIRED:
        return
    for lapse in lapses:
        if lapse.is_for(waiver) and lapse.exceeds(waiver):
            yield (
                f"{where} allows {_percent(waiver.at_most_ratio)} at most, and "
                f"{harmless(lapse.item.benchmark)} {harmless(lapse.item.metric)} is "
                f"{_percent(lapse.worse_ratio)} worse"
            )
    if use.state is WaiverState.UNUSED and not any(waiver.covers(*name) for name in names):
        yield f"{where} matches no benchmark and metric that was judged; mend or remove it"
    elif use.state is WaiverState.UNUSED and not any(lapse.is_for(waiver) for lapse in lapses):
        yield f"{where} is not used: what it covers does not fail; remove it"
    elif use.state is WaiverState.UNUSED and not any(lapse.exceeds(waiver) for lapse in lapses):
        yield f"{where} is not used: another one holds longer; remove it"
    elif use.days_left <= WARNED_DAYS:
        days = "1 day" if use.days_left == 1 else f"{use.days_left} days"
        yield f"{where} ends {f'in {days}' if use.days_left else 'today'}, on {waiver.until}"


def _percent(ratio: float | None) -> str:
    if ratio is None:
        return "any"
    return f"{ratio * 100:.4g} %" if math.isfinite(ratio) else "infinitely"
