"""
Files that must not be open while the process forks.

SQLite takes the locks of an inherited database for its own, which they are not: a child that
writes with them destroys what the parent writes. So files are closed before, and opened again
by whoever needs them.

Source: "How To Corrupt An SQLite Database File", section 2.6, sqlite.org.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol
from weakref import WeakSet


class Closable(Protocol):
    """What can be closed for a moment."""

    def hold(self) -> None:
        """Close, and begin nothing until let_go."""
        ...

    def let_go(self) -> None:
        """Go on."""
        ...


_files: WeakSet[Closable] = WeakSet()
_held: list[Closable] = []


def close_before_fork(file: Closable) -> None:
    """Hold *file* whenever this process forks, for as long as it lives."""
    _ask_to_be_told()
    _files.add(file)


@cache
def _ask_to_be_told() -> None:
    os.register_at_fork(before=_hold, after_in_parent=_let_go, after_in_child=_let_go)


def _hold() -> None:
    # No other list: what is made or dropped meanwhile must not be let go, or forgotten.
    _held[:] = _files
    for file in _held:
        file.hold()


def _let_go() -> None:
    for file in _held:
        file.let_go()
    _held.clear()
