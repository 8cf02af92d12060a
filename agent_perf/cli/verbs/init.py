"""
The verb that gives a repository its first scenario, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@click.option(
    "--app",
    "target",
    metavar="MODULE:NAME",
    help="The application, agent, graph or async function to ask, as shop.main:app.",
)
@click.option(
    "--ci",
    type=click.Choice(["auto", "github", "gitlab", "none"]),
    default="auto",
    show_default=True,
    help="Whose CI file to write. auto: the one that is in use, or GitHub's.",
)
@click.option("--asv", is_flag=True, help="Write asv.conf.json, too.")
@click.option(
    "--run/--no-run", "runs", default=True, help="Whether to run the new scenario at once."
)
@format_option
def verb(**options: Any) -> None:
    """
    Give the project in FOLDER its first scenario, configuration and CI file.

    The project's source is read, not run: applications of FastAPI and Starlette, agents of
    pydantic-ai, graphs of LangGraph, async functions; what they talk to; what a request needs.
    Nothing that is there is overwritten. Then the scenario is run once. Exit codes: 0 it runs,
    2 nothing to start from, 3 it does not run yet: the files are there to go on with.
    """
    from agent_perf.cli.init import InitOptions, init_project

    end(init_project(InitOptions(**options)))
