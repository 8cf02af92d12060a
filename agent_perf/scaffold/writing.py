"""
Writes what a plan says, and never over what is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from agent_perf.errors import StoreError
from agent_perf.scaffold.plan import Change


def write_changes(root: Path, changes: Sequence[Change]) -> None:
    """
    Write *changes* below *root*, all new files first; none if one cannot be.

    Raises:
        StoreError: If a file has come since the plan was made, or cannot be written.
    """
    for change in changes:
        if change.kind == "append":
            _check_extensible(root / change.path)
        elif change.kind == "create":
            _check_folder((root / change.path).parent)
    for change in changes:
        path = root / change.path
        if change.kind == "create":
            _create(path, change.text)
    for change in changes:
        path = root / change.path
        if change.kind == "append":
            _append(path, change.text)


def _create(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be made: {error.strerror}") from error
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise StoreError(
            f"{path} is there now, and is left as it is; run `agent-perf init` again"
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def _check_folder(folder: Path) -> None:
    there = folder
    while not there.exists() and not there.is_symlink():
        there = there.parent
    if not there.is_dir():
        raise StoreError(f"{there} is no folder, and {folder} cannot be made; nothing was written")
    if not os.access(there, os.W_OK | os.X_OK):
        raise StoreError(f"{there} cannot be written to; nothing was written")


def _check_extensible(path: Path) -> None:
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise StoreError(
            f"{path} cannot be extended: {error.strerror}; nothing was written"
        ) from error


def _append(path: Path, text: str) -> None:
    # In place: a link stays one, and the file keeps its mode and its owner.
    try:
        with path.open("ab") as file:
            file.write(text.encode())
    except OSError as error:
        raise StoreError(f"{path} cannot be extended: {error.strerror}") from error
