"""
The verb that asks whether this machine is fit to measure, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, only_option, time_budget_option


@click.command("doctor")
@only_option
@time_budget_option
@click.option("--noise/--no-noise", default=True, help="Whether to measure benchmarks at all.")
@click.option(
    "--scenarios/--no-scenarios",
    default=True,
    help="Whether to try each scenario: set-up, real network, data left behind.",
)
@format_option
def verb(**options: Any) -> None:
    """
    Is this machine fit to measure, and how much noise does it add?

    Measures micro-benchmarks against themselves and tells how many rounds verdicts take;
    reports tell of it from then on. Exit codes: 0 healthy, 3 something is broken, 4 a limit
    of 15 % cannot be judged here.
    """
    from agent_perf.cli.doctor import DoctorOptions, diagnose

    end(diagnose(DoctorOptions(**options)))
