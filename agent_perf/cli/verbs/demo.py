"""
The verb that shows it at work, and its options.
"""

from __future__ import annotations

from pathlib import Path

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import jobs_option


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--open/--no-open", "show", default=True, help="Open the report in a browser.")
@jobs_option
def verb(folder: Path | None, show: bool, jobs: int | None) -> None:
    """
    See it work: a small agent backend with twelve commits, five of them regressions.

    Makes the repository in FOLDER (a temporary one if not given), measures its history
    and writes the report that names the five, each with its cause.
    """
    from agent_perf.cli.demo import run_demo

    end(run_demo(folder, show=show, jobs=jobs))
