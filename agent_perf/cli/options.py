"""
Options that several verbs have.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click


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


only_option = click.option(
    "--only", multiple=True, metavar="PATTERN", help="Only benchmarks that match, as 'agent.*'."
)
fresh_option = click.option(
    "--fresh",
    is_flag=True,
    help="Measure again what is already stored; and in `compare`, what runs the same code.",
)
tier_option = click.option(
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
time_budget_option = click.option(
    "--time-budget",
    "time_budget_s",
    type=NumberRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="After this long, no further round of sampled benchmarks is begun.",
)
