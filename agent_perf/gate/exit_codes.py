"""
What a decision means to a shell.
"""

from __future__ import annotations

from typing import assert_never

from agent_perf.errors import ConfigError
from agent_perf.gate.cost import CUT_OFF_CODE
from agent_perf.records import Decision, LoadDecision, Outcome


def exit_code(decision: Decision | LoadDecision, undecided: str = "fail") -> int:
    """
    Return what a process ends with: 0 pass, 1 failed, 3 broken, 4 undecided, 5 nothing, 6 too dear.

    Args:
        decision: Of the gate.
        undecided: ``fail``, or ``pass`` to end with 0 where there is no answer.

    Raises:
        ConfigError: If *undecided* is another word.
    """
    if undecided not in {"fail", "pass"}:
        raise ConfigError(f'undecided = "{undecided}"; want "fail" or "pass"')
    match decision.outcome:
        case Outcome.PASS:
            return 0
        case Outcome.FAIL:
            return 1
        case Outcome.BROKEN:
            return 3
        case Outcome.UNDECIDED:
            return 4 if undecided == "fail" else 0
        case Outcome.NOTHING:
            return 5
        case Outcome.CUT_OFF:
            return CUT_OFF_CODE
    assert_never(decision.outcome)
