"""
Whether measuring may go on, after what its model calls have come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from agent_perf.gate.lines import harmless
from agent_perf.records import CutOff, Decision, Outcome, Run
from agent_perf.units import NS, format_dollars

_COUNT: Final = "llm_cost_nanousd"

CUT_OFF_CODE: Final = 6
"""What a process ends with when its model calls cost more than they may."""


def cost_nanousd(runs: Iterable[Run]) -> int:
    """Return what the model calls of *runs* come to, in billionths of a dollar."""
    return sum(run.counts.get(_COUNT, 0) for run in runs)


def is_spent(spent_nanousd: int, max_cost_usd: float | None) -> bool:
    """
    Return whether measuring must stop: more was spent than *max_cost_usd*.

    Args:
        spent_nanousd: By the runs that were measured, >= 0.
        max_cost_usd: Dollars >= 0; None: no limit.
    """
    return max_cost_usd is not None and spent_nanousd > max_cost_usd * NS


def cut_off(spent_nanousd: int, max_cost_usd: float | None, left: Sequence[str]) -> CutOff | None:
    """
    Return what is to be told of measuring that cost too much; None if it did not.

    Args:
        spent_nanousd: As in is_spent.
        max_cost_usd: As in is_spent.
        left: Benchmarks that were not measured for it, the next one first.
    """
    if max_cost_usd is None or not is_spent(spent_nanousd, max_cost_usd):
        return None
    return CutOff(
        spent_usd=spent_nanousd / NS, limit_usd=max_cost_usd, left=tuple(dict.fromkeys(left))
    )


def cost_line(cut: CutOff) -> str:
    """Return ``COST spent=… limit=… left=… next=…`` for measuring that was cut off."""
    following = harmless(cut.left[0]) if cut.left else "none"
    return (
        f"COST spent={format_dollars(cut.spent_usd)} limit={format_dollars(cut.limit_usd)} "
        f"left={len(cut.left)} next={following}"
    )


def cut_decision(decision: Decision, cut: CutOff) -> Decision:
    """
    Return *decision*, made of what was finished before the cut-off.

    A regression stays what it is: it is certain whatever was not measured. Anything else
    would speak of a part as if it were the whole.
    """
    nothing = decision.outcome is Outcome.NOTHING
    return replace(
        decision,
        outcome=decision.outcome if decision.outcome is Outcome.FAIL else Outcome.CUT_OFF,
        # Where nothing was finished, this line says why.
        lines=(*(() if nothing else decision.lines), cost_line(cut)),
        cut_off=cut,
    )
