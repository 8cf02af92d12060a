"""
The verb about what was, and its options.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end
from agent_perf.cli.options import format_option, jobs_option, only_option


@click.command("history")
@click.argument("revisions", metavar="[A..B]", required=False)
@click.option(
    "--asv",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Results folder of asv to read, instead of our own results.",
)
@only_option
@click.option("--metric", multiple=True, metavar="PATTERN", help="Only metrics that match.")
@click.option(
    "--target",
    multiple=True,
    metavar="[BENCHMARK:]METRIC=VALUE",
    help="When will a trend pass this? As latency.p95=150ms; besides configured targets.",
)
@click.option(
    "--above", default="3%", show_default=True, metavar="PERCENT", help="Smallest change told."
)
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Leave out older commits."
)
@click.option(
    "--acknowledge",
    metavar="COMMIT",
    help="Raise no alarm about its changes, of --only and --metric if given.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why they stay.")
@click.option(
    "--fail-on-unacknowledged", is_flag=True, help="End with 1 if a change for the worse is left."
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the report with its charts into this folder, too.",
)
@jobs_option
@format_option
def verb(revisions: str | None, **options: Any) -> None:
    """
    Tell which commits changed which metrics, newest first, and where it is heading.

    Along A..B, or all of HEAD's first parents. Exact metrics change where they differ;
    sampled ones where statistics are sure, within an interval of commits. What is
    acknowledged is listed and raises no alarm; it is kept in the file of waivers.
    """
    from agent_perf.cli.history import HistoryOptions, show_history

    end(show_history(revisions, HistoryOptions(**options)))
