"""
The verb that holds predictions against real time, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.completing import scenario_names
from agent_perf.cli.exits import end
from agent_perf.cli.live import live_options
from agent_perf.cli.options import NumberRange, allow_host_option, format_option
from agent_perf.cli.session_record import recorded


@click.command("validate")
@click.argument("scenario", shell_complete=scenario_names)
@click.option(
    "--shares",
    default="20%,40%,55%,70%,85%",
    show_default=True,
    metavar="LIST",
    help="Rates, as shares of the highest that is carried.",
)
@click.option(
    "--requests",
    type=click.IntRange(min=100),
    default=600,
    show_default=True,
    help="At each rate, in each round.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Of all rates in turns; the median error counts.",
)
@click.option(
    "--learn",
    "learned",
    type=click.IntRange(min=100),
    default=300,
    show_default=True,
    help="Requests that CPU costs are learned from, one at a time.",
)
@click.option(
    "--error-max",
    default="10%",
    show_default=True,
    help="Largest error of a judged P95; beyond it the exit code is 1.",
)
@click.option(
    "--judged-to",
    default="70%",
    show_default=True,
    help="Rates beyond that share are told, not judged.",
)
@click.option(
    "--live-for",
    "live_for_s",
    type=NumberRange(min=1),
    metavar="SECONDS",
    help="Instead: so long in real time, at one rate,",
)
@click.option(
    "--virtual-for",
    "virtual_for_s",
    type=NumberRange(min=1),
    metavar="SECONDS",
    help="against so long in virtual time.",
)
@click.option("--rate", "rate_hz", type=float, metavar="PER_S", help="That rate  [40 %].")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first round.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the table into this Markdown file, between its marks.",
)
@live_options
@allow_host_option
@format_option
@recorded
def verb(**options: Any) -> None:
    """
    How well does virtual time predict real time, for SCENARIO on this machine?

    Asks it one request at a time on real services, to learn what work costs and how long services
    take; then at several rates up to its limit, in both times, the same requests at the same
    instants. Tells how far P50, P95, P99 and throughput are off. Exit codes: 0 the P95 is
    predicted within --error-max, 1 it is not, 2 usage, 3 it is broken, 4 others kept the machine
    busy.
    """
    from agent_perf.cli.validate import ValidateOptions, validate

    end(validate(ValidateOptions(**options)))
