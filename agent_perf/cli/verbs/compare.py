"""
The verb that judges one commit against another, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.completing import base_names, ref_names
from agent_perf.cli.exits import end
from agent_perf.cli.options import (
    format_option,
    fresh_option,
    max_cost_option,
    only_option,
    reports_option,
    resources_option,
    time_budget_option,
    undecided_option,
)
from agent_perf.cli.session_record import recorded


@click.command("compare")
@click.argument("base", required=False, shell_complete=base_names)
@click.argument("head", default="HEAD", shell_complete=ref_names)
@only_option
@fresh_option
@max_cost_option
@resources_option
@click.option("--exact-only", is_flag=True, help="Leave out what is sampled (CPU time).")
@click.option(
    "--instructions/--no-instructions",
    default=None,
    help="Count the instructions of micro-benchmarks, too, by valgrind: 50 to 160 times as slow "
    "as to run them; from the configuration if not given.",
)
@time_budget_option
@click.option(
    "--rounds",
    "rounds_max",
    type=click.IntRange(min=1),
    metavar="MAX",
    help="Sampled rounds of a metric at most, and again of its confirmation.",
)
@undecided_option
@reports_option
@format_option
@recorded
def verb(base: str | None, head: str, **options: Any) -> None:
    """
    Judge HEAD against BASE, write the report, and end with the gate's exit code.

    BASE is a ref or 'baseline:NAME'; if not given, the merge base with the default
    branch, or on that branch the commit before. HEAD may be 'worktree'.
    """
    from agent_perf.cli.compare import compare_refs
    from agent_perf.cli.evidence import CompareOptions

    end(compare_refs(base, head, CompareOptions(**options)))
