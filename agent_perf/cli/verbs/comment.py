"""
The verb that comments on a pull request, and its options.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from agent_perf.cli.exits import end


@click.command("comment")
@click.argument("report", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--pr", "number", type=click.IntRange(min=1), help="Pull request; the CI's if not given."
)
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
def verb(**options: Any) -> None:
    """
    Post the report as a comment on the pull request, or update the one that is there.

    REPORT is the report.md that `agent-perf ci` wrote. GitHub wants GITHUB_TOKEN with
    `pull-requests: write`, GitLab GITLAB_TOKEN with scope `api`. See docs/ci.md.
    """
    from agent_perf.cli.comment import CommentOptions, comment

    end(comment(CommentOptions(**options), os.environ))
