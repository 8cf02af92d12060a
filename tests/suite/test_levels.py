"""Database connections in use over virtual time: exact, on every tier."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from agent_perf import codec, scenario
from agent_perf.gate import judge, make_policy
from agent_perf.load import Constant
from agent_perf.records import Outcome, Tier, Verdict
from agent_perf.sim import constant_table
from agent_perf.stats import summarize
from agent_perf.suite import run_load, run_scenario
from agent_perf.units import NS

NOTHING = {
    name: constant_table(name, seconds)
    for name, seconds in (("db.statement", 0.0), ("db.connect", 0.0), ("db.end", 0.0))
}


def holding(held_s: float, name: str = "shop.hold", **given):
    """Return a scenario whose requests hold a connection for *held_s*, then wait for 30 ms."""

    @scenario(name, think=None, tables=NOTHING, **given)
    async def hold(world):
        engine = world.database.engine(pool_size=20, max_overflow=0)

        async def request(ask):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                await asyncio.sleep(held_s)
            await asyncio.sleep(0.03)
            return "hit"

        yield request
        await engine.dispose()

    return hold


@pytest.mark.parametrize("tier", [Tier.CLIENT, Tier.STUB])
def test_the_mean_and_the_peak_are_exact(tier) -> None:
    """
    Eight users hold a connection for 10 of every 40 ms: two in use on average, all eight at
    once at the worst, to the nanosecond.
    """
    run = run_scenario(holding(0.01, users=(8,), requests=80), 8, commit="worktree", tier=tier)
    level = run.levels["db_in_use"]
    metrics = {metric.name: metric.value for metric in summarize(run)}

    assert (8, 80 * NS // 100, 400 * NS // 1000) == (level.peak, level.held_ns, level.length_ns)
    assert (2.0, 8) == (
        metrics["resources.db_in_use.mean"],
        metrics["resources.db_in_use.peak"],
    )
    assert run == codec.load_run(codec.dump_run(run), "it")


def test_holding_for_a_third_longer_fails_the_gate() -> None:
    """
    Though a request takes only a twelfth longer: 10 of 40 ms become 13.5 of 43.5.
    """
    base, head = (
        run_scenario(holding(held_s, users=(8,), requests=80), 8, commit=commit)
        for held_s, commit in ((0.01, "a" * 40), (0.0135, "b" * 40))
    )
    decision = judge(
        (base,), (head,), (), (), make_policy({}, {}), base_label="a" * 40, head_label="b" * 40
    )
    verdicts = {one.metric: one.verdict for one in decision.comparisons}

    assert Outcome.FAIL is decision.outcome
    assert Verdict.REGRESSED is verdicts["resources.db_in_use.mean"]
    assert Verdict.UNCHANGED is verdicts["resources.db_in_use.peak"]
    assert Verdict.SLOWER is verdicts["latency.p95"]


def test_a_load_tells_them_too() -> None:
    """
    Fifty arrivals a second, each holding for 10 ms: by Little's law, half a connection.
    """
    run = run_load(holding(0.01), Constant(rate_hz=50, for_s=4.0), users=5)
    level = run.levels["db_in_use"]

    assert 1 == level.peak
    assert 200 * NS // 100 == level.held_ns
