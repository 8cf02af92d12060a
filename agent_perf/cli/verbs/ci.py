"""
The verb that a CI runs, and its options.
"""

from __future__ import annotations

import os
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import (
    Seconds,
    format_option,
    fresh_option,
    max_cost_option,
    only_option,
    reports_option,
    undecided_option,
)
from agent_perf.cli.session_record import recorded


@click.command("ci")
@click.option(
    "--base", metavar="REF", help="What to compare with; what the CI says, or the merge base."
)
@click.option("--head", metavar="REF", default="HEAD", show_default=True, help="What is judged.")
@only_option
@fresh_option
@max_cost_option
@click.option("--exact-only", is_flag=True, help="Leave out what is sampled (CPU time).")
@click.option(
    "--time-budget",
    "time_budget_s",
    type=Seconds(),
    default="5m",
    show_default=True,
    metavar="TIME",
    help="For all measuring, as 90s or 5m. What is exact is measured in any case; after it no "
    "further round of sampled benchmarks is begun.",
)
@undecided_option
@click.option(
    "--annotations",
    type=click.Choice(["auto", "github", "gitlab", "none"]),
    default="auto",
    show_default=True,
    help="What to tell the CI: remarks beside the code, summary, outputs. auto: by its variables.",
)
@reports_option
@format_option
@recorded
def verb(**options: Any) -> None:
    """
    Judge HEAD as the CI does: compare, report in every format, gate.

    The base is the merge base with the branch that the pull request goes into, which the CI's
    variables name; at a shell it is what `compare` takes. GitHub gets annotations, a summary
    and outputs, GitLab a code quality report; both take junit.xml. See docs/ci.md.
    """
    from agent_perf.cli.ci import CiOptions, run_ci

    end(run_ci(CiOptions(**options), os.environ))
