"""Waivers before the gate: what is accepted, and what a waiver of no use costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agent_perf.errors import ConfigError
from agent_perf.gate import Waivers, exit_code, judge, make_policy, waived_lines
from agent_perf.records import Decision, DuetRun, Failure, Lapse, Outcome, Run, Waiver, WaiverState
from tests.gate.deciding import BASE, HEAD, OLD, duet, slow_by

TODAY = date(2031, 12, 1)
SLOW = slow_by(20)


def waiver(**changes: Any) -> Waiver:
    return replace(
        Waiver(
            benchmark="agent.chat@*",
            metric="*",
            reason="the new safety check",
            until=TODAY + timedelta(days=30),
        ),
        **changes,
    )


def decide(
    *waivers: Waiver,
    head: Run = SLOW,
    duets: tuple[DuetRun, ...] = (),
    failures: tuple[Failure, ...] = (),
    targets: dict[str, dict[str, str]] | None = None,
    complete: bool = True,
) -> Decision:
    return judge(
        [OLD],
        [head],
        duets,
        failures,
        replace(
            make_policy({}, targets or {}),
            waivers=Waivers(entries=waivers, today=TODAY, complete=complete, source="w.toml"),
        ),
        base_label=BASE,
        head_label=HEAD,
    )


def test_a_waived_regression_passes() -> None:
    """
    What somebody accepts does not fail, stays a regression, and is told with its waiver.
    """
    decision = decide(waiver())
    (use,) = decision.waivers

    assert Outcome.FAIL is decide().outcome
    assert Outcome.PASS is decision.outcome
    assert () == decision.lines
    assert () == decision.warnings
    assert WaiverState.USED is use.state
    assert 30 == use.days_left
    assert {"latency.p50", "latency.p95", "latency.p99", "latency.mean"} == {
        one.metric for one in use.covered
    }
    assert {Lapse.REGRESSED} == {one.lapse for one in use.covered}
    assert (
        "WAIVED agent.chat@50 latency.p95 observed=100ms->120ms(+20%) limit=+15% interval=exact "
        "until=2031-12-31 days_left=30 reason='the new safety check'"
    ) in waived_lines(use)


def test_what_is_not_covered_still_fails() -> None:
    """
    A waiver for one metric leaves the others as they are.
    """
    decision = decide(waiver(metric="latency.p95"))

    assert Outcome.FAIL is decision.outcome
    assert not any("latency.p95" in line for line in decision.lines)
    assert any("latency.p99" in line for line in decision.lines)


def test_a_missed_target_is_waived() -> None:
    """
    A target that is missed is a lapse like a regression, and bounded relative to the target.
    """
    targets = {"agent.*": {"latency.p95": "80ms"}}
    exact = waiver(at_most_ratio=0.25)

    assert Outcome.PASS is decide(exact, head=OLD, targets=targets).outcome
    assert Outcome.FAIL is decide(exact, head=slow_by(1), targets=targets).outcome
    (use,) = decide(exact, head=OLD, targets=targets).waivers
    assert [Lapse.MISSED] == [one.lapse for one in use.covered]


@pytest.mark.parametrize(("percent", "outcome"), [(20, Outcome.PASS), (21, Outcome.FAIL)])
def test_worse_than_allowed_fails(percent: int, outcome: Outcome) -> None:
    """
    A waiver with a bound accepts a change up to it, and not a nanosecond more.
    """
    decision = decide(waiver(at_most_ratio=0.2), head=slow_by(percent))

    assert outcome is decision.outcome
    if outcome is Outcome.FAIL:
        assert (
            "waiver for agent.chat@* * in w.toml allows 20 % at most, and agent.chat@50 "
            "latency.p95 is 21 % worse"
        ) in decision.warnings


def test_from_zero_is_beyond_any_bound() -> None:
    """
    Work that was never done before has grown by more than any percentage.
    """
    head = replace(OLD, commit=HEAD, counts=dict(OLD.counts) | {"llm_calls": 1})

    assert Outcome.FAIL is decide(waiver(at_most_ratio=99.0), head=head).outcome
    assert Outcome.PASS is decide(waiver(), head=head).outcome


def test_fewer_is_worse_where_more_is_better() -> None:
    """
    A bound speaks of the change for the worse, whichever way that is.
    """
    head = replace(OLD, commit=HEAD, errors=dict.fromkeys(range(10), "boom"))
    covers = waiver(metric="success_ratio", at_most_ratio=0.1)

    assert Outcome.PASS is decide(covers, head=head).outcome
    assert Outcome.FAIL is decide(replace(covers, at_most_ratio=0.09), head=head).outcome


def test_an_expired_waiver_fails_loudly() -> None:
    """
    Past its day a waiver fails, with a line of its own, whether or not what it covers does.
    """
    old = waiver(until=TODAY - timedelta(days=20))
    still, fine = decide(old), decide(old, head=replace(OLD, commit=HEAD))

    assert 1 == exit_code(still) == exit_code(fine)
    assert any(line.startswith("FAIL agent.chat@50 latency.p95") for line in still.lines)
    assert (
        "FAIL agent.chat@* * waiver=expired until=2031-11-11 days_left=-20: 4 of what it covers "
        "would still fail: mend that, or renew it in w.toml"
    ) in still.lines
    (line,) = fine.lines
    assert line.endswith("nothing that it covers fails any more: remove it in w.toml")


def test_the_last_day_holds() -> None:
    """
    On its last day a waiver accepts, and says that it is the last.
    """
    decision = decide(waiver(until=TODAY))

    assert Outcome.PASS is decision.outcome
    assert ("waiver for agent.chat@* * in w.toml ends today, on 2031-12-01",) == decision.warnings


@pytest.mark.parametrize(("days", "told"), [(7, True), (8, False)])
def test_soon_to_end_warns(days: int, told: bool) -> None:
    """
    A week before its end a waiver is told to end soon.
    """
    decision = decide(waiver(until=TODAY + timedelta(days=days)))

    assert told is any(f"ends in {days} days" in word for word in decision.warnings)


def test_one_of_no_use_warns() -> None:
    """
    A waiver warns when what it covers is fine, when it matches nothing, and when another
    one holds longer.
    """
    fine = decide(waiver(), head=replace(OLD, commit=HEAD))
    nothing = decide(waiver(benchmark="agent.caht@*"))
    longer = decide(waiver(), waiver(metric="*p95", until=TODAY + timedelta(days=10)))

    assert Outcome.PASS is fine.outcome
    assert (
        "waiver for agent.chat@* * in w.toml is not used: what it covers does not fail; remove it",
    ) == fine.warnings
    assert any("agent.caht@* * in w.toml matches no benchmark" in word for word in nothing.warnings)
    assert any("another one holds longer" in word for word in longer.warnings)


def test_part_of_the_suite_speaks_for_itself() -> None:
    """
    Where only some benchmarks were measured, or some gave no value, the waivers of the others
    are left alone: neither told to be of no use nor failed for being expired.
    """
    other = waiver(benchmark="cache.*", until=TODAY - timedelta(days=1))
    broken = Failure(benchmark="cache.get@1", commit=HEAD, category="import", message="no")
    head = replace(OLD, commit=HEAD)

    assert Outcome.PASS is decide(other, head=head, complete=False).outcome
    assert () == decide(other, head=head, complete=False).waivers
    assert Outcome.BROKEN is decide(other, head=head, failures=(broken,)).outcome
    assert Outcome.FAIL is decide(other, head=head).outcome


def test_a_broken_benchmark_is_not_waived() -> None:
    """
    No waiver covers a benchmark that gives no value: what it would be is unknown.
    """
    broken = Failure(benchmark="agent.chat@50", commit=HEAD, category="raised", message="no")

    assert Outcome.BROKEN is decide(waiver(), failures=(broken,)).outcome


def test_a_sampled_metric_is_waived_while_it_may_be_within_bounds() -> None:
    """
    An undecided metric is waived like a regressed one; a bound is exceeded once it surely is.
    """
    covers = waiver(benchmark="cache.*", metric="cpu.*")
    same = replace(OLD, commit=HEAD)
    open_ = duet(0.5, 2, 0.5, 2, 0.5, 2, 0.5, 2)

    assert Outcome.UNDECIDED is decide(head=same, duets=(open_,)).outcome
    assert Outcome.PASS is decide(covers, head=same, duets=(open_,)).outcome
    assert (
        Outcome.PASS
        is decide(replace(covers, at_most_ratio=0.2), head=same, duets=(open_,)).outcome
    )


def test_what_does_not_compare_is_not_waived() -> None:
    """
    Runs that do not compare have no change that anybody could have accepted.
    """
    head = replace(OLD, commit=HEAD, seed=2)

    assert Outcome.UNDECIDED is decide(waiver(), head=head).outcome


def test_a_name_with_a_line_break_forges_nothing() -> None:
    """
    A reason or pattern of several lines stays in its own line.
    """
    (use,) = decide(waiver(reason="one\nPASS all")).waivers

    assert all("\n" not in line for line in waived_lines(use))


def test_no_bound_of_nothing() -> None:
    """
    A bound of zero would accept nothing.
    """
    with pytest.raises(ConfigError, match="want a percentage > 0"):
        waiver(at_most_ratio=0.0)
