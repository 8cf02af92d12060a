"""
The gate: everything measured of base and head, and whether the head may go in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent_perf.gate.causes import explain
from agent_perf.gate.lines import (
    breach_line,
    broken_line,
    comparison_fields,
    failure_words,
    harmless,
    regression_line,
    shift_words,
    undecided_line,
)
from agent_perf.gate.ordering import excess, severity
from agent_perf.gate.pairing import (
    by_benchmark,
    compare_runs,
    incomparable,
    lone_run,
)
from agent_perf.gate.policy import Level, Policy
from agent_perf.gate.prejudged import NO_PREJUDGED, Prejudged
from agent_perf.gate.remarks import differences, old_misses
from agent_perf.gate.target import missed_checks, missed_duet_targets, missed_targets
from agent_perf.gate.waiving import Verdicts, waive
from agent_perf.records import (
    Breach,
    Cause,
    Comparison,
    Decision,
    DuetRun,
    Failure,
    Outcome,
    Run,
    SuiteShift,
    Verdict,
)
from agent_perf.stats import judge_duets


def judge(
    base_runs: Iterable[Run],
    head_runs: Iterable[Run],
    duets: Sequence[DuetRun],
    failures: Sequence[Failure],
    policy: Policy,
    *,
    base_label: str,
    head_label: str,
    prejudged: Prejudged = NO_PREJUDGED,
) -> Decision:
    """
    Return what becomes of the head.

    The outcome is the first of these that holds: FAIL, if a metric regressed or a target
    is missed, for that is certain whatever else broke; BROKEN, if a benchmark gave no
    value on the head; NOTHING, if none gave one; UNDECIDED, if a limited metric has no
    answer; else PASS. What broke on the base only is a warning: there the head is held
    to its targets alone. A benchmark that the head no longer has is a warning too.

    Args:
        base_runs: One per benchmark.
        head_runs: Likewise.
        duets: Sampled benchmarks, base and head in one.
        failures: Of either side; by its commit a failure belongs to the base, and to the
            head if it is not surely the base's.
        policy: Limits and targets.
        base_label: Commit of the base, or ``baseline:NAME``.
        head_label: Commit of the head.
        prejudged: What was judged elsewhere, and counts here.

    Raises:
        SampleError: If a side has two runs of one benchmark.
        ConfigError: If a sampled metric is limited to ``+0``.
    """
    evidence = _Evidence(
        base=by_benchmark(base_runs, "base"),
        head=by_benchmark(head_runs, "head"),
        duets=duets,
        failures=failures,
        labels=(base_label, head_label),
    )
    found = _compare(evidence, policy)
    found.comparisons += (*prejudged.comparisons, *prejudged.unanswered)
    found.breaches += prejudged.breaches
    found.unknown_targets += prejudged.unanswered
    comparisons = sorted(
        found.comparisons, key=lambda one: severity(one, gates=_gates(one, policy))
    )
    breaches = sorted(found.breaches, key=excess, reverse=True)
    waived = waive(
        _verdicts(comparisons, breaches, found, policy),
        [
            *((one.benchmark, one.metric) for one in comparisons),
            *((one.benchmark, one.metric) for one in breaches),
        ],
        # What gave no value may have needed its waiver: then none is told to be of no use.
        policy.waivers.for_part() if policy.waivers and failures else policy.waivers,
    )
    left = waived.left
    soft = _soft_regressions(comparisons, policy)
    failed = bool(left.regressed or left.breaches or waived.lines)
    outcome = _outcome(evidence, failed, bool(left.undecided))
    if outcome is Outcome.NOTHING and prejudged.comparisons:
        outcome = Outcome.UNDECIDED if left.undecided else Outcome.PASS
    return Decision(
        base=base_label,
        head=head_label,
        outcome=outcome,
        comparisons=tuple(comparisons),
        breaches=tuple(breaches),
        failures=tuple(failures),
        causes=_causes(evidence, comparisons, breaches),
        lines=(
            *map(regression_line, left.regressed),
            *map(breach_line, left.breaches),
            *waived.lines,
            *map(broken_line, evidence.head_failures),
            *map(undecided_line, left.undecided),
            *(
                ("NOTHING measured: no benchmark gave a value, so there is nothing to judge",)
                if outcome is Outcome.NOTHING
                else ()
            ),
        ),
        warnings=tuple(
            dict.fromkeys((*found.warnings, *map(comparison_fields, soft), *waived.warnings))
        ),
        waivers=waived.uses,
        shift=found.shift,
        warned=tuple((one.benchmark, one.metric) for one in soft),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    base: Mapping[str, Run]
    head: Mapping[str, Run]
    duets: Sequence[DuetRun]
    failures: Sequence[Failure]
    labels: tuple[str, str]

    @property
    def base_failures(self) -> tuple[Failure, ...]:
        return tuple(one for one in self.failures if self._is_of_base(one))

    @property
    def head_failures(self) -> tuple[Failure, ...]:
        return tuple(one for one in self.failures if not self._is_of_base(one))

    def _is_of_base(self, failure: Failure) -> bool:
        base_label, head_label = self.labels
        of_base = {base_label, *(run.commit for run in self.base.values())}
        of_head = {head_label, *(run.commit for run in self.head.values())}
        return failure.commit in of_base - of_head


@dataclass(slots=True)
class _Found:
    comparisons: list[Comparison] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)
    unknown_targets: list[Comparison] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    shift: SuiteShift | None = None


def _compare(evidence: _Evidence, policy: Policy) -> _Found:
    found = _Found()
    for failure in evidence.base_failures:
        found.warnings.append(
            f"{harmless(failure.benchmark)} gave no value on the base "
            f"({failure_words(failure)}): the head is held to its targets alone"
        )
    for name, head in evidence.head.items():
        base = evidence.base.get(name)
        if base is None:
            found.comparisons += lone_run(head, policy, side="head")
        else:
            found.comparisons += compare_runs(base, head, policy)
            found.warnings += differences(base, head)
        broken_promises, untold = missed_checks(head)
        found.breaches += broken_promises
        found.comparisons += untold
        found.unknown_targets += untold
        breaches, unknown = missed_targets(head, policy)
        found.breaches += breaches
        found.warnings += old_misses(base, head, breaches, policy)
        found.comparisons += unknown
        found.unknown_targets += unknown
    broken = {failure.benchmark for failure in evidence.head_failures}
    for name, base in evidence.base.items():
        if name not in evidence.head and name not in broken:
            found.comparisons += lone_run(base, policy, side="base")
            found.warnings.append(f"{harmless(name)} is measured on the base only")
    limits = [policy.limit_of(duet) for duet in evidence.duets]
    sampled = judge_duets(evidence.duets, limits)
    found.comparisons += sampled.comparisons
    if sampled.shift is not None:
        found.shift = sampled.shift
        found.warnings.append(shift_words(sampled.shift))
    for duet in evidence.duets:
        found.breaches += missed_duet_targets(duet, policy)
    return found


def _verdicts(
    comparisons: Sequence[Comparison],
    breaches: Sequence[Breach],
    found: _Found,
    policy: Policy,
) -> Verdicts:
    return Verdicts(
        regressed=tuple(one for one in comparisons if _counts(one, Verdict.REGRESSED, policy)),
        breaches=tuple(breaches),
        undecided=tuple(
            one
            for one in comparisons
            if one in found.unknown_targets or _counts(one, Verdict.UNDECIDED, policy)
        ),
    )


def _outcome(evidence: _Evidence, failed: bool, undecided: bool) -> Outcome:
    if failed:
        return Outcome.FAIL
    if evidence.head_failures:
        return Outcome.BROKEN
    if not evidence.head and not any(duet.head for duet in evidence.duets):
        return Outcome.NOTHING
    return Outcome.UNDECIDED if undecided else Outcome.PASS


def _counts(comparison: Comparison, verdict: Verdict, policy: Policy) -> bool:
    """Return whether *comparison* has *verdict*, and the gate stands or falls with it."""
    return comparison.verdict is verdict and _gates(comparison, policy)


def _gates(comparison: Comparison, policy: Policy) -> bool:
    return policy.limit(comparison.benchmark, comparison.metric).gates


def _soft_regressions(comparisons: Sequence[Comparison], policy: Policy) -> list[Comparison]:
    return [
        one
        for one in comparisons
        if one.verdict is Verdict.REGRESSED
        and policy.limit(one.benchmark, one.metric).level is Level.WARN
    ]


def _causes(
    evidence: _Evidence, comparisons: Sequence[Comparison], breaches: Sequence[Breach]
) -> dict[str, tuple[Cause, ...]]:
    """Return the causes of all that became worse, by benchmark, in order of *comparisons*."""
    worse = dict.fromkeys(
        (
            *(one.benchmark for one in comparisons if one.verdict is Verdict.REGRESSED),
            *(one.benchmark for one in breaches),
            *(one.benchmark for one in comparisons if one.verdict is Verdict.SLOWER),
        )
    )
    found = {}
    for name in worse:
        base, head = evidence.base.get(name), evidence.head.get(name)
        if base is not None and head is not None and not incomparable(base, head):
            causes = explain(base, head)
            if causes:
                found[name] = causes
    return found
