"""
Samples two commits in interleaved rounds, while the answer is open and the time lasts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_perf.cli.project import Project
from agent_perf.gate import may_be_spared
from agent_perf.suite import DuetPlan, Duets, RoundNote, lay_out, run_duets, sequential

_NAMED_MAX: Final = 3
"""Benchmarks of a round that are told by name."""


def sample_commits(
    project: Project,
    base: str,
    head: str,
    *,
    only: tuple[str, ...],
    time_budget_s: float,
    rounds_max: int | None,
    spare: bool,
    say: Callable[[str], None],
) -> Duets:
    """
    Return the rounds of all micro-benchmarks that *base* and *head* share.

    Args:
        project: Where they are.
        base: What Repository.resolve returned.
        head: Likewise.
        only: Patterns of benchmark names; empty: all.
        time_budget_s: Seconds after which no round is begun.
        rounds_max: First rounds of a metric at most, and again of its confirmation; None: as
            many as it may take.
        spare: Whether what runs the same code on both is left out, and told as such.
        say: Told of each round, in a line.
    """
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        trees = {
            name: lay_out(project.repository, commit, project.config, Path(folder) / name)
            for name, commit in (("base", base), ("head", head))
        }
        plan = DuetPlan(
            base=trees["base"],
            head=trees["head"],
            package=project.config.benchmarks,
            only=only,
            time_budget_s=time_budget_s,
            time_limit_s=project.config.time_limit_s,
            on_tracing=lambda count: say(f"tracing which files {count} benchmarks read"),
            spares=(lambda name: may_be_spared(name, project.policy)) if spare else None,
        )
        schedule = sequential(
            project.policy.limit_of, time_budget_s=time_budget_s, rounds_max=rounds_max
        )
        duets = run_duets(plan, schedule=schedule, on_round=lambda note: say(round_line(note)))
    if duets.same:
        say(f"{len(duets.same)} benchmarks run the same code on both sides and were not measured")
    return duets


def sampling_warnings(duets: Duets, time_budget_s: float) -> tuple[str, ...]:
    """
    Return what is to be told of how the sampling ended; nothing if it is all decided.

    Args:
        duets: What came of it.
        time_budget_s: What it was given.
    """
    if not duets.open_count:
        return ()
    metrics = f"{duets.open_count} sampled metric{'s' if duets.open_count > 1 else ''}"
    if duets.interrupted:
        return (f"interrupted while {metrics} had no answer yet",)
    ended = f"budget of {time_budget_s:g} s ended before {metrics} had an answer"
    return (f"{ended}; give more with --time-budget, or choose with --only",)


def round_line(note: RoundNote, *, verb: str = "sampling") -> str:
    """
    Return the line that tells of a round before it begins.

    Args:
        note: What is said of it.
        verb: What its first rounds are there for.
    """
    what = "confirming" if note.turn.kind == "confirm" else verb
    names = note.benchmarks
    told = f"{len(names)} benchmarks" if len(names) > _NAMED_MAX else ", ".join(names)
    return f"round {note.number} after {note.spent_s:.0f} s: {what} {told}"
