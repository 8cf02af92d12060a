"""
``--resources``: what scenarios of two commits take, side by side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from agent_perf.cli.project import Project
from agent_perf.measure import check_interval
from agent_perf.records import DuetRun
from agent_perf.stats import open_confirmations, open_duets
from agent_perf.suite import ResourcePlan, ResourceRounds, lay_out, run_resource_rounds


class Sayer(Protocol):
    """Who is told how far it is."""

    def say(self, text: str) -> None:
        """Show one line."""


def sample_resources(
    project: Project,
    commits: tuple[str, str],
    *,
    only: tuple[str, ...],
    interval_s: float,
    time_budget_s: float,
    rounds_max: int,
    progress: Sayer,
) -> ResourceRounds:
    """
    Return what the scenarios of both commits take, in as many rounds as their answer wants.

    Args:
        project: Whose limits say how many.
        commits: Base and head.
        only: Patterns of benchmark names; empty: all.
        interval_s: Between two looks, as for measure.ResourceSampler.
        time_budget_s: Real seconds after which no round is begun.
        rounds_max: Most first rounds, and most rounds of a confirmation.
        progress: Told of each round.

    Raises:
        ConfigError: If *interval_s* cannot be kept.
    """
    check_interval(interval_s)

    def open_by(
        rule: Callable[[Sequence[DuetRun], Sequence[float | None], int], frozenset[int]],
    ) -> Callable[[Sequence[DuetRun]], frozenset[int]]:
        def wants(duets: Sequence[DuetRun]) -> frozenset[int]:
            return rule(duets, [project.policy.limit_of(duet) for duet in duets], rounds_max)

        return wants

    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        base, head = (
            lay_out(project.repository, commit, project.config, Path(folder) / side)
            for side, commit in zip(("base", "head"), commits, strict=True)
        )
        plan = ResourcePlan(
            base=base,
            head=head,
            package=project.config.benchmarks,
            only=only,
            interval_s=interval_s,
            time_budget_s=time_budget_s,
            time_limit_s=project.config.time_limit_s,
        )
        return run_resource_rounds(
            plan,
            wants_round=open_by(open_duets),
            wants_confirmation=open_by(open_confirmations),
            on_round=lambda what, count: progress.say(
                f"{what}: {f'{count} scenarios' if count else 'all scenarios'}"
            ),
        )


def budget_warning(took: ResourceRounds, time_budget_s: float) -> tuple[str, ...]:
    """Return a word if the budget ended before the answers were there."""
    if not took.is_cut_short:
        return ()
    told = f"the time budget of {time_budget_s:g} s ended before all resources were decided"
    return (f"{told}; raise --time-budget, or choose scenarios with --only",)
