"""
``agent-perf comment``: the report as one comment on a pull request, kept up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from agent_perf.cli.ci_event import read_event
from agent_perf.cli.comment_api import CommentApi
from agent_perf.cli.comment_thread import MARKER, Thread, find_thread, own_comment, with_footer
from agent_perf.cli.output import say
from agent_perf.config import load_config
from agent_perf.errors import UsageError
from agent_perf.repository import find_repository

BODY_CHARS_MAX: Final = 65_536
"""GitHub refuses longer comments; GitLab takes a million characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentOptions:
    """
    What to tell; the attributes are the options of the verb.
    """

    report: Path | None = None
    number: int | None = None
    dry_run: bool = False


def comment(options: CommentOptions, environ: Mapping[str, str]) -> int:
    """
    Post the report, or update the comment that holds an older one; return 0.

    Args:
        options: The command line's.
        environ: Variables of the process.

    Raises:
        UsageError: If there is no report or pull request, or the token is missing or may not.
        ForgeError: If the forge fails.
    """
    markdown = _read(options.report or _default_report())
    event: Mapping[str, Any] = read_event(environ)
    thread = find_thread(environ, event, number=options.number)
    body = with_footer(markdown, thread)
    if thread.forge == "github" and len(body) > BODY_CHARS_MAX:
        raise UsageError(
            f"the report has {len(body):,} characters, and GitHub takes {BODY_CHARS_MAX:,}; "
            "comment with the report.md that `agent-perf ci` writes"
        )
    if not thread.token and not options.dry_run:
        raise UsageError(
            f"{thread.token_name} is not set: give it to the step, as {_token_example(thread)}"
        )
    if options.dry_run and not thread.token:
        say(f"would comment on {thread.name}; {thread.token_name} is not set, so nothing was read")
        click.echo(body)
        return 0
    with CommentApi(thread) as api:
        _post(api, thread, body, dry_run=options.dry_run)
    return 0


def _post(api: CommentApi, thread: Thread, body: str, *, dry_run: bool) -> None:
    marker = body.partition("\n")[0]
    older = own_comment(api.comments(), marker, api.whose())
    if dry_run:
        what = f"update comment {older.id} of" if older else "add a comment to"
        say(f"would {what} {thread.name}")
        click.echo(body)
        return
    if older is not None and older.body.strip() == body.strip():
        say(f"{thread.name}: the comment says so already")
        return
    where = api.replace(older, body) if older is not None else None
    if where is not None:
        say(f"{thread.name}: updated {where}")
        return
    # There was none, or somebody deleted it in the meantime.
    say(f"{thread.name}: added {api.add(body)}")


def _default_report() -> Path:
    repository = find_repository(Path.cwd())
    return repository.root / load_config(repository.root).reports / "report.md"


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"there is no report to comment with ({error}); write one with `agent-perf ci`"
        ) from None
    if not MARKER.fullmatch(text.partition("\n")[0]):
        raise UsageError(
            f"{path} does not begin with a mark such as <!-- agent-perf:project -->, by which its "
            "comment is found again; want the report.md that `agent-perf ci` writes"
        )
    return text


def _token_example(thread: Thread) -> str:
    if thread.forge == "github":
        return "env: {GITHUB_TOKEN: ${{ github.token }}}"
    return "a masked variable of the project, with a project access token of scope `api`"
