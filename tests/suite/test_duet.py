"""Duets on a real repository with micro-benchmarks."""

from __future__ import annotations

from pathlib import Path

from agent_perf.config import Config
from agent_perf.records import DuetRun
from agent_perf.repository import find_repository
from agent_perf.suite import DuetPlan, Duets, lay_out, run_duets
from tests.shop import commit, make_shop, write

MICRO = """\
import time
from shop_app import work

class Work:
    timer = time.process_time

    def time_work(self):
        work()

def time_broken():
    raise ValueError("it broke")

def time_hang():
    import shop_app
    while shop_app.HANGS:
        pass

def time_after():
    work()

def time_a_dying():
    import os, shop_app
    if shop_app.HANGS:
        os._exit(1)
"""


def duets(tmp_path: Path, only: tuple[str, ...], rounds: int = 2) -> tuple[Duets, list[int]]:
    shop = make_shop(tmp_path / "shop")
    app = "HANGS = {}\n\ndef work():\n    return sum(range({}))\n\nasync def answer(world): ...\n"
    write(shop, "benchmarks/micro.py", MICRO)
    write(shop, "shop_app.py", app.format(False, 1000))
    commit(shop, "Work")
    write(shop, "shop_app.py", app.format(True, 4000))
    commit(shop, "Work more")
    repository = find_repository(shop)
    base, head = (
        lay_out(repository, repository.resolve(ref), Config(), tmp_path / ref)
        for ref in ("HEAD~1", "HEAD")
    )
    told: list[int] = []
    plan = DuetPlan(
        base=base,
        head=head,
        package="benchmarks",
        only=only,
        time_budget_s=60,
        time_limit_s=5,
    )

    def needs_more(duet: DuetRun) -> bool:
        return len(duet.base) < rounds

    return run_duets(plan, needs_more=needs_more, on_round=lambda n, _: told.append(n)), told


def test_rounds_are_paired_and_see_the_change(tmp_path) -> None:
    """Four times the work takes clearly more CPU time in every round."""
    result, told = duets(tmp_path, ("*time_work",))

    (run,) = result.runs
    assert "micro.Work.time_work" == run.benchmark
    assert [1, 2] == told
    assert 2 == len(run.base) == len(run.head)
    assert 100 <= run.calls_per_round <= 200
    assert all(head > 1.5 * base for base, head in zip(run.base, run.head, strict=True))
    assert () == result.failures


def test_broken_benchmarks_spare_the_others(tmp_path) -> None:
    """One that raises, and one whose process dies, are told once and not run again."""
    result, _ = duets(tmp_path, ("*time_work", "*time_broken", "*time_a_dying", "*time_after"))

    messages = {failure.benchmark: failure.message for failure in result.failures}
    assert ["micro.Work.time_work", "micro.time_after"] == [run.benchmark for run in result.runs]
    assert {
        "micro.time_broken": "ValueError: it broke",
        "micro.time_a_dying": "the process crashed",
    } == messages


def test_a_hang_ends_at_the_limit(tmp_path) -> None:
    """A call that does not return is stopped, and told as of the head, which hangs."""
    result, _ = duets(tmp_path, ("*time_hang",))

    (failure,) = result.failures
    assert "no answer within 5 s" == failure.message
    assert () == result.runs
