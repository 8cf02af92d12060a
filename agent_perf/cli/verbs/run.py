"""
The verb that measures commits, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.completing import ref_names
from agent_perf.cli.exits import end
from agent_perf.cli.live import live_options
from agent_perf.cli.options import (
    allow_host_option,
    cpu_option,
    format_option,
    fresh_option,
    jobs_option,
    max_cost_option,
    only_option,
    resources_option,
    tier_option,
)
from agent_perf.cli.session_record import recorded


@click.command("run")
@click.argument("refs", nargs=-1, metavar="[REF | A..B]...", shell_complete=ref_names)
@only_option
@fresh_option
@max_cost_option
@jobs_option
@cpu_option
@tier_option
@live_options
@allow_host_option
@resources_option
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Measure on the workers of a Dask cluster: dask://host:port, or local:4 for four "
    "processes here.",
)
@format_option
@recorded
def verb(refs: tuple[str, ...], **options: Any) -> None:
    """
    Measure commits and store the results.

    REF is a commit, branch or tag; A..B a range along the first parents, A included;
    'worktree' the files as they are. Without any: HEAD. What is stored already, for the
    same benchmarks, harness and packages, is not measured again.
    """
    from agent_perf.cli.heeding import refuse_unheeded
    from agent_perf.cli.live import time_of

    refuse_unheeded(time_of(options["tier"]))
    from agent_perf.cli.run import run_refs

    end(run_refs(refs or ("HEAD",), **options))
