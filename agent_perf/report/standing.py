"""
Everything known about each benchmark, gathered in one place, worst first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from agent_perf.records import (
    WORST_FIRST,
    Breach,
    Cause,
    Comparison,
    Decision,
    DuetRun,
    Failure,
    Lapse,
    ResourceRun,
    Run,
    Verdict,
    WaiverState,
    WaiverUse,
)
from agent_perf.report.view import Badge
from agent_perf.report.wording import (
    BREACHED,
    TOLD_COUNTS,
    WAIVED,
    WARNED,
    badge,
    verdict_badge,
)

RecordingPair = tuple[ResourceRun | None, ResourceRun]
"""What was taken by the base, if it was recorded, and by the head."""

_FAILING: Final = (Verdict.REGRESSED, Verdict.ERRORED, Verdict.MISSING)
_LAPSES: Final = {Verdict.REGRESSED: Lapse.REGRESSED, Verdict.UNDECIDED: Lapse.UNDECIDED}
_Waived = Mapping[tuple[str, Lapse], WaiverUse]
_Named = TypeVar("_Named", Comparison, Breach, Failure, DuetRun)
_LEADING_METRICS: Final = (
    "latency.p95",
    "latency.p99",
    "latency.p50",
    "latency.mean",
)
_LEADING_WORK: Final = tuple(f"work.{name}" for name in TOLD_COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    One benchmark with all that a report may say of it.

    Attributes:
        lead: The comparison that stands for it; None if nothing was compared.
        verdict: The worst of its metrics that are neither waived nor warned of.
        duets: Metric to its rounds.
        waived: Metric and lapse, to the waiver that accepts it for now.
        warned: Metrics that are beyond a limit which only warns.
        recordings: What it took, base and head; None if nobody sampled it.
        promised: Metric to its target, of what has no run: a foreign file.
    """

    benchmark: str
    verdict: Verdict
    lead: Comparison | None
    comparisons: tuple[Comparison, ...]
    breaches: tuple[Breach, ...]
    failures: tuple[Failure, ...]
    causes: tuple[Cause, ...]
    base: Run | None
    head: Run | None
    duets: Mapping[str, DuetRun]
    waived: _Waived = field(default_factory=dict)
    warned: frozenset[str] = frozenset()
    recordings: RecordingPair | None = None
    promised: Mapping[str, float] = field(default_factory=dict)

    @property
    def badge(self) -> Badge:
        """How it is shown: a missed target outweighs everything but a regression."""
        if self.open_breaches and self.verdict is not Verdict.REGRESSED:
            return BREACHED
        if self.accepted:
            return WAIVED
        if self.tolerated:
            return WARNED
        if self.lead is not None and self.lead.verdict is self.verdict:
            return badge(self.lead)
        return verdict_badge(self.verdict)

    @property
    def fails(self) -> bool:
        """Whether the reader must look at it."""
        return bool(self.open_breaches) or self.verdict in _FAILING

    @property
    def accepted(self) -> bool:
        """Whether it would fail, or have no answer, but for waivers."""
        return bool(self.waived) and not self.fails and self.verdict is not Verdict.UNDECIDED

    @property
    def tolerated(self) -> bool:
        """Whether a limit that only warns is the worst of what it is beyond."""
        return bool(self.warned) and not self.fails and self.verdict is not Verdict.UNDECIDED

    @property
    def open_breaches(self) -> tuple[Breach, ...]:
        """The missed targets that nobody accepts."""
        return tuple(one for one in self.breaches if (one.metric, Lapse.MISSED) not in self.waived)

    @property
    def worst(self) -> Verdict:
        """The worst of all metrics, waived or not."""
        return min((self.verdict, *(one.verdict for one in self.comparisons)), key=_place)

    @property
    def rank(self) -> float:
        """Place among the others; the smallest comes first."""
        place = _place(self.verdict)
        if self.accepted or self.tolerated:
            return min(place, _place(Verdict.SLOWER) - 0.5)
        return min(place, 0.5) if self.open_breaches else place

    def waiver_of(self, comparison: Comparison) -> WaiverUse | None:
        """Return the waiver that accepts what *comparison* came to; None if none does."""
        return _waiver_of(comparison, self.waived)

    def badge_of(self, comparison: Comparison) -> Badge:
        """Return how the verdict of one of its comparisons is shown."""
        if self.waiver_of(comparison):
            return WAIVED
        return WARNED if comparison.metric in self.warned else badge(comparison)

    def target(self, metric: str) -> float | None:
        """Return the largest value allowed for *metric*, in its unit; None without one."""
        for breach in self.breaches:
            if breach.metric == metric:
                return breach.limit
        promised = self.head.targets if self.head is not None else self.promised
        return promised.get(metric)


