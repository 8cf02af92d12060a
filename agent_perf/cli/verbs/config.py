"""
The verb that shows and checks the configuration, and its options.
"""

from __future__ import annotations

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.group("config", invoke_without_command=True)
@format_option
@click.pass_context
def verb(ctx: click.Context, form: str) -> None:
    """
    Show each setting, its value, and where that comes from.

    A flag comes first, then AGENT_PERF_* of the environment, the profile, the file, the
    default. See docs/configuration.md.
    """
    if ctx.invoked_subcommand is None:
        from agent_perf.cli.config import show_config

        end(show_config(form))


@verb.command("check", short_help="Tell all that is wrong with it, at once.")
@format_option
def check(form: str) -> None:
    """
    Tell all that is wrong with the configuration, in any of its profiles, at once.

    Exit codes: 0 it is valid, 2 it is not.
    """
    from agent_perf.cli.config import check_config

    end(check_config(form))
