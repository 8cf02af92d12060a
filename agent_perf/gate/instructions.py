"""
Instruction counts before the gate.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent_perf.gate.policy import Policy
from agent_perf.gate.prejudged import Prejudged
from agent_perf.records import InstructionRun
from agent_perf.stats import INSTRUCTIONS, compare_instructions, wants_second_count


def judge_instructions(runs: Iterable[InstructionRun], policy: Policy) -> Prejudged:
    """Return what became of *runs*, for judge."""
    return Prejudged(
        comparisons=tuple(compare_instructions(run, _limit(run, policy)) for run in runs)
    )


def is_suspected(run: InstructionRun, policy: Policy) -> bool:
    """Return whether *run* is to be counted a second time before it is judged."""
    return wants_second_count(run, _limit(run, policy))


def _limit(run: InstructionRun, policy: Policy) -> float | None:
    return policy.limit(run.benchmark, INSTRUCTIONS).ratio
