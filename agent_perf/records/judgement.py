"""
What was made of it: comparisons, breaches, causes, and the decision.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent_perf.records.measurement import Evidence, Failure
from agent_perf.records.waiving import WaiverUse


class Verdict(enum.Enum):
    """What a comparison of one metric came to."""

    REGRESSED = "regressed"
    SLOWER = "slower within limit"
    UNCHANGED = "unchanged"
    IMPROVED = "improved"
    UNDECIDED = "undecided"
    NEW = "new"
    MISSING = "missing"
    ERRORED = "errored"


WORST_FIRST: Final = (
    Verdict.REGRESSED,
    Verdict.ERRORED,
    Verdict.MISSING,
    Verdict.UNDECIDED,
    Verdict.SLOWER,
    Verdict.NEW,
    Verdict.IMPROVED,
    Verdict.UNCHANGED,
)
"""In which order people want to hear of verdicts."""


class Outcome(enum.Enum):
    """What a whole decision came to."""

    PASS = "pass"
    FAIL = "fail"
    BROKEN = "broken"
    UNDECIDED = "undecided"
    NOTHING = "nothing measured"
    CUT_OFF = "cost cut-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """
    What fresh rounds say of a regression that the first rounds found.

    Attributes:
        change_ratio: head / base - 1 in the fresh rounds alone; None if too few for it.
        interval: Of *change_ratio*; None likewise.
        round_count: Fresh rounds.
        verdict: REGRESSED if they uphold it; what they say instead; UNDECIDED if nothing.
    """

    change_ratio: float | None
    interval: tuple[float, float] | None
    round_count: int
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    One metric of one benchmark, base against head.

    Attributes:
        benchmark: ``agent.chat@200``.
        metric: As in Metric.name.
        unit: As in units.format_value.
        evidence: Exact or sampled.
        base: None if the base has no value.
        head: None if the head has none.
        change_ratio: head / base - 1; None if either is missing; inf from zero.
        interval: Of *change_ratio*, 98 % over all looks at a duet; None for exact evidence.
            A regression of sampled evidence stands on that of *confirmation*.
        limit_ratio: Largest *change_ratio* allowed; None if this metric is not gated.
        verdict: What it came to.
        reason: One line: why this verdict.
        sample_count: Requests or rounds behind it; without those of *confirmation*.
        confirmation: What fresh rounds said of a suspected regression; None if it was not
            suspected, or there were none.
    """

    benchmark: str
    metric: str
    unit: str
    evidence: Evidence
    base: float | None
    head: float | None
    change_ratio: float | None
    interval: tuple[float, float] | None
    limit_ratio: float | None
    verdict: Verdict
    reason: str
    sample_count: int
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteShift:
    """
    A move of most benchmarks at once: the machine changed, or something they all use.

    Attributes:
        change_ratio: Median of the benchmarks' changes for the worse.
        interval: Of *change_ratio*, 99 %.
        benchmark_count: Benchmarks behind it.
        standing_out: Benchmark and metric of what is surely beyond its limit even if the
            move of the others is taken off.
    """

    change_ratio: float
    interval: tuple[float, float]
    benchmark_count: int
    standing_out: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteJudgement:
    """
    What became of all duets of a suite.

    Attributes:
        comparisons: One per duet, in their order.
        shift: A move of most of them at once; None if there is none.
    """

    comparisons: tuple[Comparison, ...]
    shift: SuiteShift | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A target that the head does not meet: *observed* > *limit*, in *unit*."""

    benchmark: str
    metric: str
    unit: str
    observed: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    One measured difference that explains a verdict.

    Attributes:
        kind: Reason code: ``extra-round-trip``, ``lost-cache-hit``, ``n-plus-one``,
            ``batching-off``, ``connection-held``, ``slower-operation``, ``more-work``...
        text: One clause for people, without a full stop.
        critical_ns: Mean share per request on the critical path, head minus base.
    """

    kind: str
    text: str
    critical_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """
    Measuring that was stopped, for its model calls cost more than they may.

    Attributes:
        spent_usd: By what was measured, > *limit_usd*.
        limit_usd: What it may have cost.
        left: Benchmarks that were not measured for it, the next one first.
    """

    spent_usd: float
    limit_usd: float
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What the gate decided about head against base.

    Attributes:
        base: Commit, or ``baseline:NAME``.
        head: Commit.
        outcome: The verdict of the whole.
        comparisons: Worst first.
        breaches: Targets missed by the head.
        failures: Benchmarks that gave no value, of base and head.
        causes: Benchmark to its causes, the weightiest first.
        lines: One line for each thing that failed, as the CLI prints it.
        warnings: Things worth knowing that do not fail the gate.
        waivers: Those that speak of what was measured, in the order of their file.
        shift: A move of most sampled benchmarks at once; None if there is none.
        warned: Benchmark and metric of each regression beyond a limit that only warns.
        cut_off: Why not everything was measured; None unless it cost too much.
    """

    base: str
    head: str
    outcome: Outcome
    comparisons: tuple[Comparison, ...]
    breaches: tuple[Breach, ...]
    failures: tuple[Failure, ...]
    causes: Mapping[str, tuple[Cause, ...]]
    lines: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    shift: SuiteShift | None = None
    warned: tuple[tuple[str, str], ...] = ()
    cut_off: CutOff | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    A commit that changed metrics, found along a history.

    Attributes:
        commit: The first commit with the new value.
        parent: The measured commit before it.
        subject: First line of its message.
        comparisons: What changed there beyond its limit, worst first.
        causes: Benchmark to its causes.
    """

    commit: str
    parent: str
    subject: str
    comparisons: tuple[Comparison, ...]
    causes: Mapping[str, tuple[Cause, ...]]