def gather(
    decision: Decision,
    base_runs: Mapping[str, Run],
    head_runs: Mapping[str, Run],
    duets: Sequence[DuetRun],
    recordings: Mapping[str, RecordingPair] | None = None,
    targets: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Standing, ...]:
    """
    Return every benchmark that was compared, measured or that failed, worst first.

    Args:
        decision: Of the gate.
        base_runs: Benchmark to its run.
        head_runs: Likewise.
        duets: Rounds of sampled benchmarks.
        recordings: Benchmark to what it took, base and head.
        targets: Benchmark to metric to target, of what has no run.
    """
    names = dict.fromkeys(
        [
            *(comparison.benchmark for comparison in decision.comparisons),
            *(breach.benchmark for breach in decision.breaches),
            *(failure.benchmark for failure in decision.failures),
            *head_runs,
            *base_runs,
        ]
    )
    comparisons = _by_benchmark(decision.comparisons)
    breaches = _by_benchmark(decision.breaches)
    failures = _by_benchmark(decision.failures)
    rounds = _by_benchmark(duets)
    waived = _accepted(decision)
    warned: defaultdict[str, set[str]] = defaultdict(set)
    for benchmark, metric in decision.warned:
        warned[benchmark].add(metric)
    found = []
    for name in names:
        base, head = base_runs.get(name), head_runs.get(name)
        accepted = waived[name]
        still = [
            one
            for one in comparisons[name]
            if not _waiver_of(one, accepted) and one.metric not in warned[name]
        ]
        verdict = _verdict(still, failures[name], base, head)
        found.append(
            Standing(
                benchmark=name,
                verdict=verdict,
                lead=_lead(comparisons[name], breaches[name], verdict, accepted, warned[name]),
                comparisons=tuple(comparisons[name]),
                breaches=tuple(breaches[name]),
                failures=tuple(failures[name]),
                causes=tuple(decision.causes.get(name, ())),
                base=base,
                head=head,
                duets={duet.metric: duet for duet in rounds[name]},
                waived=accepted,
                warned=frozenset(warned[name]),
                recordings=(recordings or {}).get(name),
                promised=(targets or {}).get(name, {}),
            )
        )
    # Within a verdict the gate's order holds: it has put the worst comparison first.
    place = {id(one): index for index, one in enumerate(decision.comparisons)}
    return tuple(sorted(found, key=lambda one: (one.rank, place.get(id(one.lead), len(place)))))


def _waiver_of(comparison: Comparison, waived: _Waived) -> WaiverUse | None:
    lapse = _LAPSES.get(comparison.verdict)
    return None if lapse is None else waived.get((comparison.metric, lapse))


def _accepted(decision: Decision) -> defaultdict[str, dict[tuple[str, Lapse], WaiverUse]]:
    """Return benchmark to what is accepted of it."""
    groups: defaultdict[str, dict[tuple[str, Lapse], WaiverUse]] = defaultdict(dict)
    for use in decision.waivers:
        if use.state is WaiverState.USED:
            for one in use.covered:
                groups[one.benchmark][one.metric, one.lapse] = use
    return groups


def _place(verdict: Verdict) -> int:
    return WORST_FIRST.index(verdict)


def _by_benchmark(items: Iterable[_Named]) -> defaultdict[str, list[_Named]]:
    groups: defaultdict[str, list[_Named]] = defaultdict(list)
    for item in items:
        groups[item.benchmark].append(item)
    return groups


def _verdict(
    comparisons: Sequence[Comparison],
    failures: Sequence[Failure],
    base: Run | None,
    head: Run | None,
) -> Verdict:
    known = {comparison.verdict for comparison in comparisons}
    if known - {Verdict.NEW}:
        # One new metric does not make a benchmark new.
        known.discard(Verdict.NEW)
    if failures:
        known.add(Verdict.ERRORED)
    if not known:
        return (
            Verdict.NEW if base is None else Verdict.MISSING if head is None else Verdict.UNCHANGED
        )
    return min(known, key=WORST_FIRST.index)


def _lead(
    comparisons: Sequence[Comparison],
    breaches: Sequence[Breach],
    verdict: Verdict,
    waived: _Waived,
    warned: Collection[str],
) -> Comparison | None:
    """Return the comparison that says most: of the worst verdict, tail latency first."""
    worst = [
        one
        for one in comparisons
        if one.verdict is verdict and not _waiver_of(one, waived) and one.metric not in warned
    ]
    if verdict not in {*_FAILING, Verdict.UNDECIDED}:
        tolerated = [one for one in comparisons if one.metric in warned]
        worst = [one for one in comparisons if _waiver_of(one, waived)] or tolerated or worst
    if breaches and verdict is not Verdict.REGRESSED:
        missed = {one.metric for one in breaches if (one.metric, Lapse.MISSED) not in waived}
        missed = missed or {one.metric for one in breaches}
        worst = [one for one in comparisons if one.metric in missed] or worst
    candidates = worst or list(comparisons)
    for metric in _LEADING_METRICS:
        for one in candidates:
            if one.metric == metric:
                return one
    if not candidates:
        return None
    # A command more is a round trip more: of what changed alike, people think in the trips.
    alike = [one for one in candidates if one.change_ratio == candidates[0].change_ratio]
    return min(
        alike,
        key=lambda one: (
            _LEADING_WORK.index(one.metric) if one.metric in _LEADING_WORK else len(_LEADING_WORK)
        ),
    )
