"""
What a load may cost: when it sends no more requests, and what it ends with then.
"""

from __future__ import annotations

from agent_perf.cli.output import say
from agent_perf.gate import CUT_OFF_CODE, cost_line, cut_off
from agent_perf.records import LoadRun


def ended_with(code: int, run: LoadRun, max_cost_usd: float | None) -> int:
    """
    Return what a load ends with that may cost *max_cost_usd*, and say it if it cost more.

    Args:
        code: What it would end with otherwise. A missed target is certain all the same.
        run: What it came to.
        max_cost_usd: Dollars >= 0; None: no limit.
    """
    left = tuple(run.scenarios) if run.stopped else ()
    cut = cut_off(run.counts.get("llm_cost_nanousd", 0), max_cost_usd, left)
    if cut is None:
        return code
    say(cost_line(cut))
    return code if code == 1 else CUT_OFF_CODE
