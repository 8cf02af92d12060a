"""
The verb that accepts a regression until a date, and its options.
"""

from __future__ import annotations

from datetime import datetime

import click

from agent_perf.cli.completing import benchmark_names
from agent_perf.cli.exits import end


@click.command("accept")
@click.argument("benchmark", shell_complete=benchmark_names)
@click.argument("metric", nargs=-1, required=True)
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
def verb(
    benchmark: str,
    metric: tuple[str, ...],
    reason: str,
    until: datetime,
    at_most: str | None,
    author: str,
) -> None:
    """
    Accept a regression or a missed target until a date, in agent-perf-waivers.toml.

    BENCHMARK and each METRIC are names or patterns, as agent.chat@* and latency.*. After the
    date the gate fails, until the entry is removed or renewed there. See docs/waivers.md.
    """
    from agent_perf.cli.accept import Wish, accept_lapse

    wish = Wish(
        benchmark=benchmark,
        metrics=metric,
        reason=reason,
        until=until.date(),
        at_most=at_most,
        author=author,
    )
    end(accept_lapse(wish))
