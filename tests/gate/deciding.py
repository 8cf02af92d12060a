"""Runs to decide on, and the decision."""

from agent_perf.gate import judge, make_policy
from agent_perf.records import (
    Decision,
    DuetRun,
    Failure,
    Run,
    Verdict,
)
from tests.stats.example import make_run

MS = 1_000_000

BASE, HEAD = "b" * 40, "d" * 40


def decide(
    base: list[Run],
    head: list[Run],
    *,
    duets: list[DuetRun] | None = None,
    failures: list[Failure] | None = None,
    limits: dict[str, str] | None = None,
    targets: dict[str, dict[str, str]] | None = None,
) -> Decision:
    return judge(
        base,
        head,
        duets or [],
        failures or [],
        make_policy(limits or {}, targets or {}),
        base_label=BASE,
        head_label=HEAD,
    )


def slow_by(percent: int, **changes: object) -> Run:
    return make_run(latency_ns=[(100 + percent) * MS] * 100, commit=HEAD, **changes)  # type: ignore[arg-type]


def verdicts(decision: Decision) -> dict[str, Verdict]:
    return {one.metric: one.verdict for one in decision.comparisons}


def duet(*ratios: float, benchmark: str = "cache.Memory.time_get") -> DuetRun:
    # A clock that steps tells the same in each round; this one does not.
    base = tuple(1e-6 * (1, 1.001, 0.999)[index % 3] for index in range(len(ratios)))
    return DuetRun(
        benchmark=benchmark,
        metric="cpu.median",
        unit="s",
        base=base,
        head=tuple(before * ratio for before, ratio in zip(base, ratios, strict=True)),
        calls_per_round=200,
    )


OLD = make_run(latency_ns=[100 * MS] * 100, commit=BASE)
