"""
The verb that asks scenarios named questions, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.completing import scenario_names
from agent_perf.cli.exits import end
from agent_perf.cli.live import live_options
from agent_perf.cli.options import allow_host_option, format_option, tier_option


@click.command("cases")
@click.argument(
    "scenarios", nargs=-1, required=True, metavar="SCENARIO...", shell_complete=scenario_names
)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Only cases that match, as 'unicode.*'."
)
@click.option("--edge/--no-edge", default=True, help="Whether to ask the edge cases, too.")
@click.option("--all", "show_all", is_flag=True, help="Print those that ended as they should, too.")
@tier_option
@live_options
@allow_host_option
@format_option
def verb(scenarios: tuple[str, ...], **options: Any) -> None:
    """
    Ask scenarios named questions, and tell which end otherwise than they should.

    Edge cases (Unicode, SQL, empty, endless...) and the scenario's own (cases=...), of which
    error_cases() are some: models, Redis and databases that fail. The request gets the
    question as ask.text. Exit codes: 0 all as expected, 1 one is not.
    """
    from agent_perf.cli.heeding import refuse_unheeded
    from agent_perf.cli.live import time_of

    refuse_unheeded(time_of(options["tier"]))
    from agent_perf.cli.cases import CasesOptions, check_cases

    end(check_cases(scenarios, CasesOptions(**options)))
