"""Duets on a real repository with micro-benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_perf.config import Config
from agent_perf.records import DuetRun
from agent_perf.repository import find_repository
from agent_perf.suite import (
    DuetPlan,
    Duets,
    RoundNote,
    Schedule,
    Turn,
    lay_out,
    run_duets,
)
from tests.shop import commit, make_shop, write
from tests.suite.fixed_rounds import fixed_rounds

MICRO = """\
import itertools
import time
import shop_app
from shop_app import work

CALLS = itertools.count()

class Work:
    timer = time.process_time

    def time_work(self):
        work()

class Tail:
    def setup(self):
        self.calls = itertools.count()

    def time_tail(self):
        for _ in range(2 if shop_app.WORSE and next(self.calls) % 12 == 0 else 1):
            sum(range(20_000))

class Slow:
    timer = time.perf_counter

    def time_wait(self):
        time.sleep(0.02 if shop_app.WORSE else 0.01)

def peakmem_growth():
    return bytearray((80 if shop_app.WORSE else 40) << 20)

def time_broken():
    raise ValueError("it broke")

def time_hang():
    while shop_app.WORSE:
        time.sleep(1)

def time_after():
    work()

def time_a_dying():
    import os
    if shop_app.WORSE:
        os._exit(1)

def time_dies_later():
    import os, pathlib
    sum(range(2_000))
    if shop_app.WORSE and pathlib.Path("dead").exists():
        os._exit(1)
"""

APP = """\
WORSE = {}

def work():
    return sum(range({}))

async def answer(world): ...
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> DuetPlan:
    """Base and head, of which the head does all for the worse."""
    folder = tmp_path_factory.mktemp("duets")
    shop = make_shop(folder / "shop")
    write(shop, "benchmarks/micro.py", MICRO)
    write(shop, "shop_app.py", APP.format(False, 1000))
    commit(shop, "Work")
    write(shop, "shop_app.py", APP.format(True, 4000))
    commit(shop, "Work more")
    repository = find_repository(shop)
    base, head = (
        lay_out(repository, repository.resolve(ref), Config(), folder / ref)
        for ref in ("HEAD~1", "HEAD")
    )
    return DuetPlan(base=base, head=head, package="benchmarks", time_budget_s=60, time_limit_s=5)


def measure(
    plan: DuetPlan, *only: str, schedule: Schedule | None = None, budget_s: float = 60
) -> tuple[Duets, list[RoundNote]]:
    """Return what two rounds of *only* came to, or what *schedule* wants."""
    notes: list[RoundNote] = []
    plan = DuetPlan(
        base=plan.base,
        head=plan.head,
        package=plan.package,
        only=only,
        time_budget_s=budget_s,
        time_limit_s=plan.time_limit_s,
    )
    schedule = schedule or fixed_rounds(2, time_budget_s=budget_s)
    return run_duets(plan, schedule=schedule, on_round=notes.append), notes


def ratios(result: Duets) -> dict[str, list[float]]:
    """Return each duet's head / base, by benchmark and metric."""
    return {
        f"{run.benchmark.removeprefix('micro.')} {run.metric}": [
            head / base for base, head in zip(run.base, run.head, strict=True)
        ]
        for run in result.runs
    }


def test_rounds_are_paired_and_see_each_change_in_its_metric(plan) -> None:
    """Work shows in all CPU metrics, a tail in the P95 alone, memory in the peak; with conditions."""
    result, notes = measure(plan, "*time_work", "*time_tail", "*peakmem*", "*time_wait")

    seen = ratios(result)
    assert [1, 2] == [note.number for note in notes]
    assert () == result.failures
    assert {
        *(f"Work.time_work cpu.{name}" for name in ("median", "mean", "p95")),
        *(f"Tail.time_tail cpu.{name}" for name in ("median", "mean", "p95")),
        *(f"Slow.time_wait wall.{name}" for name in ("median", "mean")),
        "peakmem_growth memory.peak",
    } <= set(seen)
    assert all(2 == len(values) for values in seen.values())
    assert all(20 <= run.calls_per_round <= 200 for run in result.runs if "cpu" in run.metric)
    assert all(len(run.base) == len(run.conditions) for run in result.runs)
    assert all(value > 1.5 for value in seen["Work.time_work cpu.median"])
    assert 1.5 < math.prod(seen["Tail.time_tail cpu.p95"]) ** 0.5
    assert math.prod(seen["Tail.time_tail cpu.median"]) ** 0.5 < 1.3
    assert all(value > 1.2 for value in seen["Slow.time_wait wall.median"])
    assert all(1.2 < value < 2 for value in seen["peakmem_growth memory.peak"])


def test_broken_benchmarks_spare_the_others(plan) -> None:
    """One that raises, and one whose process dies, are told once and not run again."""
    result, _ = measure(plan, "*time_work", "*time_broken", "*time_a_dying", "*time_after")

    told = {one.benchmark: (one.category, one.message) for one in result.failures}
    assert {"micro.Work.time_work", "micro.time_after"} == {run.benchmark for run in result.runs}
    assert {
        "micro.time_broken": ("raised", "ValueError: it broke"),
        "micro.time_a_dying": ("crashed", "the process crashed"),
    } == told
    assert all("it broke" in one.traceback for one in result.failures if "broken" in one.benchmark)


def test_a_hang_ends_at_the_limit(plan) -> None:
    """A call that does not return is stopped, and told as of the head, which hangs."""
    result, _ = measure(plan, "*time_hang")

    (failure,) = result.failures
    assert ("time limit", "no answer within 5 s") == (failure.category, failure.message)
    assert plan.head.commit == failure.commit
    assert () == result.runs


def test_a_crash_in_the_confirmation_leaves_the_first_rounds(plan) -> None:
    """What was measured before it stays, without a confirmation, and the crash is told."""
    dead = Path(plan.head.root, "dead")

    def schedule(duets: Sequence[DuetRun], _: float) -> Turn | None:
        if not duets or duets[0].base:
            dead.touch()
        if not duets:
            return None
        return Turn(kind="confirm" if duets[0].base else "screen", wanted=frozenset({0}))

    try:
        result, notes = measure(plan, "*time_dies_later", schedule=schedule)
    finally:
        dead.unlink()

    assert ["screen", "confirm"] == [note.turn.kind for note in notes]
    assert "crashed" == result.failures[0].category
    assert (1, None) == (len(result.runs[0].base), result.runs[0].confirmation)


def test_no_time_leaves_every_benchmark_without_rounds(plan) -> None:
    """A budget of nothing: what there is is told, measured is nothing, no process is left."""
    result, notes = measure(plan, "*time_work", "*peakmem*", budget_s=0)

    assert [] == notes
    assert {"cpu.median": (), "memory.peak": ()} == {run.metric: run.base for run in result.runs}


def test_an_interrupt_returns_what_was_measured(plan) -> None:
    """Whoever stops it in the second round has the first one."""

    def interrupt(note: RoundNote) -> None:
        if note.number == 2:
            raise KeyboardInterrupt

    result = run_duets(
        DuetPlan(
            base=plan.base,
            head=plan.head,
            package=plan.package,
            only=("*time_work",),
            time_budget_s=60,
            time_limit_s=5,
        ),
        schedule=fixed_rounds(3, time_budget_s=60),
        on_round=interrupt,
    )

    assert result.interrupted
    assert [1] * 3 == [len(run.base) for run in result.runs]
