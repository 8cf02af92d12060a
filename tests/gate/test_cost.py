"""When measuring stops for what its model calls cost, and what is told then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.gate import cost_line, cost_nanousd, cut_decision, cut_off, exit_code, is_spent
from agent_perf.records import CutOff, Outcome
from tests.gate.deciding import OLD, decide, slow_by

CUT = CutOff(spent_usd=0.0107, limit_usd=0.01, left=("agent.b@1", "agent.c@1"))


def test_the_sum_of_all_runs() -> None:
    """
    A run without model calls costs nothing.
    """
    dear = replace(OLD, counts={"llm_cost_nanousd": 3})

    assert 6 == cost_nanousd([dear, replace(OLD, counts={}), dear])


@pytest.mark.parametrize(
    ("spent_nanousd", "max_cost_usd", "stops"),
    [
        (10**12, None, False),
        (0, 0.0, False),
        (1, 0.0, True),
        (10_000_000, 0.01, False),
        (10_000_001, 0.01, True),
    ],
)
def test_a_limit_may_be_reached_and_not_passed(
    spent_nanousd: int, max_cost_usd: float | None, stops: bool
) -> None:
    """
    Exact in billionths of a dollar: a limit of nothing allows what is free.
    """
    assert stops == is_spent(spent_nanousd, max_cost_usd)
    assert stops == (cut_off(spent_nanousd, max_cost_usd, ["b"]) is not None)


def test_what_both_sides_lack_is_told_once() -> None:
    """
    Base and head of one benchmark are one that is left.
    """
    cut = cut_off(2, 0.0, ["agent.b@1", "agent.c@1", "agent.b@1"])

    assert cut is not None
    assert ("agent.b@1", "agent.c@1") == cut.left


def test_the_line() -> None:
    """
    One line for a log: spent, limit, how many are left, and which would have gone on.
    """
    assert "COST spent=$0.0107 limit=$0.01 left=2 next=agent.b@1" == cost_line(CUT)
    assert cost_line(replace(CUT, left=())).endswith(" left=0 next=none")
    assert "next='a\\nFAIL b'" in cost_line(replace(CUT, left=("a\nFAIL b",)))


def test_a_part_is_no_pass() -> None:
    """
    If nothing is wrong with what was finished, the outcome is the cut-off and the code 6.
    """
    decision = cut_decision(decide([OLD], [OLD]), CUT)

    assert (Outcome.CUT_OFF, 6) == (decision.outcome, exit_code(decision, undecided="pass"))
    assert cost_line(CUT) in decision.lines


def test_nothing_finished_is_told_as_what_it_is() -> None:
    """
    If the limit was passed before anything could be compared, one line tells why.
    """
    decision = cut_decision(decide([], []), CUT)

    assert (Outcome.CUT_OFF, (cost_line(CUT),)) == (decision.outcome, decision.lines)


def test_a_regression_is_certain_all_the_same() -> None:
    """
    What regressed before the cut-off fails the gate, and the cut-off is told beside it.
    """
    decision = cut_decision(decide([OLD], [slow_by(50)]), CUT)

    assert (Outcome.FAIL, 1) == (decision.outcome, exit_code(decision))
    assert cost_line(CUT) == decision.lines[-1]
