"""
Builds the demo repository: the same commits, to the last bit of their ids, everywhere.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from agent_perf.demo.history import DemoCommit, DemoHistory
from agent_perf.errors import RepositoryError, UsageError

_EPOCH_S: Final = 1_756_717_200
"""The first commit's time, 1 September 2025, 09:00 UTC: any does, if it never changes."""

_COMMIT_STEP_S: Final = 26 * 3600 + 17 * 60
"""A good day between two commits, so that a plot over time keeps them apart."""

_AUTHORS: Final = {
    "mira": ("Mira Lund", "mira@garden.example"),
    "tomas": ("Tomas Reyes", "tomas@garden.example"),
}

_CONFIG: Final = {
    # These hold for the demo's readers too, whatever their own configuration says:
    # a line end or a mode changed on the way in or out would make the tree look dirty.
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fileMode": "false",
    "core.hooksPath": os.devnull,
    "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
    "commit.gpgSign": "false",
    "i18n.commitEncoding": "UTF-8",
}

_GIT_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """
    A commit as it is stored.

    Attributes:
        folder: The files that it adds or changes, in full.
        author: Key into _AUTHORS.
        subject: First line of the message.
        body: The rest of it.
        cause: As in DemoCommit.
    """

    folder: Traversable
    author: str
    subject: str
    body: str
    cause: str | None


def build_demo(directory: Path) -> DemoHistory:
    """
    Make the demo repository in *directory* and return its history.

    Neither the user's git configuration nor the environment has a say in it.

    Args:
        directory: Absent or empty.

    Raises:
        UsageError: If *directory* holds something, or cannot be written to.
        RepositoryError: If git is missing or fails.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UsageError(f"{directory} is not empty; name a new folder for the demo")
        return _build(directory)
    except OSError as error:
        raise UsageError(
            f"cannot make the demo in {directory}: {error}; name another folder"
        ) from error


def _build(root: Path) -> DemoHistory:
    _git(root, "init", "--quiet", "--template=", "--object-format=sha1")
    _git(root, "symbolic-ref", "HEAD", "refs/heads/main")
    for name, value in _CONFIG.items():
        _git(root, "config", name, value)
    commits = []
    for index, entry in enumerate(_entries()):
        paths = sorted(_lay_over(entry.folder, root))
        _git(root, "add", "--force", "--", *paths)
        identity = _identity(_AUTHORS[entry.author], _EPOCH_S + index * _COMMIT_STEP_S)
        message = f"{entry.subject}\n\n{entry.body}"
        _git(
            root,
            "commit",
            "--quiet",
            "--no-verify",
            "--cleanup=verbatim",
            "-m",
            message,
            **identity,
        )
        commit_id = _git(root, "rev-parse", "HEAD")
        commits.append(DemoCommit(id=commit_id, subject=entry.subject, cause=entry.cause))
    return DemoHistory(root=root, commits=tuple(commits))


def _entries() -> Iterator[_Entry]:
    home = files("agent_perf.demo") / "repository"
    manifest: dict[str, list[dict[str, Any]]] = tomllib.loads(
        (home / "history.toml").read_text(encoding="utf-8")
    )
    for row in manifest["commit"]:
        yield _Entry(
            folder=home / "commits" / row["folder"],
            author=row["author"],
            subject=row["subject"],
            body=row["body"],
            cause=row.get("cause"),
        )


def _lay_over(folder: Traversable, root: Path, under: str = "") -> Iterator[str]:
    """Copy *folder* over *root* and yield the paths of its files, relative to *root*."""
    for entry in folder.iterdir():
        path = f"{under}{entry.name}"
        if entry.name == "__pycache__":
            continue
        if entry.is_dir():
            yield from _lay_over(entry, root, f"{path}/")
        else:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # Bytes, not text: text would take the line ends of the platform.
            target.write_bytes(entry.read_bytes())
            yield path


def _identity(author: tuple[str, str], time_s: int) -> dict[str, str]:
    name, email = author
    return {
        f"GIT_{role}_{key}": value
        for role in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", name), ("EMAIL", email), ("DATE", f"{time_s} +0000"))
    }


def _git(root: Path, *arguments: str, **environ: str) -> str:
    """Run git in *root* with nothing of the user's configuration, and return its output."""
    # Inside a git hook, GIT_DIR and its kin name another repository.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    own = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        # An enclosing repository must not be taken for ours while ours is being made.
        "GIT_CEILING_DIRECTORIES": str(root.resolve().parent),
        "LC_ALL": "C",
    }
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_GIT_TIMEOUT_S,
            env=inherited | own | environ,
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed, or not on PATH; install it") from None
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise RepositoryError(f"git {arguments[0]} failed in {root}: {message}")
    return done.stdout.decode().strip()
