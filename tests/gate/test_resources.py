"""Recordings of resources, judged."""

from __future__ import annotations

import pytest

from agent_perf.errors import NothingMeasuredError
from agent_perf.gate import (
    PROCESS_TARGETS,
    Recordings,
    exit_code,
    judge_recordings,
    make_policy,
)
from agent_perf.records import Comparison, Decision, Outcome, ResourceRun, Verdict
from agent_perf.stats import resource_metrics
from agent_perf.units import MIB
from tests.records.test_resources import recording, series

NOISE = (1.00, 1.01, 0.99, 1.02, 0.98, 1.005, 0.995, 1.01)


def runs(change: float = 1.0, **given) -> tuple[ResourceRun, ...]:
    return tuple(recording(cpu_account_s=2.0 * change * noise, **given) for noise in NOISE)


def decide(
    base: tuple[ResourceRun, ...],
    head: tuple[ResourceRun, ...],
    *,
    confirmation: tuple[tuple[ResourceRun, ...], tuple[ResourceRun, ...]] = ((), ()),
    limits: dict[str, str] | None = None,
    targets: dict[str, dict[str, str]] | None = None,
) -> Decision:
    return judge_recordings(
        Recordings(base=base, head=head, confirmation=confirmation),
        make_policy(limits or {}, targets or {}),
        base_label="old",
        head_label="new",
    )


def of(decision: Decision, metric: str) -> Comparison:
    return next(one for one in decision.comparisons if one.metric == metric)


def test_equal_servers_pass() -> None:
    """
    Noise of a per cent is no change.
    """
    decision = decide(runs(), tuple(reversed(runs())))

    assert Outcome.PASS is decision.outcome
    assert Verdict.UNCHANGED is of(decision, "resources.cpu").verdict
    assert 0.20 == of(decision, "resources.cpu").limit_ratio


def test_a_third_more_cpu_fails() -> None:
    """
    Confirmed by fresh recordings; exit code 1, one line.
    """
    decision = decide(runs(), runs(1.35), confirmation=(runs(), runs(1.35)))

    assert (Outcome.FAIL, 1) == (decision.outcome, exit_code(decision))
    assert Verdict.REGRESSED is of(decision, "resources.cpu").verdict
    assert decision.lines[0].startswith("FAIL server resources.cpu observed=")


def test_ten_per_cent_more_is_within_the_limit() -> None:
    """
    Resources may grow by a fifth; 10 % is told as slower, and passes.
    """
    decision = decide(runs(), runs(1.1))

    assert Outcome.PASS is decision.outcome
    assert Verdict.SLOWER is of(decision, "resources.cpu").verdict


def test_one_recording_a_side_is_undecided() -> None:
    """
    Whatever it says: between two starts of one program lies more than between two programs.
    """
    decision = decide(runs()[:1], runs(3.0)[:1])

    assert (Outcome.UNDECIDED, 4) == (decision.outcome, exit_code(decision))


def test_what_is_the_same_in_all_rounds_needs_no_interval() -> None:
    """
    Four threads against six: equal within each side, so that the change stands for itself.
    """

    def threads(count: float) -> tuple[ResourceRun, ...]:
        held = series("threads", sample_mean=count, sample_peak=count, peak=(count,), mean=(count,))
        return tuple(recording(held, cpu_account_s=noise) for noise in NOISE)

    equal, more = decide(threads(4), threads(4)), decide(threads(4), threads(6))
    told = of(more, "resources.threads.peak")

    assert Outcome.PASS is equal.outcome
    assert Verdict.UNCHANGED is of(equal, "resources.threads.peak").verdict
    assert (Outcome.FAIL, Verdict.REGRESSED) == (more.outcome, told.verdict)
    assert (0.5, 0.5) == told.interval
    assert told.reason.endswith("the same in all 8 rounds")


def test_shares_and_means_are_told_and_not_limited() -> None:
    """
    A program that does the same in half the time has twice the share, and is no worse.
    """
    busy = tuple(
        recording(series(sample_mean=share, sample_count=9), cpu_account_s=1.0 * noise)
        for share, noise in zip((0.5, 0.51, 0.5, 0.49, 0.5, 0.51, 0.5, 0.49), NOISE, strict=True)
    )
    busier = tuple(
        recording(series(sample_mean=share, sample_count=9), cpu_account_s=1.0 * noise)
        for share, noise in zip((1.0, 1.01, 1.0, 0.99, 1.0, 1.01, 1.0, 0.99), NOISE, strict=True)
    )
    decision = decide(busy, busier)

    assert of(decision, "resources.cpu_share.mean").limit_ratio is None
    assert Outcome.PASS is decision.outcome


@pytest.mark.parametrize(
    ("mib", "outcome"), [(4095, Outcome.PASS), (4096, Outcome.PASS), (4097, Outcome.FAIL)]
)
def test_memory_has_a_target_of_4_gib(mib, outcome) -> None:
    """
    Both sides of the bound; at it the target is kept.
    """
    large = runs(memory_high_bytes=mib * MIB)

    assert outcome is decide(large, large).outcome


def test_default_targets_are_metrics_that_a_recording_has() -> None:
    """
    All three, of a process with a pool that was looked at twenty times.
    """
    level = {"sample_p95": 0.4, "sample_count": 20}
    run = recording(
        series(**level), series("db_connections", **level), db_pool_size=50, memory_high_bytes=1
    )

    assert set(PROCESS_TARGETS) <= {metric.name for metric in resource_metrics(run)}


def test_half_of_the_pool_is_the_most() -> None:
    """
    26 of 50 connections at the P95 miss the default target; 25 keep it.
    """

    def pool(count: float) -> tuple[ResourceRun, ...]:
        held = series(
            "db_connections",
            sample_mean=count,
            sample_p95=count,
            sample_peak=count,
            sample_count=20,
        )
        return tuple(recording(held, db_pool_size=50) for _ in range(5))

    (breach,) = decide(pool(26), pool(26)).breaches

    assert ("resources.db_pool_share.p95", 0.52, 0.5) == (
        breach.metric,
        breach.observed,
        breach.limit,
    )
    assert () == decide(pool(25), pool(25)).breaches


def test_a_target_of_the_project_that_cannot_be_judged_is_undecided() -> None:
    """
    Too few ticks for a P95 of the CPU: told with the way out, and never passed. A default
    target that cannot be judged is silent, for nobody asked.
    """
    targets = {"server": {"resources.cpu_share.p95": "60%"}}
    decision = decide(runs(), runs(), targets=targets)

    assert () == decide(runs(), runs()).lines
    assert Outcome.UNDECIDED is decision.outcome
    (line,) = decision.lines
    assert line == (
        "UNDECIDED server resources.cpu_share.p95 nothing was sampled of it; there is no "
        "resource at all"
    )


def test_targets_can_be_in_bytes_and_seconds() -> None:
    """
    ``300MiB`` and ``1.5s``; the median of the recordings counts.
    """
    targets = {"ser*": {"memory.peak": "300MiB", "resources.cpu": "1.5s"}}
    breaches = decide(runs(), runs(memory_high_bytes=301 * MIB), targets=targets).breaches

    assert {("memory.peak", 300.0 * MIB), ("resources.cpu", 1.5)} == {
        (one.metric, one.limit) for one in breaches
    }


def test_without_a_recording_there_is_nothing_to_judge() -> None:
    """
    Exit code 5.
    """
    with pytest.raises(NothingMeasuredError, match="no recording of the head"):
        decide((), ())
