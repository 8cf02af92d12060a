"""
Lays out the files that a commit is measured from.

What is under test comes from the commit; the benchmarks and the harness come from
today, so that along a range only what is under test changes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from agent_perf.config import Config
from agent_perf.errors import TargetImportError
from agent_perf.repository import WORKTREE, Repository

_HARNESS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """
    Files ready to be measured.

    Attributes:
        commit: What they are: 40 hex digits, or WORKTREE.
        root: Folder that holds the benchmark package.
        path: Import path, first wins; *root* is among it.
    """

    commit: str
    root: Path
    path: tuple[Path, ...]


def lay_out(repository: Repository, commit: str, config: Config, folder: Path) -> Tree:
    """
    Return the tree of *commit*, laid out in *folder*.

    Args:
        repository: Where the commit and today's benchmarks are.
        commit: What Repository.resolve returned.
        config: Which folders are what.
        folder: Empty or absent; the caller deletes it when the tree is no longer used.

    Raises:
        TargetImportError: If the commit lacks a folder that is to be under test.
    """
    if commit == WORKTREE:
        checkout = repository.root
    else:
        checkout = folder / "checkout"
        repository.export(commit, checkout)
    tree = arrange(checkout, commit=commit, config=config, overlay=folder / "overlay")
    if tree.root != repository.root:
        _replace_with_link(tree.root / config.benchmarks, repository.root / config.benchmarks)
    return tree


def arrange(
    checkout: Path, *, commit: str, config: Config, overlay: Path, harness: Path = _HARNESS
) -> Tree:
    """
    Return the tree of the files of a commit in *checkout*.

    Args:
        checkout: All files of the commit; left as they are.
        commit: What they are.
        config: Which folders are what.
        overlay: Where the harness and what is under test are laid over each other, if the
            configuration asks for it; empty or absent.
        harness: The package ``agent_perf`` that everything else is taken from.

    Raises:
        TargetImportError: If the checkout lacks a folder that is to be under test.
    """
    if config.under_test:
        _overlay(checkout, config.under_test, overlay, commit, harness)
        return Tree(commit=commit, root=overlay, path=(overlay,))
    sources = (checkout / name for name in config.source if (checkout / name).is_dir())
    path = (checkout, *(source for source in sources if source != checkout))
    return Tree(commit=commit, root=checkout, path=path)


def _overlay(
    checkout: Path, under_test: tuple[str, ...], root: Path, commit: str, harness: Path
) -> None:
    """Make *root* hold the harness, with the folders *under_test* from *checkout*."""
    for name in under_test:
        origin = checkout / name
        if not origin.is_dir():
            raise TargetImportError(
                f"commit {commit[:8]} has no folder {name!r}, which `under_test` names; "
                "begin the range later"
            )
        # Every folder on the way down is real, everything beside it is a link.
        here, there = root, harness.parent
        *parents, last = Path(name).parts
        for part in parents:
            _open_up(here, there, part)
            here, there = here / part, there / part
        _replace_with_link(here / last, origin)


def _open_up(here: Path, there: Path, part: str) -> None:
    """Make ``here / part`` a real folder of links to what ``there / part`` holds."""
    if (here / part).is_symlink():
        (here / part).unlink()
    (here / part).mkdir(parents=True, exist_ok=True)
    for entry in sorted((there / part).iterdir()):
        link = here / part / entry.name
        if entry.name != "__pycache__" and not link.exists():
            link.symlink_to(entry)


def _replace_with_link(link: Path, target: Path) -> None:
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.is_dir():
        shutil.rmtree(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
