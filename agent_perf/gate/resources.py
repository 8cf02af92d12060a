"""
Recordings of resources, judged: what rounds tell, what is equal in all of them, targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from agent_perf.errors import NothingMeasuredError
from agent_perf.gate.decision import judge
from agent_perf.gate.default_targets import PROCESS_TARGETS
from agent_perf.gate.pairing import undecided
from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.gate.target import misses
from agent_perf.gate.timings import with_confirmation
from agent_perf.records import (
    Breach,
    Comparison,
    Decision,
    DuetRun,
    Evidence,
    Metric,
    ResourceRun,
)
from agent_perf.stats import (
    LOOKS,
    compare_exact,
    missing_because,
    open_confirmations,
    open_duets,
    resource_duets,
    resource_metrics,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """
    Recordings of one name, in pairs: those of base and head that were made one after the other.

    Attributes:
        base: At least one.
        head: As many.
        confirmation: Pairs made because those before called a metric regressed, base first.
    """

    base: tuple[ResourceRun, ...]
    head: tuple[ResourceRun, ...]
    confirmation: tuple[tuple[ResourceRun, ...], tuple[ResourceRun, ...]] = ((), ())


def judge_recordings(
    recordings: Recordings, policy: Policy, *, base_label: str, head_label: str
) -> Decision:
    """
    Return what becomes of the head, as gate.judge does.

    A metric that is the same in all recordings of a side, as a number of threads, has no
    noise to be judged by: its change stands for itself. The head is held to its targets
    by the median of its recordings.

    Args:
        recordings: Of one process.
        policy: Limits, and targets over PROCESS_TARGETS; whose metric the recordings do not
            have is undecided if the project set it.
        base_label: As the report names the base.
        head_label: Likewise.

    Raises:
        SampleError: If they are not as many, or of several names.
        NothingMeasuredError: If there is no recording.
    """
    if not recordings.head:
        raise NothingMeasuredError("there is no recording of the head; make one with `record`")
    duets = recorded_duets(recordings)
    steady = tuple(duet for duet in duets if _is_steady(duet))
    noisy = tuple(
        # What was recorded after a suspicion confirms it, as if a duet had asked for it.
        duet if duet.confirmation else with_confirmation(duet, policy.limit_of(duet))
        for duet in _noisy(duets)
    )
    breaches, unanswered = _against_targets(recordings.head, policy)
    return judge(
        (),
        (),
        noisy,
        (),
        # The targets of a process are looked at here, whether it has rounds or not.
        replace(policy, targets={}),
        base_label=base_label,
        head_label=head_label,
        prejudged=Prejudged(
            comparisons=tuple(_equal_rounds(duet, policy) for duet in steady),
            breaches=breaches,
            unanswered=unanswered,
        ),
    )


def wants_round(recordings: Recordings, policy: Policy, rounds_max: int) -> bool:
    """Return whether another pair may change the answer; as stats.open_duets, after any pair."""
    if len(recordings.base) < LOOKS[0]:
        return True
    duets = _noisy(resource_duets(recordings.base, recordings.head))
    return bool(open_duets(duets, _limits(duets, policy), rounds_max))


def wants_confirmation(recordings: Recordings, policy: Policy, rounds_max: int) -> bool:
    """Return whether a pair of the confirmation is wanted; as stats.open_confirmations."""
    duets = _noisy(recorded_duets(recordings)) if recordings.base else ()
    return bool(open_confirmations(duets, _limits(duets, policy), rounds_max))


def recorded_duets(recordings: Recordings) -> tuple[DuetRun, ...]:
    """Return the metrics of *recordings* as rounds, with their confirmation where there is one."""
    found = resource_duets(recordings.base, recordings.head)
    if not recordings.confirmation[0]:
        return found
    again = {duet.metric: duet for duet in resource_duets(*recordings.confirmation)}
    return tuple(replace(duet, confirmation=again.get(duet.metric)) for duet in found)


def _noisy(duets: Sequence[DuetRun]) -> tuple[DuetRun, ...]:
    return tuple(duet for duet in duets if not _is_steady(duet))


def _limits(duets: Sequence[DuetRun], policy: Policy) -> tuple[float | None, ...]:
    return tuple(policy.limit_of(duet) for duet in duets)


def _is_steady(duet: DuetRun) -> bool:
    return len(duet.base) >= LOOKS[0] and len(set(duet.base)) == len(set(duet.head)) == 1


def _equal_rounds(duet: DuetRun, policy: Policy) -> Comparison:
    base, head = (
        Metric(
            name=duet.metric,
            value=values[0],
            unit=duet.unit,
            evidence=Evidence.SAMPLED,
            sample_count=len(values),
        )
        for values in (duet.base, duet.head)
    )
    found = compare_exact(duet.benchmark, base, head, policy.limit_of(duet))
    assert found.change_ratio is not None
    return replace(
        found,
        evidence=Evidence.SAMPLED,
        interval=(found.change_ratio, found.change_ratio),
        reason=f"{found.reason}, the same in all {len(duet.base)} rounds",
    )


def _against_targets(
    head: Sequence[ResourceRun], policy: Policy
) -> tuple[tuple[Breach, ...], tuple[Comparison, ...]]:
    name = head[0].name
    own = policy.targets_for(name, {})
    targets = dict(PROCESS_TARGETS) | own
    metrics = [{metric.name: metric for metric in resource_metrics(run)} for run in head]
    breaches, unanswered = [], []
    for metric, limit in targets.items():
        known = [found[metric] for found in metrics if metric in found]
        if len(known) < len(head):
            if metric in own:
                lacking = next(
                    run for run, found in zip(head, metrics, strict=True) if metric not in found
                )
                unanswered.append(
                    replace(
                        undecided(name, metric, missing_because(lacking, metric)),
                        evidence=Evidence.SAMPLED,
                    )
                )
            continue
        observed = median(one.value for one in known)
        if misses(metric, observed, limit):
            breaches.append(_breach(name, known[0], observed, limit))
    return tuple(breaches), tuple(unanswered)


def _breach(benchmark: str, metric: Metric, observed: float, limit: float) -> Breach:
    return Breach(
        benchmark=benchmark,
        metric=metric.name,
        unit=metric.unit,
        observed=observed,
        limit=limit,
    )
