"""
The verbs that write what a project commits: baselines, and what it accepts.
"""

from __future__ import annotations

from datetime import datetime

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.group(short_help="Keep runs under a name, to compare with later.")
def baseline() -> None:
    """Keep runs under a name, to compare with later. Nothing updates them silently."""


@baseline.command("create")
@click.argument("name")
@click.argument("ref", default="HEAD")
@click.option("--replace", is_flag=True, help="Overwrite a baseline of that name.")
def baseline_create(name: str, ref: str, replace: bool) -> None:
    """Measure REF, where it is not stored, and keep it as NAME."""
    from agent_perf.cli.baseline import create

    end(create(name, ref, replace=replace))


@baseline.command("list")
@format_option
def baseline_list(form: str) -> None:
    """Show all baselines."""
    from agent_perf.cli.baseline import list_all

    end(list_all(form))


@baseline.command("promote")
@click.argument("source")
@click.argument("name")
@click.option("--replace", is_flag=True, help="Overwrite a baseline of that name.")
def baseline_promote(source: str, name: str, replace: bool) -> None:
    """Keep baseline SOURCE as NAME too."""
    from agent_perf.cli.baseline import promote

    end(promote(source, name, replace=replace))


@click.command(short_help="Accept a regression or missed target until a date.")
@click.argument("benchmark")
@click.argument("metric")
@click.option("--reason", required=True, help="Why it is accepted; others will ask.")
@click.option(
    "--until",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Last day on which it holds, as 2031-12-24, in UTC.",
)
@click.option("--at-most", metavar="PERCENT", help="Worse than that fails all the same, as 30%.")
@click.option("--author", default="", help="Who accepts it.")
def accept(
    benchmark: str, metric: str, reason: str, until: datetime, at_most: str | None, author: str
) -> None:
    """
    Accept a regression or a missed target until a date, in agent-perf-waivers.toml.

    BENCHMARK and METRIC are names or patterns, as agent.chat@* and latency.*. After the
    date the gate fails, until the entry is removed or renewed there. See docs/waivers.md.
    """
    from agent_perf.cli.accept import Wish, accept_lapse

    wish = Wish(
        benchmark=benchmark,
        metric=metric,
        reason=reason,
        until=until.date(),
        at_most=at_most,
        author=author,
    )
    end(accept_lapse(wish))
