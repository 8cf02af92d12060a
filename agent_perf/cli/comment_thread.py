"""
Which pull request is commented on, where its forge is, and which comment is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from agent_perf.errors import UsageError

MARKER: Final = re.compile(r"<!-- agent-perf:[\w.-]+ -->")

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_PULL_REF: Final = re.compile(r"refs/pull/(\d+)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """
    The comments of one pull request, and who may write there.

    Attributes:
        forge: Whose API it is.
        name: As people say it: ``owner/name#7``.
        api_url: Of the API, without a slash at its end.
        comments: Path of all comments below *api_url*; with an id after it, GitLab's of one.
        comment: Path of one comment, up to its id.
        token: Never printed.
        token_name: The variable it came from.
        run_url: Page of the CI's run; empty if it is not known.
    """

    forge: Literal["github", "gitlab"]
    name: str
    api_url: str
    comments: str
    comment: str
    token: str = field(repr=False)
    token_name: str
    run_url: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        if self.forge == "github":
            named = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
            return {**named, "Authorization": f"Bearer {self.token}"} if self.token else named
        return {"PRIVATE-TOKEN": self.token} if self.token else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment: its id, its text, and who wrote it."""

    id: int
    body: str
    author: str
    is_bot: bool = False


def find_thread(
    environ: Mapping[str, str], event: Mapping[str, Any], *, number: int | None = None
) -> Thread:
    """
    Return where the CI around would have a report told.

    Args:
        environ: Variables of the process.
        event: What GITHUB_EVENT_PATH holds; empty elsewhere.
        number: Of the pull request; None: the CI's.

    Raises:
        UsageError: If a variable is missing, or names something that a token must not go to.
    """
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ, number)
    if environ.get("GITHUB_REPOSITORY"):
        return _github(environ, event, number)
    raise UsageError(
        "there is no pull request to comment on: neither GITHUB_REPOSITORY nor GITLAB_CI is set; "
        "run it in the CI, or set GITHUB_REPOSITORY=owner/name and GITHUB_TOKEN and give --pr"
    )


def own_comment(comments: Iterable[Comment], marker: str, me: str | None) -> Comment | None:
    """
    Return the comment that a report with *marker* replaces; None if there is none yet.

    Anybody can write the marker into a comment of theirs. So it must be ours: of the account
    *me*, or of some bot where a token does not tell whose it is, as those of GitHub's jobs.

    Args:
        comments: In any order.
        marker: First line of the report.
        me: Account that the token is of; None if it does not tell.
    """
    for one in comments:
        is_ours = one.is_bot if me is None else one.author == me
        if is_ours and one.body.lstrip().startswith(marker):
            return one
    return None


def with_footer(markdown: str, thread: Thread) -> str:
    """Return *markdown* with a link to the run of the CI below it, if it is known."""
    if not thread.run_url:
        return markdown
    return f"{markdown.rstrip()}\n\n[The run, with the whole report]({thread.run_url})\n"


def _github(environ: Mapping[str, str], event: Mapping[str, Any], number: int | None) -> Thread:
    repository = environ["GITHUB_REPOSITORY"]
    if not re.fullmatch(r"\w[\w.-]*/(?!\.{1,2}$)[\w.-]+", repository):
        raise UsageError(f"GITHUB_REPOSITORY={repository!r}; want owner/name")
    found = number or _number_of(event, environ.get("GITHUB_REF", ""))
    if found is None:
        raise UsageError(
            f"the event {environ.get('GITHUB_EVENT_NAME', 'here')!r} belongs to no pull request: "
            "comment in a job `on: pull_request`, or give --pr NUMBER"
        )
    token_name = "GITHUB_TOKEN" if environ.get("GITHUB_TOKEN") else "GH_TOKEN"
    run = environ.get("GITHUB_RUN_ID", "")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    return Thread(
        forge="github",
        name=f"{repository}#{found}",
        api_url=_safe(environ.get("GITHUB_API_URL") or "https://api.github.com", "GITHUB_API_URL"),
        comments=f"/repos/{repository}/issues/{found}/comments",
        comment=f"/repos/{repository}/issues/comments/",
        token=environ.get(token_name, ""),
        token_name="GITHUB_TOKEN",
        run_url=f"{server}/{repository}/actions/runs/{run}" if run.isdecimal() else "",
    )


def _number_of(event: Mapping[str, Any], ref: str) -> int | None:
    """Return the pull request that *event* is about."""
    about = event.get("workflow_run")
    pulls = about.get("pull_requests") if isinstance(about, Mapping) else None
    candidates = [event.get("pull_request"), *(pulls if isinstance(pulls, list) else [])]
    issue = event.get("issue")
    if isinstance(issue, Mapping) and "pull_request" in issue:
        candidates.append(issue)
    for one in candidates:
        number = one.get("number") if isinstance(one, Mapping) else None
        if isinstance(number, int):
            return number
    found = _PULL_REF.match(ref)
    return int(found[1]) if found else None


def _gitlab(environ: Mapping[str, str], number: int | None) -> Thread:
    project = environ.get("CI_MERGE_REQUEST_PROJECT_ID") or environ.get("CI_PROJECT_ID", "")
    found = str(number or environ.get("CI_MERGE_REQUEST_IID", ""))
    if not project or not found:
        raise UsageError(
            "CI_MERGE_REQUEST_IID or CI_PROJECT_ID is not set: comment in a job with the rule "
            '`$CI_PIPELINE_SOURCE == "merge_request_event"`, or give --pr NUMBER'
        )
    notes = f"/projects/{quote(project, safe='')}/merge_requests/{quote(found, safe='')}/notes"
    url = environ.get("CI_API_V4_URL") or "https://gitlab.com/api/v4"
    return Thread(
        forge="gitlab",
        name=f"{environ.get('CI_PROJECT_PATH') or project}!{found}",
        api_url=_safe(url, "CI_API_V4_URL"),
        comments=notes,
        comment=f"{notes}/",
        token=environ.get("GITLAB_TOKEN", ""),
        token_name="GITLAB_TOKEN",
        run_url=environ.get("CI_PIPELINE_URL", ""),
    )


def _safe(url: str, variable: str) -> str:
    """Return *url* without a slash at its end; a token is not sent in the clear."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url.rstrip("/")
    raise UsageError(f"{variable}={url!r}; want https://…: a token would travel in the clear")
