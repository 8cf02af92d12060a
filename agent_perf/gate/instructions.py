"""
Instruction counts before the gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.gate.target import misses
from agent_perf.records import Breach, Comparison, InstructionRun
from agent_perf.stats import INSTRUCTIONS, compare_instructions, wants_second_count


def judge_instructions(runs: Iterable[InstructionRun], policy: Policy) -> Prejudged:
    """Return what became of *runs*, and the targets that their heads miss, for judge."""
    comparisons = tuple(compare_instructions(run, _limit(run, policy)) for run in runs)
    return Prejudged(
        comparisons=comparisons,
        breaches=tuple(breach for one in comparisons for breach in _breaches(one, policy)),
    )


def is_suspected(run: InstructionRun, policy: Policy) -> bool:
    """Return whether *run* is to be counted a second time before it is judged."""
    return wants_second_count(run, _limit(run, policy))


def _breaches(one: Comparison, policy: Policy) -> Iterator[Breach]:
    target = policy.targets_for(one.benchmark, {}).get(INSTRUCTIONS)
    if target is not None and one.head is not None and misses(INSTRUCTIONS, one.head, target):
        yield Breach(
            benchmark=one.benchmark,
            metric=INSTRUCTIONS,
            unit=one.unit,
            observed=one.head,
            limit=target,
        )


def _limit(run: InstructionRun, policy: Policy) -> float | None:
    return policy.limit(run.benchmark, INSTRUCTIONS).ratio
