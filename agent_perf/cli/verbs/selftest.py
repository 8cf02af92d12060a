"""
The verb that asks whether scenarios give the same answer again, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.completing import benchmark_names
from agent_perf.cli.exits import end
from agent_perf.cli.options import cpu_option, exact_tier_option, format_option


@click.command("selftest")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", shell_complete=benchmark_names)
@click.option(
    "--times",
    type=click.IntRange(min=2),
    default=2,
    show_default=True,
    help="Processes: one plain, the others hostile.",
)
@click.option("--all-loads", is_flag=True, help="Every load; the largest only if not given.")
@click.option(
    "--ties",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also run with timers of one instant in N other orders, and tell what moves.",
)
@click.option("--busy/--idle", default=True, help="Whether cores may be kept busy meanwhile.")
@exact_tier_option
@cpu_option
@format_option
def verb(patterns: tuple[str, ...], **options: Any) -> None:
    """
    Run scenarios in hostile processes: do they give the same answer, step by step?

    Other hash seeds, addresses, garbage collections, time zones, locales, folders and
    environments, while cores are busy. What diverges is told with its first differing
    step and the likely cause. Exit codes: 0 all the same, 1 one diverges, 3 one is broken.
    """
    from agent_perf.cli.selftest import SelftestOptions, run_selftest

    end(run_selftest(patterns, SelftestOptions(**options)))
