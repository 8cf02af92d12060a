"""
The verb that puts scenarios under a load, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from agent_perf.cli.completing import load_names, scenario_names
from agent_perf.cli.exits import end
from agent_perf.cli.live import live_options
from agent_perf.cli.options import (
    NumberRange,
    allow_host_option,
    cpu_option,
    format_option,
    max_cost_option,
    reports_option,
    tier_option,
    undecided_option,
)
from agent_perf.cli.session_record import recorded

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("load")
@click.argument(
    "scenarios",
    nargs=-1,
    metavar="SCENARIO[=WEIGHT]...",
    shell_complete=scenario_names,
)
@click.option(
    "--named",
    metavar="NAME",
    shell_complete=load_names,
    help="A load of the configuration, [loads.NAME] there.",
)
@click.option(
    "--shape",
    type=click.Choice(["poisson", "constant", "gamma", "ramp", "spike", "burst", "stress", "soak"]),
    help="How requests arrive; poisson if only a rate is given.",
)
@click.option("--rate", "rate_hz", type=float, metavar="PER_S", help="Requests per second  [20].")
@click.option("--to", "to_hz", type=float, metavar="PER_S", help="Rate at the end; ramp, stress.")
@click.option("--for", "for_s", type=float, metavar="SECONDS", help="How long  [60; soak: 3600].")
@click.option("--trace", type=_FILE, help="Replay JSON lines: at_s, path, user, weight.")
@click.option("--access-log", type=_FILE, help="Replay an access log of nginx or uvicorn.")
@click.option("--speed", type=float, default=1.0, help="Replay so many times as fast.")
@click.option("--users", type=click.IntRange(min=1), help="Users who share the requests  [50].")
@click.option("--closed", is_flag=True, help="Users wait for the answer before they ask again.")
@click.option("--url", metavar="URL", help="A running service; names are of [requests.NAME].")
@click.option(
    "--workers", type=click.IntRange(1, 256), help="With --url: processes that send  [1]."
)
@click.option(
    "--watch", metavar="PID|:PORT|no", help="With --url: whose resources  [who listens there]."
)
@click.option(
    "--think",
    "think_s",
    type=NumberRange(min=0),
    metavar="SECONDS",
    help="With --url --closed: pause of a user after each answer  [0].",
)
@allow_host_option
@tier_option
@live_options
@cpu_option
@click.option("--seed", type=int, help="Of all draws; the scenario's if not given.")
@click.option("--within", "within_s", type=float, metavar="SECONDS", help="What is a good answer.")
@click.option(
    "--bucket",
    "bucket_s",
    type=float,
    metavar="SECONDS",
    help="Step of the timeline, doubled while there are too many  [a sixtieth].",
)
@click.option("--max-in-flight", "in_flight_max", type=int, help="Drop what would be beyond.")
@click.option("--max-rate", "rate_max_hz", type=float, metavar="PER_S", help="Drop the rest.")
@click.option("--find-knee", is_flag=True, help="Search the highest rate that keeps --target.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="METRIC<VALUE",
    help="What must hold, as 'p95<150ms', 'miss.p95<0.1', 'error_ratio<0.1%', 'throughput>20'; "
    "may be repeated.",
)
@click.option(
    "--own-targets/--no-own-targets",
    default=True,
    help="Whether the targets of the scenario and of the configuration hold, too  [they do].",
)
@click.option(
    "--time-budget",
    "time_budget_s",
    type=NumberRange(min=0, min_open=True),
    metavar="SECONDS",
    help="So long after the first, no more requests are sent; what was measured is told.",
)
@max_cost_option
@undecided_option
@reports_option
@format_option
@recorded
def verb(scenarios: tuple[str, ...], **options: Any) -> None:
    """
    Put scenarios under a load in virtual time, or a running service under a real one.

    Without a shape: the scenario's own load, or Poisson arrivals. Several scenarios share
    one world and the requests, by their weights. The result goes to reports/load/: a page,
    Markdown, JUnit, JSON, and a picture of its timeline. Exit codes: 1 a target or a check
    was missed, 3 not one request was answered, 4 not told, 5 none arrived,
    6 --max-cost was passed.
    """
    from agent_perf.cli.heeding import refuse_unheeded
    from agent_perf.cli.live import time_of
    from agent_perf.cli.load_options import LoadOptions

    asked = LoadOptions(**options)
    if asked.url is not None:
        from agent_perf.cli.load_live import load_service

        refuse_unheeded("with --url")
        end(load_service(scenarios, asked))
    refuse_unheeded(time_of(asked.tier), *(["with --find-knee"] if asked.find_knee else []))
    from agent_perf.cli.load import load_scenarios

    end(load_scenarios(scenarios, asked))
