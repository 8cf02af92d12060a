"""
The verbs that keep runs under a name, and their options.
"""

from __future__ import annotations

import click

from agent_perf.cli.completing import baseline_names, ref_names
from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.group("baseline")
def verb() -> None:
    """Keep runs under a name, to compare with later. Nothing updates them silently."""


@verb.command("create")
@click.argument("name")
@click.argument("ref", default="HEAD", shell_complete=ref_names)
@click.option("--replace", is_flag=True, help="Overwrite a baseline of that name.")
def create_baseline(name: str, ref: str, replace: bool) -> None:
    """Measure REF, where it is not stored, and keep it as NAME."""
    from agent_perf.cli.baseline import create

    end(create(name, ref, replace=replace))


@verb.command("list")
@format_option
def list_baselines(form: str) -> None:
    """Show all baselines."""
    from agent_perf.cli.baseline import list_all

    end(list_all(form))


@verb.command("promote")
@click.argument("source", shell_complete=baseline_names)
@click.argument("name")
@click.option("--replace", is_flag=True, help="Overwrite a baseline of that name.")
def promote_baseline(source: str, name: str, replace: bool) -> None:
    """Keep baseline SOURCE as NAME too."""
    from agent_perf.cli.baseline import promote

    end(promote(source, name, replace=replace))
