"""
The verbs about resources, and their options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import NumberRange, format_option, reports_option

_FOLDER = click.Path(path_type=Path, file_okay=False)

_process_options = (
    click.option(
        "--name", default="process", show_default=True, help="What it is called and compared by."
    ),
    click.option(
        "--interval",
        "interval_s",
        type=float,
        default=0.5,
        show_default=True,
        metavar="SECONDS",
        help="Between two looks, 0.05 to 10.",
    ),
    click.option(
        "--for", "for_s", type=NumberRange(min=0), metavar="SECONDS", help="Stop it then."
    ),
    click.option(
        "--db-port",
        "db_ports",
        type=click.IntRange(1, 65535),
        multiple=True,
        help="Count connections to this port as a database's.",
    ),
    click.option("--db-url", metavar="URL", help="Ask this PostgreSQL for its connections."),
    click.option(
        "--db-pool",
        "db_pool_size",
        type=click.IntRange(min=1),
        help="Connections that the pool may hold, for the share in use.",
    ),
)


def process_options(function: Any) -> Any:
    """Give a verb the options of what is sampled, and how."""
    for option in reversed(_process_options):
        function = option(function)
    return function


@click.group("resources")
def verb() -> None:
    """Sample what a command takes: CPU, memory, disk, network, connections."""


@verb.command(
    "record",
    short_help="Run a command and sample it until it ends.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("--pid", type=click.IntRange(min=1), help="Look at this process instead.")
@process_options
@click.option("--requests", type=click.IntRange(min=1), help="Answered meanwhile: CPU per request.")
@click.option(
    "--folder",
    type=_FOLDER,
    default=Path("reports/resources"),
    show_default=True,
    help="Where the recording is kept, as NAME-1.json, NAME-2.json...",
)
@format_option
def record(command: tuple[str, ...], **options: Any) -> None:
    """
    Run COMMAND, and sample it and all that it starts until it ends or Ctrl-C.

    What it takes is printed, and kept in a file. Exit codes: 0 recorded, 3 the command failed.
    """
    from agent_perf.cli.resources import RecordOptions, record_process

    end(record_process(command, RecordOptions(**options)))


@verb.command("show")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@format_option
def show(file: Path, form: str) -> None:
    """Print what the recording in FILE came to."""
    from agent_perf.cli.resources import show_recording

    end(show_recording(file, form))


@verb.command("compare", short_help="Judge recordings: verdict, report, exit code.")
@click.argument("base")
@click.argument("head")
@reports_option
@format_option
def compare(base: str, head: str, reports: Path | None, form: str) -> None:
    """
    Judge the recordings HEAD against BASE, write the report, end with the gate's exit code.

    Either is a folder of recordings, a file, or a pattern in quotes. They are paired in the
    order in which they were made; one a side is never enough for a verdict.
    """
    from agent_perf.cli.resource_compare import compare_recordings

    end(compare_recordings(base, head, reports=reports, form=form))


@verb.command("duet", short_help="Run two commands in turns until the answer is clear.")
@click.argument("base")
@click.argument("head")
@process_options
@click.option(
    "--rounds",
    "rounds_max",
    type=click.IntRange(min=4),
    default=30,
    show_default=True,
    help="Most starts of either command, those of a confirmation aside.",
)
@click.option(
    "--time-budget",
    "time_budget_s",
    type=NumberRange(min=0),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="After this long, no further round is begun.",
)
@click.option("--folder", type=_FOLDER, help="Keep all recordings there.")
@reports_option
@format_option
def duet(base: str, head: str, **options: Any) -> None:
    """
    Run the commands BASE and HEAD in turns, each in quotes, until the answer is clear.

    Each should do the same work, or be stopped by --for. A regression is measured again
    before it is told. Exit codes are the gate's.
    """
    from agent_perf.cli.resource_compare import DuetOptions, compare_commands

    end(compare_commands(base, head, DuetOptions(**options)))
