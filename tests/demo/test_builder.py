import subprocess
import tomllib
from pathlib import Path

import pytest

from agent_perf.demo import DemoHistory, build_demo
from agent_perf.errors import RepositoryError, UsageError

HEAD_ID = "2979075f293d6911833a0c944ecd1ddd90cee260"

HOSTILE_CONFIG = """
[init]
    defaultBranch = trunk
    defaultObjectFormat = sha256
    templateDir = {home}/template
[user]
    name = Somebody Else
    email = else@example.com
[core]
    autocrlf = true
    hooksPath = {home}/template/hooks
    excludesFile = {home}/everything
    attributesFile = {home}/attributes
[commit]
    gpgSign = true
    template = {home}/nowhere
[i18n]
    commitEncoding = ISO-8859-1
"""


def make_hostile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = home / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "commit-msg", "prepare-commit-msg"):
        hook = hooks / name
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    (home / ".gitconfig").write_text(HOSTILE_CONFIG.format(home=home))
    (home / "everything").write_text("*\n")
    (home / "attributes").write_text("* text eol=crlf\n")
    # Git also reads these two where no configuration names them.
    (home / "git").mkdir()
    (home / "git" / "ignore").write_text("*\n")
    (home / "git" / "attributes").write_text("* text eol=crlf\n")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_DIR": str(home / "elsewhere"),
        "GIT_INDEX_FILE": str(home / "index"),
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00 +0500",
        "GIT_COMMITTER_NAME": "Somebody Else",
        "TZ": "Asia/Kathmandu",
    }.items():
        monkeypatch.setenv(name, value)


def git(demo: DemoHistory, *arguments: str) -> str:
    command = ["git", "-C", str(demo.root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_commit_ids_are_the_same_everywhere(demo: DemoHistory) -> None:
    """
    The newest commit has a known id, and with it everything that it stands on.
    """
    assert HEAD_ID == demo.commits[-1].id


def test_hostile_configuration_changes_nothing(
    demo: DemoHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Hooks, line ends, ignored files, signatures, another branch name and another
    repository in the environment leave every commit id as it is, and the tree clean.
    """
    make_hostile(tmp_path / "home", monkeypatch)
    built = build_demo(tmp_path / "demo")

    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert demo.commits == built.commits
    assert "main\n" == git(built, "branch", "--show-current")
    assert "" == git(built, "status", "--porcelain")


def test_history_is_what_git_says(demo: DemoHistory) -> None:
    """
    The history returned is the one that git logs: ids, subjects, order.
    """
    logged = git(demo, "log", "--reverse", "--format=%H %s").splitlines()

    assert logged == [f"{commit.id} {commit.subject}" for commit in demo.commits]


def test_history_has_five_culprits_among_twelve(demo: DemoHistory) -> None:
    """
    Twelve commits, of which five make it worse, each in a way of its own.
    """
    assert 12 == len(demo.commits)
    assert [
        "extra-round-trip",
        "n-plus-one",
        "lost-cache-hit",
        "batching-off",
        "connection-held",
    ] == [commit.cause for commit in demo.culprits]


def test_first_commit_and_last_are_no_culprits(demo: DemoHistory) -> None:
    """
    A culprit has a commit before it to be compared with, and a good one after it.
    """
    assert demo.commits[0].cause is None
    assert demo.commits[-1].cause is None


def test_every_stored_folder_is_a_commit(stored: Path) -> None:
    """
    The manifest names each folder of files once, in order, and no other.
    """
    manifest = tomllib.loads((stored / "history.toml").read_text())
    folders = sorted(entry.name for entry in (stored / "commits").iterdir())

    assert folders == [row["folder"] for row in manifest["commit"]]


def test_every_stored_file_changes_something(demo: DemoHistory, stored: Path) -> None:
    """
    A commit's folder holds the files that it adds or changes, and no others.
    """
    folders = sorted((stored / "commits").iterdir())

    for folder, commit in zip(folders, demo.commits, strict=True):
        files = {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        changed = git(demo, "show", "--format=", "--name-only", commit.id).split()
        assert files == set(changed)


def test_messages_do_not_give_culprits_away(demo: DemoHistory) -> None:
    """
    No message of a culprit says what it costs.
    """
    for commit in demo.culprits:
        message = git(demo, "show", "--no-patch", "--format=%B", commit.id).lower()
        for word in ("slow", "round trip", "cache", "n+1", "query", "batch", "pool", "held"):
            assert word not in message


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    """
    A folder that holds something is left alone, and the message names it.
    """
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(UsageError, match="is not empty"):
        build_demo(tmp_path)
    assert ["mine.txt"] == [path.name for path in tmp_path.iterdir()]


def test_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """
    A file where the folder should be is a usage error, not a traceback.
    """
    file = tmp_path / "file"
    file.write_text("mine")

    with pytest.raises(UsageError, match="cannot make the demo"):
        build_demo(file)


def test_missing_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without git the message says so.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RepositoryError, match="not installed"):
        build_demo(tmp_path / "demo")


def test_enclosing_repository_is_left_alone(tmp_path: Path) -> None:
    """
    Inside somebody's repository the demo is a repository of its own.
    """
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    built = build_demo(tmp_path / "deep" / "demo")

    assert f"{built.root.resolve()}\n" == git(built, "rev-parse", "--show-toplevel")
    assert not list((tmp_path / ".git" / "refs" / "heads").iterdir())
