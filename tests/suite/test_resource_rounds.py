"""What scenarios take, in interleaved rounds of real processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_perf.config import Config
from agent_perf.records import DuetRun
from agent_perf.repository import find_repository
from agent_perf.suite import (
    ResourcePlan,
    ResourceRounds,
    lay_out,
    measure_tree,
    run_resource_rounds,
)
from agent_perf.units import MIB
from tests.shop import commit, make_shop, write

HUNGRY = """\
KEPT = []


async def answer(world):
    if not KEPT:
        KEPT.append(bytearray({mib} << 20))
    sum(range({steps}))
    await world.tool("look up")
    return "hit"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    shop = make_shop(tmp_path_factory.mktemp("resources") / "shop")
    write(shop, "shop_app.py", HUNGRY.format(mib=8, steps=20_000))
    commit(shop, "Work and keep")
    write(shop, "shop_app.py", HUNGRY.format(mib=248, steps=80_000))
    commit(shop, "Work four times as much, and keep 240 MiB more")
    return shop


def rounds(shop: Path, folder: Path, base: str, head: str, **given) -> ResourceRounds:
    repository = find_repository(shop)
    trees = [
        lay_out(repository, repository.resolve(ref), Config(), folder / side)
        for side, ref in (("base", base), ("head", head))
    ]
    wanted = given.pop("rounds", 1)

    def wants(duets: Sequence[DuetRun]) -> frozenset[int]:
        return frozenset(i for i, duet in enumerate(duets) if len(duet.base) < wanted)

    def wants_confirmation(duets: Sequence[DuetRun]) -> frozenset[int]:
        return frozenset(i for i, duet in enumerate(duets) if duet.confirmation is None)

    return run_resource_rounds(
        ResourcePlan(
            base=trees[0],
            head=trees[1],
            package="benchmarks",
            only=("shop.answer@1",),
            interval_s=0.05,
            time_limit_s=60,
            **{"time_budget_s": 60, **given},
        ),
        wants_round=wants,
        wants_confirmation=wants_confirmation,
        on_round=lambda what, count: None,
    )


def test_cpu_and_memory_of_both_sides_are_measured(shop, tmp_path) -> None:
    """
    CPU seconds per request and the peak of memory, in pairs; what was planted shows in
    each round, and in the confirmation too.
    """
    found = rounds(shop, tmp_path, "HEAD~1", "HEAD")
    duets = {duet.metric: duet for duet in found.runs}
    cpu, memory = duets["resources.cpu"], duets["memory.peak"]

    assert {"resources.cpu", "memory.peak"} == set(duets)
    assert {"shop.answer@1"} == {duet.benchmark for duet in found.runs}
    assert (1, 1) == (len(cpu.base), len(cpu.confirmation.base))
    for base_s, head_s in zip(cpu.base, cpu.head, strict=True):
        assert 2 * base_s < head_s < 0.05
    assert 2 * cpu.confirmation.base[0] < cpu.confirmation.head[0]
    for base, head in zip(memory.base, memory.head, strict=True):
        # Pages that imports left cold may be reclaimed on either side.
        assert 210 * MIB < head - base < 270 * MIB
    assert () == found.failures
    base_run, head_run = found.recordings["shop.answer@1"]
    assert (120, 1) == (head_run.requests, head_run.cores)
    assert base_run.commit != head_run.commit


def test_without_time_there_is_no_round(shop, tmp_path) -> None:
    """
    A budget of nothing is kept.
    """
    assert ((), (), {}) == (
        (found := rounds(shop, tmp_path, "HEAD", "HEAD", time_budget_s=0)).runs,
        found.failures,
        found.recordings,
    )


@pytest.mark.slow
def test_a_benchmark_that_breaks_on_one_side_has_no_rounds(shop, tmp_path) -> None:
    """
    It is told as a failure of that side, and not asked again.
    """
    write(shop, "shop_app.py", "async def answer(world):\n    raise SystemError('broken')\n")
    commit(shop, "Break it")
    found = rounds(shop, tmp_path, "HEAD~1", "HEAD")
    (failure,) = found.failures

    assert () == found.runs
    assert "shop.answer@1" == failure.benchmark
    assert "broken" in failure.message


@pytest.mark.slow
def test_a_run_tells_what_it_took_if_asked(shop, tmp_path) -> None:
    """
    One worker, no turns: each run comes with its recording, and is otherwise the same.
    """
    repository = find_repository(shop)
    tree = lay_out(repository, repository.resolve("HEAD~1"), Config(), tmp_path / "tree")
    plain, watched = (
        next(
            event
            for event in measure_tree(
                tree, package="benchmarks", time_limit_s=60, only=("shop.answer@1",), **given
            )
            if event.kind == "run"
        )
        for given in ({}, {"resources_interval_s": 0.05})
    )

    assert plain.run == watched.run
    assert plain.resources is None
    assert watched.resources is not None
    assert watched.resources.cpu_s > 0.01
