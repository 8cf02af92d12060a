"""Targets, met and missed, and what is sampled."""

import math
from dataclasses import replace

import pytest

from agent_perf.errors import ConfigError
from agent_perf.records import (
    Breach,
    CheckResult,
    Outcome,
)
from tests.gate.deciding import HEAD, MS, OLD, decide, duet
from tests.stats.example import make_run


def test_targets_hold_where_nothing_compares() -> None:
    """
    A head that does not compare is still held to its targets.
    """
    head = make_run(latency_ns=[200 * MS] * 100, seed=2, targets={"latency.p95": 0.15})

    assert Outcome.FAIL is decide([OLD], [head]).outcome


def test_missed_targets() -> None:
    """
    A target that the head misses fails, although nothing changed.
    """
    run = replace(OLD, targets={"latency.p95": 0.09, "latency.p50": 0.1, "throughput": 60.0})
    decision = decide([run], [run])

    assert Outcome.FAIL is decision.outcome
    assert (
        Breach(
            benchmark="agent.chat@50", metric="throughput", unit="per_s", observed=50.0, limit=60.0
        ),
        Breach(benchmark="agent.chat@50", metric="latency.p95", unit="s", observed=0.1, limit=0.09),
    ) == decision.breaches
    assert (
        "FAIL agent.chat@50 throughput observed=50/s limit=60/s interval=none" == decision.lines[0]
    )


def test_a_target_that_was_missed_before_is_told() -> None:
    """
    A target that the base misses too fails all the same, with a word that it is not news.
    """
    old = replace(OLD, targets={"latency.p95": 0.05})
    both = decide([old], [replace(old, commit=HEAD)])
    only_head = decide([replace(OLD, latency_ns=(MS,) * 100)], [old])

    assert Outcome.FAIL is both.outcome
    assert ("agent.chat@50 latency.p95: the base misses this target too",) == both.warnings
    assert () == only_head.warnings


def test_a_promise_is_broken_without_a_request() -> None:
    """
    A run that was asked for nothing may break its check all the same, and has no cause.
    """
    check = CheckResult(
        name="check.goodput.outage",
        passed=False,
        observed=0.0,
        limit=0.5,
        unit="ratio",
        text="none",
    )
    silent = replace(OLD, latency_ns=(), path=(), counts={})
    decision = decide([silent], [replace(silent, commit=HEAD, checks=(check,))])

    assert Outcome.FAIL is decision.outcome
    assert {} == decision.causes


def test_a_target_without_its_metric_is_undecided() -> None:
    """
    A P99 of 50 requests does not exist, so its target is not met by that.
    """
    run = make_run(latency_ns=[MS] * 50, targets={"latency.p99": 0.2})
    decision = decide([run], [run])

    assert Outcome.UNDECIDED is decision.outcome
    (line,) = decision.lines
    assert (
        "UNDECIDED agent.chat@50 latency.p99 target of 200 ms, and 50 requests give no such "
        "metric; they give latency.p50, latency.p95, latency.mean"
    ) == line


def test_duets() -> None:
    """
    Sampled benchmarks count like exact ones: regressed, undecided, fine.
    """
    fine, slow, open_ = duet(*[1.0] * 5), duet(*[1.5] * 5), duet(0.5, 2, 0.5, 2, 0.5)
    sure = replace(slow, confirmation=duet(*[1.4] * 5))

    assert Outcome.PASS is decide([], [], duets=[fine]).outcome
    assert Outcome.UNDECIDED is decide([], [], duets=[fine, slow]).outcome
    assert Outcome.FAIL is decide([], [], duets=[fine, sure]).outcome
    assert Outcome.UNDECIDED is decide([], [], duets=[fine, open_]).outcome
    assert (
        "FAIL cache.Memory.time_get cpu.median observed=1µs->1.5µs(+50%) limit=+15% "
        "interval=[+50%,+50%] confirmed=+40%[+40%,+40%]"
    ) == decide([], [], duets=[sure]).lines[0]


def test_a_move_of_all_is_told_and_fails_all_the_same() -> None:
    """
    Twelve benchmarks that became slower together are a warning, and regressions still;
    one more, which became slower by far more, is named.
    """
    slow = [duet(*[1.2] * 4, benchmark=f"b{index}.time") for index in range(12)]
    slower = duet(*[1.5] * 4, benchmark="c.time")
    decision = decide([], [], duets=[replace(one, confirmation=one) for one in (*slow, slower)])

    assert Outcome.FAIL is decision.outcome
    assert 13 == sum(line.startswith("FAIL") for line in decision.lines)
    assert decision.shift is not None
    assert (("c.time", "cpu.median"),) == decision.shift.standing_out
    assert (
        "most of 13 sampled benchmarks moved together, by +20% [+20%,+20%]: another interpreter "
        "or library, or code that all of them run through; beyond its limit even against the "
        "others: c.time cpu.median"
    ) in decision.warnings


def test_bad_samples_are_undecided() -> None:
    """
    A duet with a sample that is no number is undecided: neither passed nor failed.
    """
    decision = decide([], [], duets=[duet(1.0, math.nan, 1.0, 1.0, 1.0)])

    assert Outcome.UNDECIDED is decision.outcome
    assert "head gave nan in round 2" in decision.comparisons[0].reason


def test_target_of_a_duet() -> None:
    """
    A sampled metric has targets too, for the median of the head's rounds.
    """
    decision = decide(
        [], [], duets=[duet(*[1.0] * 5)], targets={"cache.*": {"cpu.median": "900ns"}}
    )

    assert Outcome.FAIL is decision.outcome
    assert "cpu.median observed=1µs limit=900ns" in decision.lines[0]


def test_targets_of_what_has_no_number() -> None:
    """
    A target of a run without requests, or of a duet without rounds or with bad ones, is
    undecided with the comparison, and told once.
    """
    empty = make_run(latency_ns=(), targets={"latency.p95": 0.1})
    targets = {"cache.*": {"cpu.median": "900ns"}}

    assert 1 == len(decide([], [empty]).comparisons)
    for rounds in ((), (math.nan,) * 5):
        decision = decide([OLD], [OLD], duets=[duet(*rounds)], targets=targets)
        assert Outcome.UNDECIDED is decision.outcome
        assert () == decision.breaches


def test_a_met_duet_target_is_no_breach() -> None:
    """
    A sampled metric within its target passes.
    """
    decision = decide([], [], duets=[duet(*[1.0] * 5)], targets={"cache.*": {"cpu.median": "1us"}})

    assert Outcome.PASS is decision.outcome


def test_a_duet_cannot_be_held_to_nothing() -> None:
    """
    The limit +0 for a sampled metric is a mistake in the configuration.
    """
    with pytest.raises(ConfigError, match="noise exceeds"):
        decide([], [], duets=[duet(*[1.0] * 5)], limits={"cpu.*": "+0"})
