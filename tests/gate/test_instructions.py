"""What the gate makes of counted instructions."""

from __future__ import annotations

import pytest

from agent_perf.gate import judge, judge_instructions, make_policy
from agent_perf.records import Decision, InstructionCount, InstructionRun, Outcome

RUN = InstructionRun(
    benchmark="cache.time_get",
    first=InstructionCount(base=1000.0, head=1001.0, hash_seed=0),
    repetitions=20,
)


def decide(target: str) -> Decision:
    policy = make_policy({}, {"cache.*": {"cpu.instructions": target}})
    prejudged = judge_instructions([RUN], policy)
    return judge((), (), (), (), policy, base_label="a", head_label="b", prejudged=prejudged)


@pytest.mark.parametrize(("target", "outcome"), [("1001", Outcome.PASS), ("1000", Outcome.FAIL)])
def test_a_target_for_instructions_holds(target: str, outcome: Outcome) -> None:
    """The head is held to it, whatever the base came to; at the target it keeps it."""
    decision = decide(target)

    assert outcome is decision.outcome
    assert (outcome is Outcome.FAIL) == any(
        line.startswith("FAIL cache.time_get cpu.instructions observed=1.001kinstr limit=1kinstr")
        for line in decision.lines
    )
