"""What was not measured, and what a process ends with."""

from dataclasses import replace

import pytest

from agent_perf.errors import ConfigError
from agent_perf.gate import exit_code
from agent_perf.records import (
    Failure,
    Outcome,
    Verdict,
)
from tests.gate.deciding import BASE, HEAD, OLD, decide, duet, slow_by, verdicts
from tests.stats.example import make_run


def failure(commit: str, benchmark: str = "agent.chat@50") -> Failure:
    return Failure(benchmark=benchmark, commit=commit, category="raised", message="ValueError: no")


def test_failure_of_the_head() -> None:
    """
    A benchmark that broke on the head is broken, in a line, and not missing.
    """
    decision = decide([OLD], [], failures=[failure(HEAD)])

    assert Outcome.BROKEN is decision.outcome
    assert 3 == exit_code(decision)
    assert () == decision.comparisons
    assert ("BROKEN agent.chat@50 raised: ValueError: no",) == decision.lines


def test_a_regression_outweighs_what_broke() -> None:
    """
    A regression is certain whatever else broke: it decides, and both have their lines.
    """
    decision = decide([OLD], [slow_by(20)], failures=[failure(HEAD, "cache.get@1")])

    assert Outcome.FAIL is decision.outcome
    assert "BROKEN cache.get@1 raised: ValueError: no" == decision.lines[-1]


def test_failure_of_the_base() -> None:
    """
    What broke on the base alone is a warning, and the head is held to its targets.
    """
    fast, slow = (replace(OLD, commit=HEAD, targets={"latency.p95": s}) for s in (0.2, 0.05))
    good = decide([], [fast], failures=[failure(BASE)])

    assert Outcome.PASS is good.outcome
    assert {Verdict.NEW} == set(verdicts(good).values())
    (warning,) = good.warnings
    assert (
        "agent.chat@50 gave no value on the base (raised: ValueError: no): "
        "the head is held to its targets alone"
    ) == warning
    assert Outcome.FAIL is decide([], [slow], failures=[failure(BASE)]).outcome


def test_a_failure_of_an_unknown_commit_is_the_heads() -> None:
    """
    A failure that is not surely the base's breaks the gate: it cannot be passed by mistake.
    """
    assert Outcome.BROKEN is decide([OLD], [OLD], failures=[failure("f" * 40)]).outcome
    assert Outcome.BROKEN is decide([OLD], [OLD], failures=[failure(OLD.commit)]).outcome


def test_nothing_measured() -> None:
    """
    Without any value on the head there is nothing to pass.
    """
    decision = decide([OLD], [])

    assert Outcome.NOTHING is decision.outcome
    assert 5 == exit_code(decision)
    assert decision.lines[0].startswith("NOTHING measured")
    assert Outcome.NOTHING is decide([], []).outcome
    assert Outcome.NOTHING is decide([], [], duets=[duet()]).outcome


def test_a_benchmark_that_is_gone_is_told() -> None:
    """
    A benchmark that only the base has is missing, and a warning.
    """
    gone = make_run(scenario="cache.get", commit=BASE)
    decision = decide([OLD, gone], [replace(OLD, commit=HEAD)])

    assert Outcome.PASS is decision.outcome
    assert Verdict.MISSING is decision.comparisons[0].verdict
    assert ("cache.get@50 is measured on the base only",) == decision.warnings


def test_what_has_no_base_and_no_head_failure_is_told_once() -> None:
    """
    A benchmark that broke on the head is not also told as missing from it.
    """
    decision = decide([OLD], [slow_by(0, scenario="cache.get")], failures=[failure(HEAD)])

    assert Outcome.BROKEN is decision.outcome
    assert Verdict.MISSING not in verdicts(decision).values()


def test_a_run_without_requests_is_undecided() -> None:
    """
    A run without any request has no numbers, and cannot pass.
    """
    empty = make_run(latency_ns=())

    assert Outcome.UNDECIDED is decide([empty], [empty]).outcome
    assert Outcome.UNDECIDED is decide([], [empty]).outcome


def test_exit_code_refuses_other_words() -> None:
    """
    What to do with the undecided is one of two words.
    """
    with pytest.raises(ConfigError, match="maybe"):
        exit_code(decide([OLD], [OLD]), undecided="maybe")


@pytest.mark.parametrize("undecided", ["fail", "pass"])
@pytest.mark.parametrize("outcome", Outcome)
def test_exit_codes_are_total(outcome: Outcome, undecided: str) -> None:
    """
    Every outcome has its code, and only a pass or an allowed doubt ends with 0.
    """
    decision = replace(decide([OLD], [OLD]), outcome=outcome)
    code = exit_code(decision, undecided=undecided)

    assert code in {0, 1, 3, 4, 5, 6}
    good = outcome is Outcome.PASS or (outcome is Outcome.UNDECIDED and undecided == "pass")
    assert good is (code == 0)
