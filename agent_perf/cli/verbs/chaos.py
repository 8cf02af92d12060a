"""
The verb that breaks running services on purpose, and its options.
"""

from __future__ import annotations

from typing import Any

import click

from agent_perf.cli.completing import chaos_names
from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, reports_option, undecided_option
from agent_perf.cli.session_record import recorded


@click.command("chaos")
@click.argument("name", shell_complete=chaos_names)
@click.option("--url", metavar="URL", help="The service that is asked, instead of the plan's.")
@click.option(
    "--worker",
    "workers",
    multiple=True,
    metavar="NAME=COMMAND",
    help="Start NAME with this command instead of the plan's; may be repeated.",
)
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="HOST",
    help="Break this host too, which is not this machine; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would happen when, and do nothing.")
@undecided_option
@reports_option
@format_option
@recorded
def verb(name: str, **options: Any) -> None:
    """
    Ask a running service, break what it stands on, and see whether it bears that.

    NAME is an experiment of the configuration, [chaos.NAME] there: proxies between the service
    and what it uses, processes, faults with their times, the steady state that must hold before
    and after each, and writes that must not be lost. The result goes to reports/chaos/. Exit
    codes: 1 a promise was broken, 3 the steady state did not even hold before the first fault,
    4 not told.
    """
    from agent_perf.cli.chaos import ChaosOptions, make_experiment

    end(make_experiment(name, ChaosOptions(**options)))
