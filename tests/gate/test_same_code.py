"""What the gate makes of benchmarks that run the same code."""

from __future__ import annotations

from agent_perf.gate import judge, judge_same_code, make_policy, may_be_spared
from agent_perf.records import DuetRun, Outcome, Verdict

POLICY = make_policy({"cpu.median": "7%"}, {"cache.slow": {"cpu.median": "1ms"}})
DUET = DuetRun(
    benchmark="cache.time_get", metric="cpu.median", unit="s", base=(), head=(), calls_per_round=0
)


def test_the_same_code_is_unchanged_without_a_round() -> None:
    """A suite of nothing but the same code passes: it is known to be equal, not unmeasured."""
    decision = judge(
        (),
        (),
        (),
        (),
        POLICY,
        base_label="a",
        head_label="b",
        prejudged=judge_same_code([DUET], POLICY),
    )

    (told,) = decision.comparisons
    assert Outcome.PASS is decision.outcome
    assert (Verdict.UNCHANGED, 0.0, 0.07) == (told.verdict, told.change_ratio, told.limit_ratio)
    assert told.reason.startswith("the same code: it reads no file that differs")
    assert () == decision.lines


def test_what_has_a_target_is_measured() -> None:
    """A target is about a value, and the same code has none until it has run."""
    assert may_be_spared("cache.time_get", POLICY)
    assert not may_be_spared("cache.slow", POLICY)
