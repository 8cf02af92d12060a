"""Commands of two trees, in turns."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from agent_perf.records import COMMAND_METRICS, CommandSpec, DuetRun, Environment, Failure
from agent_perf.suite import CommandSide, Tree, run_command, run_command_rounds

SPEC = CommandSpec(
    name="batch.nightly",
    command=(sys.executable, "-I", "-S", "batch.py"),
    timeout_s=20.0,
    warmup=1,
    executions=2,
    environment=Environment(python="3.11", harness="a" * 64, scenario="b" * 64),
)


def side(folder: Path, code: str) -> CommandSide:
    folder.mkdir()
    (folder / "batch.py").write_text(code)
    tree = Tree(commit=folder.name, root=folder, path=(folder,))
    return CommandSide(tree=tree, specs={SPEC.name: SPEC})


def rounds_of(count: int):
    """Return a rule that wants *count* rounds of everything."""

    def wants(duets: list[DuetRun]) -> frozenset[int]:
        return frozenset(i for i, duet in enumerate(duets) if len(duet.base) < count)

    return wants


def test_a_run_forgets_its_warm_up(tmp_path) -> None:
    """What is measured are the executions after the warm-up, in the tree's folder."""
    place = side(tmp_path / "head", "open('log', 'a').write('x')")

    run = run_command(SPEC, place.tree)

    assert not isinstance(run, Failure)
    assert (2, "head") == (len(run.executions), run.commit)
    assert "xxx" == (place.tree.root / "log").read_text()
    assert [*COMMAND_METRICS] == [metric.name for metric in run.metrics()]
    assert all(metric.sample_count == 2 for metric in run.metrics())


def test_rounds_pair_the_executions_of_both_sides(tmp_path) -> None:
    """Each round holds one execution of either side; a suspicion is measured afresh."""
    base = side(tmp_path / "base", "open('log', 'a').write('x')")
    head = side(tmp_path / "head", "open('log', 'a').write('x'); bytearray(64 * 2**20)")
    told = []

    def wants_confirmation(duets):
        return frozenset(
            i for i, duet in enumerate(duets) if duet.metric == "memory.peak"
            and (duet.confirmation is None or len(duet.confirmation.base) < 2)
        )  # fmt: skip

    took = run_command_rounds(
        base,
        head,
        wants_round=rounds_of(3),
        wants_confirmation=wants_confirmation,
        time_budget_s=60.0,
        on_round=lambda what, count: told.append((what, count)),
    )

    memory = next(duet for duet in took.runs if duet.metric == "memory.peak")
    assert (3, 3) == (len(memory.base), len(memory.head))
    assert min(memory.head) > max(memory.base) + 60 * 2**20
    assert memory.confirmation is not None
    assert 2 == len(memory.confirmation.base)
    assert "x" * (1 + 3 + 2) == (tmp_path / "base" / "log").read_text()
    assert [("commands, round 1", 1), ("commands, confirmation 2", 1)] == [told[0], told[-1]]
    assert not took.failures
    assert not took.is_cut_short


def test_a_command_that_breaks_is_told_with_its_side(tmp_path) -> None:
    """What fails on one side has no rounds, and the failure names the commit and the reason."""
    base = side(tmp_path / "base", "raise SystemExit('no orders')")
    head = side(tmp_path / "head", "pass")

    took = run_command_rounds(
        base,
        head,
        wants_round=rounds_of(3),
        wants_confirmation=rounds_of(0),
        time_budget_s=60.0,
        on_round=lambda what, count: None,
    )
    (failure,) = took.failures

    assert () == took.runs
    assert ("base", "command") == (failure.commit, failure.category)
    assert failure.message.endswith("ended with exit 1: no orders")


def test_a_budget_that_ends_is_told(tmp_path) -> None:
    """Without time no round is begun; a command of one side alone is not compared."""
    base, head = side(tmp_path / "base", "pass"), side(tmp_path / "head", "pass")
    alone = replace(base, specs={})

    cut = run_command_rounds(
        base,
        head,
        wants_round=rounds_of(1),
        wants_confirmation=rounds_of(0),
        time_budget_s=0.0,
        on_round=lambda what, count: None,
    )
    lonely = run_command_rounds(
        alone,
        head,
        wants_round=rounds_of(1),
        wants_confirmation=rounds_of(0),
        time_budget_s=60.0,
        on_round=lambda what, count: None,
    )

    assert cut.is_cut_short
    assert ((), False) == (lonely.runs, lonely.is_cut_short)
