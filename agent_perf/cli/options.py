"""
Options that several verbs have.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from agent_perf.amounts import parse_duration
from agent_perf.cli.completing import benchmark_names
from agent_perf.errors import ConfigError


class NumberRange(click.FloatRange):
    """
    Numbers within bounds; NaN is outside of any, though it is neither below nor above.
    """

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return *value* as a number, or end with what is wrong with it."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number; want one such as 2.5", param, ctx)
        return number


class Seconds(click.ParamType[float]):
    """
    A length of time of at least 0 s: ``90``, ``90s``, ``5m``, ``1h`` or ``500ms``.
    """

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return *value* in seconds, or end with what is wrong with it."""
        text = str(value).strip()
        try:
            if text.endswith("m"):
                return parse_duration(f"{text}in")
            number = float(text) if text[-1:] not in set("sinh") else parse_duration(text)
        except (ValueError, ConfigError):
            number = math.nan
        if not 0 <= number < math.inf:
            self.fail(f"{value!r} is no length of time; want one such as 90, 90s or 5m", param, ctx)
        return number


only_option = click.option(
    "--only",
    multiple=True,
    metavar="PATTERN",
    shell_complete=benchmark_names,
    help="Only benchmarks that match, as 'agent.*'.",
)
fresh_option = click.option(
    "--fresh",
    is_flag=True,
    help="Measure again what is already stored; and in `compare`, what runs the same code.",
)
tier_option = click.option(
    "--tier",
    type=click.Choice(["stub", "client", "wire", "live"]),
    default="client",
    show_default=True,
    help="How much of the real code runs: stubs, client libraries, or protocols as well; live: "
    "real services in real time.",
)
exact_tier_option = click.option(
    "--tier",
    type=click.Choice(["stub", "client", "wire"]),
    default="client",
    show_default=True,
    help="How much of the real code runs: stubs, client libraries, or protocols as well.",
)
cpu_option = click.option(
    "--cpu",
    type=click.Choice(["none", "operations", "calls"]),
    help="What CPU time is charged for in virtual time; as each scenario says if not given.",
)
format_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed on standard output.",
)
reports_option = click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the report; from the configuration if not given.",
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), help="Commits at a time; one per core if not given."
)
undecided_option = click.option(
    "--undecided",
    type=click.Choice(["fail", "pass"]),
    help="What an undecided gate ends with; from the configuration if not given.",
)
resources_option = click.option(
    "--resources",
    "resources_interval_s",
    type=NumberRange(0.05, 10),
    is_flag=False,
    flag_value=0.5,
    metavar="[SECONDS]",
    help="Also sample CPU, memory and more of each scenario's process, so often  [0.5].",
)
allow_host_option = click.option(
    "--allow-host",
    "allow_host",
    multiple=True,
    metavar="HOST",
    help="A host, other than this machine, that this may be done to; may be repeated.",
)
max_cost_option = click.option(
    "--max-cost",
    "max_cost_usd",
    type=NumberRange(min=0),
    metavar="USD",
    help="Dollars that the model calls of what is measured may come to: beyond, measuring stops "
    "with exit code 6; from the configuration if not given.",
)
time_budget_option = click.option(
    "--time-budget",
    "time_budget_s",
    type=Seconds(),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="After this long, no further round of sampled benchmarks is begun.",
)
