"""
Which commit a CI says that the head is to be compared with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_perf.errors import RepositoryError
from agent_perf.repository import Repository

_FETCH: Final = (
    "fetch all of it: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in .gitlab-ci.yml, "
    "`git fetch --unshallow` at a shell; or name another with --base"
)

_MERGE_REF: Final = re.compile(r"refs/pull/\d+/merge")
_NO_COMMIT: Final = re.compile("0*")

_TARGET_BRANCHES: Final = (
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",  # Azure Pipelines
    "CHANGE_TARGET",  # Jenkins
    "DRONE_TARGET_BRANCH",
)
"""What other CI systems call the branch that a pull request goes into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWish:
    """
    What the head is to be compared with.

    Attributes:
        source: Who says so, for messages: ``GITHUB_BASE_REF``.
        branch: The base is where the head left this branch; empty if *commit* says it.
        commit: The base itself; empty if *branch* says it.
        merged_as: The head, if it is a merge made by the CI, whose first parent is the base.
        may_be_gone: Whether *commit* may have vanished, as before a forced push.
    """

    source: str
    branch: str = ""
    commit: str = ""
    merged_as: str = ""
    may_be_gone: bool = False


def base_wish(environ: Mapping[str, str], event: Mapping[str, Any]) -> BaseWish | None:
    """
    Return what the CI around says of the base; None if it says nothing, or there is no CI.

    Args:
        environ: Variables of the process.
        event: What GITHUB_EVENT_PATH holds; empty elsewhere.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ, event)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    for name in _TARGET_BRANCHES:
        if branch := environ.get(name, "").removeprefix("refs/heads/"):
            return BaseWish(source=name, branch=branch)
    return None


def find_base(repository: Repository, wish: BaseWish | None, head: str) -> str:
    """
    Return the commit that *head* is to be compared with.

    Args:
        repository: Of both.
        wish: What the CI says; None: as `compare` finds it.
        head: What Repository.resolve returned.

    Raises:
        RepositoryError: If it is not in this clone, or the clone is too shallow to tell.
    """
    if wish is None:
        return repository.default_base(head)
    if wish.merged_as and wish.merged_as == head and repository.find(f"{head}^2"):
        return repository.resolve(f"{head}^1")
    if wish.commit:
        found = repository.find(wish.commit)
        if found is None and wish.may_be_gone and not repository.is_shallow():
            return repository.default_base(head)
        if found is None:
            raise RepositoryError(
                f"{wish.source} names commit {wish.commit!r}, which this clone does not hold; "
                f"{_FETCH}"
            )
        return found
    return _left(repository, wish, head)


def _left(repository: Repository, wish: BaseWish, head: str) -> str:
    """Return the commit at which *head* left the branch that *wish* names."""
    names = (f"refs/remotes/origin/{wish.branch}", f"refs/heads/{wish.branch}")
    branch = next((found for name in names if (found := repository.find(name))), None)
    if branch is None:
        raise RepositoryError(
            f"{wish.source} names branch {wish.branch!r}, which this clone does not hold; {_FETCH}"
        )
    base = repository.merge_base(branch, head)
    if base is None:
        why = "the clone is shallow" if repository.is_shallow() else "they share no history"
        raise RepositoryError(
            f"no common commit of {wish.branch!r} ({wish.source}) and {head[:8]}: {why}; {_FETCH}"
        )
    if base == head:
        # Nothing was added to the branch: as on the default branch, the commit before counts.
        return repository.default_base(head)
    return base


def _github(environ: Mapping[str, str], event: Mapping[str, Any]) -> BaseWish | None:
    if branch := environ.get("GITHUB_BASE_REF"):
        is_merge = _MERGE_REF.fullmatch(environ.get("GITHUB_REF", ""))
        merge = environ.get("GITHUB_SHA", "") if is_merge else ""
        return BaseWish(source="GITHUB_BASE_REF", branch=branch, merged_as=merge)
    group = event.get("merge_group")
    if isinstance(group, Mapping) and group.get("base_sha"):
        return BaseWish(source="merge_group.base_sha", commit=str(group["base_sha"]))
    about = event.get("repository")
    default = str(about.get("default_branch") or "") if isinstance(about, Mapping) else ""
    if default and environ.get("GITHUB_REF") != f"refs/heads/{default}":
        return BaseWish(source="the repository's default branch", branch=default)
    return _pushed(str(event.get("before") or ""), "the push's `before`")


def _gitlab(environ: Mapping[str, str]) -> BaseWish | None:
    if commit := environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA"):
        return BaseWish(source="CI_MERGE_REQUEST_DIFF_BASE_SHA", commit=commit)
    for name in (
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME",
    ):
        if branch := environ.get(name):
            return BaseWish(source=name, branch=branch)
    default = environ.get("CI_DEFAULT_BRANCH", "")
    if default and environ.get("CI_COMMIT_BRANCH") != default:
        return BaseWish(source="CI_DEFAULT_BRANCH", branch=default)
    return _pushed(environ.get("CI_COMMIT_BEFORE_SHA", ""), "CI_COMMIT_BEFORE_SHA")


def _pushed(before: str, source: str) -> BaseWish | None:
    """Return the commit before a push to the default branch; zeros stand for none."""
    if _NO_COMMIT.fullmatch(before):
        return None
    return BaseWish(source=source, commit=before, may_be_gone=True)
