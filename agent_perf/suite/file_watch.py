"""
Sees whether a process reads files of a given set, by the interpreter's audit events.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

_PATH_AT: Final = {
    "open": 0,
    "import": 1,
    "sqlite3.connect": 0,
    "ctypes.dlopen": 0,
}
"""Event to the place of a path among its arguments."""

_LISTINGS: Final = frozenset({"os.listdir", "os.scandir"})

_OTHER_PROCESSES: Final = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)
"""What other processes read is not seen: beginning one counts as reading."""

_LIBRARY: Final = Path(os.__file__).parent
_SYSTEM_ASKERS: Final = frozenset({str(_LIBRARY / "ctypes" / "util.py"), platform.__file__})
"""Code that begins processes to ask the system for its libraries and its name."""

_SILENT_STARTERS: Final = (
    "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_posix",
)
"""Modules that begin processes without an event; imported when they do."""

_SEARCHERS: Final = frozenset(
    {"<frozen importlib._bootstrap_external>", importlib.metadata.__file__}
)
"""Code that lists folders to find modules and distributions; it opens those that matter."""


class FileWatch:
    """
    Sees what this process reads from now on; it cannot be taken away again.

    What is only asked for its existence or size is not seen: there is no event for it.

    Args:
        paths: Real paths of files, and of folders with all that is in them.
        folders: Real paths of folders of which it matters who lists them.

    Source: Python, *Audit events table*.
    """

    def __init__(self, paths: frozenset[str], folders: frozenset[str]) -> None:
        self._paths = paths
        self._folders = folders
        self._environment = os.path.realpath(sys.prefix)
        self._is_known: dict[str, bool] = {}
        self._is_on = True
        self._has_seen = any(map(self._is_watched, _loaded_files()))
        sys.addaudithook(self._take)

    @property
    def has_seen(self) -> bool:
        """Whether one of them was read, or may have been by another process."""
        return self._has_seen or any(name in sys.modules for name in _SILENT_STARTERS)

    def pause(self, *, until_resumed: bool) -> None:
        """Look away, or look again: for what the watcher itself does."""
        self._is_on = not until_resumed

    def _take(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on or self._has_seen:
            return
        if event in _PATH_AT:
            self._has_seen = self._is_watched(arguments[_PATH_AT[event]])
        elif event in _LISTINGS:
            if sys._getframe(1).f_code.co_filename not in _SEARCHERS:
                self._has_seen = self._is_listed(arguments[0])
        elif event in _OTHER_PROCESSES:
            self._has_seen = _SYSTEM_ASKERS.isdisjoint(_callers())

    def _is_listed(self, folder: object) -> bool:
        path = _text("." if folder is None else folder)
        return path is None or os.path.realpath(path) in self._folders or self._is_watched(path)

    def _is_watched(self, argument: object) -> bool:
        path = _text(argument)
        if path is None:
            return False
        real = os.path.realpath(path)
        if real not in self._is_known:
            self._is_known[real] = self._holds(Path(_source(real)))
        return self._is_known[real]

    def _holds(self, path: Path) -> bool:
        """Return whether *path* or a folder above it is watched."""
        for one in (path, *path.parents):
            # Both sides run in this environment, even if it lies within one side's folder.
            if str(one) == self._environment:
                return False
            if str(one) in self._paths:
                return True
        return False


def _callers() -> Iterator[str]:
    """Yield the files of the code that is running, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


def _loaded_files() -> list[str]:
    files = (getattr(module, "__file__", None) for module in tuple(sys.modules.values()))
    return [file for file in files if isinstance(file, str)]


def _source(path: str) -> str:
    """Return the file that *path* was compiled from, if Python compiled it."""
    if not path.endswith(".pyc"):
        return path
    try:
        return importlib.util.source_from_cache(path)
    except ValueError:
        return path


def _text(argument: object) -> str | None:
    """Return a path as text; None for what is none, as a file descriptor."""
    return os.fsdecode(argument) if isinstance(argument, str | bytes | os.PathLike) else None
