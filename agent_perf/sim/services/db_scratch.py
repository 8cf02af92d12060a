"""
A directory for one simulation's database, that does not outlive its process for long.

Benchmarks are killed when they hang, and a killed process cleans nothing up. So each
directory is locked by whoever uses it, and whoever makes the next one removes those that
nobody locks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

_PREFIX: Final = "agent-perf-db-"
_LOCK_NAME: Final = "in-use"


class ScratchDirectory:
    """
    A new directory under the system's place for temporary files.

    Attributes:
        path: Where it is.
    """

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._process_id = os.getpid()
        # Locked first and named then: under its name it is never seen unlocked.
        unnamed = self.path / "new"
        self._lock = os.open(unnamed, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unnamed.rename(self.path / _LOCK_NAME)

    def remove(self) -> None:
        """Delete it, unless a parent process made it and still uses it."""
        if os.getpid() == self._process_id:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*/{_LOCK_NAME}"):
        if _is_abandoned(path):
            shutil.rmtree(path.parent, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        # Removed meanwhile, or another user's.
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)
