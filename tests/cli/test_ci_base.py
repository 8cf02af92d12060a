"""What a CI's variables say of the base, and what becomes of it in a clone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_perf.cli.ci_base import BaseWish, base_wish, find_base
from agent_perf.errors import RepositoryError
from agent_perf.repository import Repository
from tests.shop import commit, git, write

ZEROS = "0" * 40
PULL = {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}


@pytest.mark.parametrize(
    ("environ", "event", "said"),
    [
        ({}, {}, None),
        ({"GITHUB_BASE_REF": "main"}, {}, None),
        (PULL, {}, BaseWish(source="GITHUB_BASE_REF", branch="main")),
        (
            PULL | {"GITHUB_REF": "refs/pull/7/merge", "GITHUB_SHA": "abc"},
            {},
            BaseWish(source="GITHUB_BASE_REF", branch="main", merged_as="abc"),
        ),
        (
            {"GITHUB_ACTIONS": "true"},
            {"merge_group": {"base_sha": "abc"}},
            BaseWish(source="merge_group.base_sha", commit="abc"),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"},
            {"before": "abc", "repository": {"default_branch": "main"}},
            BaseWish(source="the push's `before`", commit="abc", may_be_gone=True),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/mine"},
            {"before": "abc", "repository": {"default_branch": "main"}},
            BaseWish(source="the repository's default branch", branch="main"),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"},
            {"before": ZEROS, "repository": {"default_branch": "main"}},
            None,
        ),
        ({"GITHUB_ACTIONS": "true"}, {"repository": None, "merge_group": []}, None),
        (
            {"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"},
            {},
            BaseWish(source="CI_MERGE_REQUEST_DIFF_BASE_SHA", commit="abc"),
        ),
        (
            {"GITLAB_CI": "true", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "next"},
            {},
            BaseWish(source="CI_MERGE_REQUEST_TARGET_BRANCH_NAME", branch="next"),
        ),
        (
            {"GITLAB_CI": "true", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "mine"},
            {},
            BaseWish(source="CI_DEFAULT_BRANCH", branch="main"),
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_DEFAULT_BRANCH": "main",
                "CI_COMMIT_BRANCH": "main",
                "CI_COMMIT_BEFORE_SHA": "abc",
            },
            {},
            BaseWish(source="CI_COMMIT_BEFORE_SHA", commit="abc", may_be_gone=True),
        ),
        ({"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": ZEROS}, {}, None),
        (
            {"SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main"},
            {},
            BaseWish(source="SYSTEM_PULLREQUEST_TARGETBRANCH", branch="main"),
        ),
    ],
)
def test_variables_name_the_base(
    environ: dict[str, str], event: dict[str, Any], said: BaseWish | None
) -> None:
    """
    Each CI says it in variables of its own; a pull request's target comes before a push.
    """
    assert said == base_wish(environ, event)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """main with three commits; branch mine with two more since the second; both merged."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "--quiet", "--initial-branch=main")
    for subject in ("one", "two"):
        write(folder, "file", subject)
        commit(folder, subject)
    git(folder, "checkout", "--quiet", "-b", "mine")
    for subject in ("mine one", "mine two"):
        write(folder, "mine", subject)
        commit(folder, subject)
    git(folder, "checkout", "--quiet", "main")
    write(folder, "file", "three")
    commit(folder, "three")
    git(folder, "checkout", "--quiet", "-b", "merged")
    git(folder, "merge", "--quiet", "--no-edit", "mine")
    git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return folder


def clone(origin: Path, folder: Path, branch: str, *options: str) -> Repository:
    """A clone as a CI makes it: of one branch, perhaps shallow."""
    url = f"file://{origin}"
    git(folder, "clone", "--quiet", "--branch", branch, *options, url, "clone")
    return Repository(root=folder / "clone")


def test_where_the_branch_left_is_the_base(origin: Path, tmp_path: Path) -> None:
    """
    The base is the merge base with the target branch, not its tip, which went on.
    """
    repository = clone(origin, tmp_path, "mine")
    wish = BaseWish(source="GITHUB_BASE_REF", branch="main")

    assert git(origin, "rev-parse", "main~1") == find_base(
        repository, wish, repository.resolve("HEAD")
    )


def test_a_merge_of_the_ci_knows_its_base(origin: Path, tmp_path: Path) -> None:
    """
    What GitHub checks out for a pull request is a merge: its first parent is the base, and two
    commits of history suffice to know it.
    """
    repository = clone(origin, tmp_path, "merged", "--depth=2")
    head = repository.resolve("HEAD")
    wish = BaseWish(source="GITHUB_BASE_REF", branch="main", merged_as=head)

    assert git(origin, "rev-parse", "main") == find_base(repository, wish, head)


@pytest.mark.parametrize(
    "wish",
    [
        BaseWish(source="GITHUB_BASE_REF", branch="main"),
        BaseWish(source="CI_MERGE_REQUEST_DIFF_BASE_SHA", commit="a" * 40),
        BaseWish(source="the push's `before`", commit="a" * 40, may_be_gone=True),
    ],
)
def test_a_shallow_clone_is_told_what_to_do(origin: Path, tmp_path: Path, wish: BaseWish) -> None:
    """
    With a depth of one nothing is known of the base: who names it, and the ways out.
    """
    repository = clone(origin, tmp_path, "mine", "--depth=1")

    with pytest.raises(RepositoryError, match=r"fetch-depth: 0.*GIT_DEPTH: 0.*--base") as caught:
        find_base(repository, wish, repository.resolve("HEAD"))
    assert wish.source in str(caught.value)


def test_a_shallow_clone_of_both_branches(origin: Path, tmp_path: Path) -> None:
    """
    Both tips without what is between them have no common commit: that is told as well.
    """
    repository = clone(origin, tmp_path, "mine", "--depth=1", "--no-single-branch")

    with pytest.raises(RepositoryError, match=r"no common commit of 'main'.*shallow"):
        find_base(repository, BaseWish(source="X", branch="main"), repository.resolve("HEAD"))


def test_a_branch_with_nothing_of_its_own(origin: Path, tmp_path: Path) -> None:
    """
    If the head is on the target branch, the commit before it is the base, as in `compare`.
    """
    repository = clone(origin, tmp_path, "main")
    wish = BaseWish(source="CI_DEFAULT_BRANCH", branch="main")

    assert git(origin, "rev-parse", "main~1") == find_base(
        repository, wish, repository.resolve("HEAD")
    )


def test_a_forced_push_leaves_no_base(origin: Path, tmp_path: Path) -> None:
    """
    The commit before a forced push may be gone: then the base is what `compare` would take.
    """
    repository = clone(origin, tmp_path, "mine")
    wish = BaseWish(source="the push's `before`", commit="a" * 40, may_be_gone=True)

    assert repository.default_base("HEAD") == find_base(
        repository, wish, repository.resolve("HEAD")
    )
