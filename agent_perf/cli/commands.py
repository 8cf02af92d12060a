"""
Command scenarios in ``run`` and ``compare``.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent_perf.cli.output import print_table, say
from agent_perf.cli.project import Project, short_name
from agent_perf.gate import Policy
from agent_perf.records import CommandRun, CommandSpec, DuetRun, Failure
from agent_perf.repository import WORKTREE
from agent_perf.stats import LOOKS, open_confirmations, open_duets
from agent_perf.suite import (
    CommandRounds,
    CommandSide,
    Tree,
    lay_out,
    run_command,
    run_command_rounds,
)
from agent_perf.units import format_value


@dataclass(slots=True, kw_only=True)
class Taken:
    """
    What commands took on one commit.

    Attributes:
        runs: By name.
        failures: What gave no value.
        kept_count: How many came from the store.
    """

    runs: dict[str, CommandRun] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    kept_count: int = 0


def measure_commands(
    project: Project,
    tree: Tree,
    specs: Sequence[CommandSpec],
    *,
    fresh: bool,
    stop: threading.Event,
) -> Taken:
    """
    Return what the commands of *tree* took; what is executed is stored.

    Args:
        project: Whose store it is.
        tree: Where they run.
        specs: The commands.
        fresh: Whether what is stored is executed again.
        stop: When set, no further command is executed.

    Raises:
        StoreError: If a run cannot be stored.
    """
    stored = project.store.load_commands(tree.commit) if specs and not fresh else {}
    taken = Taken()
    for spec in specs:
        if stop.is_set():
            break
        if spec.key in stored:
            taken.runs[spec.name] = stored[spec.key]
            taken.kept_count += 1
            continue
        run = run_command(spec, tree)
        if isinstance(run, Failure):
            taken.failures.append(run)
            continue
        taken.runs[spec.name] = run
        if tree.commit != WORKTREE:
            project.store.save_command(run)
    return taken


def show_commands(found: Mapping[str, Mapping[str, CommandRun]]) -> None:
    """Print a row for each command: the medians of its executions, by commit."""
    rows = []
    for commit, runs in found.items():
        for name, run in runs.items():
            values = (format_value(one.value, one.unit) for one in run.metrics())
            rows.append((f"{short_name(commit)}  {name}", *values, str(len(run.executions))))
    if rows:
        print_table(("commit    command", "wall", "CPU", "peak memory", "executions"), rows)
        say("what commands take is sampled on this machine; `agent-perf compare` judges it")


def sample_commands(
    project: Project,
    specs: Mapping[str, Sequence[CommandSpec]],
    *,
    time_budget_s: float,
    rounds_max: int | None,
    tell: Callable[[str], None],
) -> CommandRounds:
    """
    Return the rounds of the commands that both commits have.

    Args:
        project: Whose limits say how many.
        specs: Base and head, in this order, with their commands.
        time_budget_s: Real seconds after which no round is begun.
        rounds_max: Most first rounds, and most rounds of a confirmation; None: no bound but
            the rule's.
        tell: Told of each round, in a line.
    """
    most = rounds_max or LOOKS[-1]

    def limits(duets: Sequence[DuetRun]) -> list[float | None]:
        return [project.policy.limit_of(duet) for duet in duets]

    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        sides = [
            CommandSide(
                tree=lay_out(project.repository, commit, project.config, Path(folder) / name),
                specs={spec.name: spec for spec in found},
            )
            for name, (commit, found) in zip(("base", "head"), specs.items(), strict=True)
        ]
        return run_command_rounds(
            sides[0],
            sides[1],
            wants_round=lambda duets: open_duets(duets, limits(duets), most),
            wants_confirmation=lambda duets: open_confirmations(duets, limits(duets), most),
            time_budget_s=time_budget_s,
            on_round=lambda what, count: tell(f"{what}: {count}"),
        )


def command_warnings(took: CommandRounds, time_budget_s: float) -> tuple[str, ...]:
    """Return a word if the budget ended before the answers were there."""
    if not took.is_cut_short:
        return ()
    told = f"the time budget of {time_budget_s:g} s ended before all commands were decided"
    return (f"{told}; raise --time-budget, or choose commands with --only",)


def with_command_targets(policy: Policy, specs: Sequence[CommandSpec]) -> Policy:
    """Return *policy* with what the commands promise themselves, under what the project says."""
    own = {spec.name: policy.targets_for(spec.name, spec.targets) for spec in specs if spec.targets}
    return replace(policy, targets={**policy.targets, **own})
