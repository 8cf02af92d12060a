"""
Instruction counts of base and head, for ``agent-perf compare --instructions``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from agent_perf.cli.project import Project
from agent_perf.gate import is_suspected
from agent_perf.suite import (
    CountPlan,
    InstructionCounts,
    count_instructions,
    lay_out,
    require_callgrind,
)


def instructions_wanted(project: Project, option: bool | None) -> bool:
    """
    Return whether to count instructions.

    Args:
        project: Says so in its configuration.
        option: What the command line says; None: nothing.

    Raises:
        UsageError: If they are wanted and cannot be counted on this machine.
    """
    wanted = bool(project.config.instructions) if option is None else option
    if wanted:
        require_callgrind()
    return wanted


def count_commits(
    project: Project,
    base_id: str,
    head_id: str,
    only: tuple[str, ...],
    tell: Callable[[str], None],
) -> InstructionCounts:
    """
    Return the instructions of base and head, of what *only* and the configuration want.

    Args:
        project: Where the commits are.
        base_id: As Repository.resolve returned it.
        head_id: Likewise.
        only: Patterns of benchmark names; empty: all.
        tell: Told how far it is.

    Raises:
        UsageError: If instructions cannot be counted on this machine.
    """
    chosen = project.config.instructions
    with tempfile.TemporaryDirectory(prefix="agent-perf-") as folder:
        base, head = (
            lay_out(project.repository, commit, project.config, Path(folder) / name)
            for name, commit in (("base", base_id), ("head", head_id))
        )
        plan = CountPlan(
            base=base,
            head=head,
            package=project.config.benchmarks,
            only=(only, chosen if isinstance(chosen, tuple) else ()),
            time_limit_s=project.config.time_limit_s,
        )
        return count_instructions(
            plan, wants_second=lambda run: is_suspected(run, project.policy), tell=tell
        )
