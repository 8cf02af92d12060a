"""
Which commits of a history changed what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from agent_perf.records import Decision, Run, Step, Verdict
from agent_perf.repository import Commit


def find_steps(
    commits: Sequence[Commit],
    runs: Mapping[str, Sequence[Run]],
    judge: Callable[[Commit, Commit], Decision],
) -> tuple[Step, ...]:
    """
    Return the commits at which something regressed, in order of history.

    Exact metrics need no statistics: each commit is judged against the measured one
    before it, and a difference is a fact. A commit without runs is passed over, and
    what it changed is told of the next measured one.

    Args:
        commits: Oldest first.
        runs: Commit id to its runs.
        judge: Decides about the second commit against the first.
    """
    measured = [commit for commit in commits if runs.get(commit.id)]
    steps = []
    for parent, commit in pairwise(measured):
        decision = judge(parent, commit)
        worse = tuple(c for c in decision.comparisons if c.verdict is Verdict.REGRESSED)
        if worse:
            touched = {comparison.benchmark for comparison in worse}
            steps.append(
                Step(
                    commit=commit.id,
                    parent=parent.id,
                    subject=commit.subject,
                    comparisons=worse,
                    causes={
                        name: causes for name, causes in decision.causes.items() if name in touched
                    },
                )
            )
    return tuple(steps)
