"""
What differs between the files of two trees, by content.
"""

from __future__ import annotations

import filecmp
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_perf.suite.tree import Tree

_LEFT_OUT: Final = frozenset({".git", "__pycache__"})
"""What Python caches follows from what it was made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """
    What one tree has that the other has not, as real paths.

    Attributes:
        paths: Files with other content on the other side, and files and folders that it lacks.
        folders: Folders whose list of names differs.
    """

    paths: frozenset[str]
    folders: frozenset[str]


def tree_changes(base: Tree, head: Tree) -> tuple[Changes, Changes]:
    """Return what *base* has and *head* has not, and what *head* has and *base* has not."""
    found = _Found()
    found.compare(base.root.resolve(), head.root.resolve())
    base_changes, head_changes = (
        Changes(paths=frozenset(found.paths[side]), folders=frozenset(found.folders[side]))
        for side in (0, 1)
    )
    return base_changes, head_changes


class _Found:
    """The changes of base, at 0, and of head, at 1."""

    def __init__(self) -> None:
        self.paths: tuple[set[str], set[str]] = set(), set()
        self.folders: tuple[set[str], set[str]] = set(), set()
        self._seen: set[tuple[Path, Path]] = set()

    def compare(self, base: Path, head: Path) -> None:
        """Add what differs below two real folders."""
        # What is linked from both is the same; a link may lead back up.
        if base == head or (base, head) in self._seen:
            return
        self._seen.add((base, head))
        names = [{one.name for one in folder.iterdir()} - _LEFT_OUT for folder in (base, head)]
        if names[0] != names[1]:
            self.folders[0].add(str(base))
            self.folders[1].add(str(head))
        for side, folder in enumerate((base, head)):
            only = names[side] - names[1 - side]
            self.paths[side].update(str((folder / name).resolve()) for name in only)
        for name in names[0] & names[1]:
            pair = (base / name).resolve(), (head / name).resolve()
            if all(one.is_dir() for one in pair):
                self.compare(*pair)
            elif not _is_same(*pair):
                self.paths[0].add(str(pair[0]))
                self.paths[1].add(str(pair[1]))


def _is_same(base: Path, head: Path) -> bool:
    if base == head:
        return True
    # What cannot be read as a file, as a socket or a link to nowhere, is not known to be.
    if not (base.is_file() and head.is_file()):
        return False
    return all(os.access(one, os.R_OK) for one in (base, head)) and filecmp.cmp(
        base, head, shallow=False
    )
