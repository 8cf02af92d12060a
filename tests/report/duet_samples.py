"""Decisions on samples, and the noise of a machine."""

from __future__ import annotations

from dataclasses import replace

from agent_perf.records import (
    Comparison,
    Confirmation,
    Decision,
    DuetRun,
    Evidence,
    Machine,
    MachineNoise,
    MetricNoise,
    Outcome,
    RoundConditions,
    RoundsNeeded,
    Verdict,
)
from tests.report.samples import BASE, HEAD


def _needed(*rounds: int | None) -> tuple[RoundsNeeded, ...]:
    limits = (0.15, 0.10, 0.05)
    pairs = zip(limits, rounds, strict=True)
    return tuple(RoundsNeeded(limit_ratio=limit, round_count=count) for limit, count in pairs)


NOISE = MachineNoise(
    machine=Machine(
        name="bench-1",
        system="Linux 6.1",
        processor="a processor",
        core_count=4,
        memory_bytes=8 << 30,
        swap_used_bytes=0,
        disk_free_bytes=64 << 30,
        cpu_clock_step_s=1e-9,
        wall_clock_step_s=1e-9,
    ),
    measured_at="2026-01-31T12:00:00Z",
    commit="worktree",
    python="CPython 3.11.7",
    metrics=(
        MetricNoise(
            benchmark="cache.Memory.cpu_get_hit",
            metric="cpu.p95",
            round_count=12,
            noise_ratio=0.142,
            bias_ratio=0.01,
            beyond_count=3,
            rounds_needed=_needed(None, None, None),
            design_effect=11.5,
            round_s=0.2,
        ),
        MetricNoise(
            benchmark="pool.Checkout.cpu_fast",
            metric="cpu.p95",
            round_count=12,
            noise_ratio=0.012,
            bias_ratio=-0.001,
            beyond_count=0,
            rounds_needed=_needed(5, 5, 8),
            design_effect=3.2,
            round_s=0.2,
        ),
    ),
    spent_s=48.0,
)
"""A machine on which one of two metrics is too noisy for any limit."""


def sampled() -> tuple[Decision, tuple[DuetRun, ...]]:
    """Three sampled benchmarks: one cannot be decided, one not confirmed, one is fine."""
    base = tuple(31e-6 + index * 2e-7 for index in range(12))
    conditions = tuple(
        RoundConditions(
            pressure_ratio=0.9 if busy else 0.04, steal_ratio=0.0, switches_count=31 if busy else 2
        )
        for busy in (True, False, False, False, True, True, *[False] * 6)
    )
    noisy = (1.31, 0.98, 1.22, 1.04, 0.94, 1.28, 1.11, 1.02, 1.35, 0.99, 1.2, 1.06)
    quiet = (1.01, 0.99, 1.0, 1.02, 1.01, 0.98, 1.0, 1.01, 0.99, 1.0, 1.01, 1.0)
    duets = tuple(
        DuetRun(
            benchmark=name,
            metric="cpu.p95",
            unit="s",
            base=base,
            head=tuple(one * by for one, by in zip(base, factors, strict=True)),
            calls_per_round=200,
            conditions=conditions,
        )
        for name, factors in (
            ("cache.Memory.cpu_get_hit", noisy),
            ("pool.Checkout.cpu_fast", quiet),
        )
    )
    suspected = replace(
        duets[1],
        benchmark="queue.Take.cpu_one",
        head=tuple(one * 1.22 for one in duets[1].head),
    )
    again = replace(
        duets[1], benchmark=suspected.benchmark, base=base[:5], head=base[:5], conditions=()
    )
    duets = (*duets, replace(suspected, confirmation=again))

    def comparison(
        name: str, change: float, low_high: tuple[float, float], verdict: Verdict, reason: str
    ) -> Comparison:
        return Comparison(
            benchmark=name,
            metric="cpu.p95",
            unit="s",
            evidence=Evidence.SAMPLED,
            base=32.1e-6,
            head=32.1e-6 * (1 + change),
            change_ratio=change,
            interval=low_high,
            limit_ratio=0.15,
            verdict=verdict,
            reason=reason,
            sample_count=12,
        )

    decision = Decision(
        base=BASE,
        head=HEAD,
        outcome=Outcome.UNDECIDED,
        comparisons=(
            comparison(
                "cache.Memory.cpu_get_hit",
                0.118,
                (0.031, 0.212),
                Verdict.UNDECIDED,
                "the interval reaches over the limit of 15 % after 12 rounds, and the budget is spent",
            ),
            comparison(
                "pool.Checkout.cpu_fast", 0.003, (-0.006, 0.012), Verdict.UNCHANGED, "within noise"
            ),
            replace(
                comparison(
                    "queue.Take.cpu_one",
                    0.224,
                    (0.213, 0.235),
                    Verdict.UNDECIDED,
                    "suspected after 12 rounds, and 5 fresh ones do not uphold it",
                ),
                confirmation=Confirmation(
                    change_ratio=0.0,
                    interval=(-0.01, 0.01),
                    round_count=5,
                    verdict=Verdict.UNCHANGED,
                ),
            ),
        ),
        breaches=(),
        failures=(),
        causes={},
        lines=("UNDECIDED cache.Memory.cpu_get_hit cpu.p95 change=+11.8 % interval=+3.1..+21.2 %",),
        warnings=("the machine was under pressure in 3 of 12 rounds",),
    )
    return decision, duets
