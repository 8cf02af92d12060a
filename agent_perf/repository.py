"""
What we ask of git: refs, ranges, and the files of a commit.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf.errors import RepositoryError

WORKTREE: Final = "worktree"
"""Names the uncommitted files as they are, wherever a commit is asked for."""

_TIMEOUT_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit: 40 hex digits, the first line of its message, its time in s since 1970."""

    id: str
    subject: str
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """
    A git work tree.

    Attributes:
        root: Its top folder.
    """

    root: Path

    def resolve(self, ref: str) -> str:
        """
        Return the commit that *ref* names, 40 hex digits, or WORKTREE for WORKTREE.

        Raises:
            RepositoryError: If there is no such commit here.
        """
        if ref == WORKTREE:
            return WORKTREE
        found = self.find(ref)
        if found is None:
            hint = (
                "this is a shallow clone: fetch the rest with `git fetch --unshallow` "
                "(in a CI file: fetch-depth: 0)"
                if self.is_shallow()
                else "see `git log --oneline` and `git branch --all` for what there is"
            )
            raise RepositoryError(f"no commit {ref!r} in {self.root}; {hint}")
        return found

    def find(self, ref: str) -> str | None:
        """Return the commit that *ref* names, 40 hex digits; None if there is none here."""
        return self._try(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the last commit that both descend from; None if this clone knows of none."""
        return self._try("merge-base", one, "HEAD" if other == WORKTREE else other)

    def commit(self, commit_id: str) -> Commit:
        """Return what git knows of *commit_id*, which resolve returned."""
        return self._log("-1", commit_id)[0]

    def commits(self, revisions: str) -> tuple[Commit, ...]:
        """
        Return the commits of *revisions*, ``A..B`` or one ref, oldest first.

        ``A..B`` includes A itself, so that there is something to compare B with.

        Raises:
            RepositoryError: If a ref does not exist or the range is empty.
        """
        start, dots, end = revisions.partition("..")
        if not dots:
            return (self.commit(self.resolve(revisions)),)
        if end.startswith(".") or WORKTREE in {start, end} or not (start or end):
            raise RepositoryError(
                f"{revisions!r} is no range; want A..B, both commits, branches or tags"
            )
        first, last = self.resolve(start or "HEAD"), self.resolve(end or "HEAD")
        found = self._log("--first-parent", "--reverse", f"{first}..{last}")
        if not found:
            raise RepositoryError(
                f"no commits in {revisions!r}: {end or 'HEAD'} does not come after {start}"
            )
        return (self.commit(first), *found)

    def line(self, ref: str = "HEAD") -> tuple[Commit, ...]:
        """
        Return every commit from the first to *ref* along the first parents, oldest first.

        Raises:
            RepositoryError: If there is no such commit.
        """
        return self._log("--first-parent", "--reverse", self.resolve(ref))

    def ancestors(self, ref: str, count_max: int) -> tuple[Commit, ...]:
        """
        Return *ref* and the last commits before it along the first parents, oldest first.

        Args:
            ref: A commit, branch or tag.
            count_max: Commits in all, >= 1.

        Raises:
            RepositoryError: If there is no such commit.
        """
        return self._log("--first-parent", "--reverse", f"-{count_max}", self.resolve(ref))

    def known(self, commit_ids: Sequence[str]) -> tuple[Commit, ...]:
        """
        Return what git knows of *commit_ids*, in their order; what it does not know is left out.

        Args:
            commit_ids: 40 hex digits each; thousands are asked for at once.
        """
        # One process for all of them, where `commit` would start one for each.
        found = self._log(
            "--no-walk=unsorted", "--ignore-missing", "--stdin", stdin="\n".join(commit_ids)
        )
        by_id = {commit.id: commit for commit in found}
        return tuple(by_id[one] for one in commit_ids if one in by_id)

    def default_base(self, head: str) -> str:
        """
        Return the commit to compare *head* with when none is named.

        The merge base with the default branch; on the default branch itself, the commit
        before; for uncommitted changes on it, the commit they are made on.

        Raises:
            RepositoryError: If there is no commit before, or the clone is too shallow to tell.
        """
        here = self.resolve("HEAD" if head == WORKTREE else head)
        branch = self.default_branch()
        base = self._try("merge-base", branch, here) if branch else None
        if base is not None and base != here:
            return base
        if head == WORKTREE and self.is_dirty():
            return here
        parent = self._try("rev-parse", "--verify", "--quiet", f"{here}^")
        if parent is None:
            hint = (
                "the clone is shallow: `git fetch --unshallow` (in a CI file: fetch-depth: 0)"
                if self.is_shallow()
                else "it is the first commit: name another base"
            )
            raise RepositoryError(f"nothing to compare {here[:8]} with; {hint}")
        return parent

    def is_dirty(self) -> bool:
        """Return True if tracked files have uncommitted changes."""
        return bool(self._run("status", "--porcelain", "--untracked-files=no"))

    def is_shallow(self) -> bool:
        """Return True if history was cut when the repository was cloned."""
        return self._run("rev-parse", "--is-shallow-repository") == "true"

    def export(self, commit_id: str, folder: Path) -> None:
        """
        Write the files of *commit_id* into *folder*, which must be empty or absent.

        Raises:
            RepositoryError: If git fails.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # An archive leaves the user's index and work tree alone, and needs no lock.
        archive = self._bytes("archive", "--format=tar", commit_id)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")

    def pack(self, commit_ids: Sequence[str]) -> bytes:
        """
        Return the files of *commit_ids*, without their history, as unpack_repository takes them.

        Raises:
            RepositoryError: If git fails.
        """
        asked = "\n".join(commit_ids) + "\n"
        objects = self._run("rev-list", "--objects", "--no-walk=unsorted", "--stdin", stdin=asked)
        return self._bytes("pack-objects", "--stdout", "-q", stdin=objects + "\n")

    def files(self) -> tuple[str, ...]:
        """Return all files that are tracked, or new and not ignored: relative, with slashes."""
        listed = self._bytes("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = listed.decode(errors="surrogateescape").split("\0")
        return tuple(sorted({name for name in names if name}))

    def changed(self, base: str, head: str) -> tuple[str, ...]:
        """
        Return the tracked files that differ between two resolved commits: relative, with slashes.

        Raises:
            RepositoryError: If git fails.
        """
        commits = [one for one in (base, head) if one != WORKTREE]
        listed = self._bytes("diff", "--name-only", "--no-renames", "-z", *commits, "--")
        return tuple(name for name in listed.decode(errors="surrogateescape").split("\0") if name)

    def remote(self) -> str:
        """Return where it is pushed to; empty if nowhere."""
        return self._try("remote", "get-url", "origin") or ""

    def default_branch(self) -> str | None:
        """Return the full name of the branch that others go into; None if it cannot be told."""
        remote = self._try("symbolic-ref", "--quiet", "refs/remotes/origin/HEAD")
        names = [remote] if remote else []
        for name in (*names, "refs/remotes/origin/main", "refs/heads/main", "refs/heads/master"):
            if self._try("rev-parse", "--verify", "--quiet", name) is not None:
                return name
        return None

    def _log(self, *arguments: str, stdin: str = "") -> tuple[Commit, ...]:
        asked = ("log", "--format=%H%x00%ct%x00%s", *arguments, "--")
        lines = self._run(*asked, stdin=stdin).splitlines()
        rows = (line.split("\0", 2) for line in lines)
        return tuple(Commit(id=row[0], time_s=int(row[1]), subject=row[2]) for row in rows)

    def _try(self, *arguments: str) -> str | None:
        done = _git(self.root, *arguments)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _run(self, *arguments: str, stdin: str = "") -> str:
        return self._bytes(*arguments, stdin=stdin).decode("utf-8", "replace").strip("\n")

    def _bytes(self, *arguments: str, stdin: str = "") -> bytes:
        done = _git(self.root, *arguments, stdin=stdin)
        if done.returncode != 0:
            message = done.stderr.decode("utf-8", "replace").strip()
            raise RepositoryError(f"git {' '.join(arguments)} failed in {self.root}: {message}")
        return done.stdout


def find_repository(start: Path) -> Repository:
    """
    Return the repository that *start* lies in.

    Raises:
        RepositoryError: If it lies in none, or git is not installed.
    """
    done = _git(start, "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        message = done.stderr.decode("utf-8", "replace").strip()
        raise RepositoryError(f"{start} is not in a git repository ({message}); run `git init`")
    return Repository(root=Path(done.stdout.decode().strip()))


def unpack_repository(folder: Path, pack: bytes, commit_ids: Sequence[str]) -> Repository:
    """
    Return a repository in *folder*, absent or empty, whose only commits are those of *pack*.

    Raises:
        RepositoryError: If git fails, as on a pack that was cut.
    """
    folder.mkdir(parents=True, exist_ok=True)
    repository = Repository(root=folder)
    repository._run("init", "--quiet", "--template=")
    place = folder / ".git" / "objects" / "pack" / "pack-sent.pack"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(pack)
    repository._run("index-pack", str(place))
    # Their parents were left behind: without this git would miss them.
    (folder / ".git" / "shallow").write_text("\n".join(commit_ids) + "\n")
    return repository


def _git(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[bytes]:
    # Inside a git hook these name another repository, and would win over the folder.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
            env=environ | {"LC_ALL": "C"},
            input=stdin.encode(),
        )
    except FileNotFoundError:
        raise RepositoryError("git is not installed, or not on PATH; install it") from None
