"""
What to type next.
"""

from __future__ import annotations

import shlex
import sys

from agent_perf.cli.project import short_name
from agent_perf.records import Decision, Outcome
from agent_perf.report import Command, Stored
from agent_perf.scrubbing import harmless


def this_again(purpose: str) -> Command:
    """Return the command line that was typed, without secrets: it stands in the report."""
    return Command(purpose=purpose, line=shlex.join(["agent-perf", *map(harmless, sys.argv[1:])]))


def next_commands(decision: Decision, stored: Stored) -> list[Command]:
    """Return the commands that show it again, and that find the commit if it is not known."""
    base, head = short_name(decision.base), short_name(decision.head)
    if decision.outcome is Outcome.PASS or not decision.comparisons:
        return [Command(purpose="Compare again", line=f"agent-perf compare {base} {head}")]
    worst = shlex.quote(decision.comparisons[0].benchmark)
    again = Command(
        purpose="See it again, this benchmark alone",
        line=f"agent-perf compare {base} {head} --fresh --only {worst}",
    )
    between = stored.between
    if len(between) == 1 or (stored.steps and not any(one.failure for one in between)):
        # The culprit is known.
        return [again]
    find = Command(
        purpose="Find the commit",
        line=f"agent-perf run {base}..{head} && agent-perf report {base}..{head}",
    )
    return [again, find]
