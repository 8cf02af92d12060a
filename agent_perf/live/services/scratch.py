"""
Folders of one run, which the next run removes if this one could not.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

_PREFIX: Final = "agent-perf-live-"
_LOCK: Final = "lock"
_PROCESS: Final = "process"
_YOUNG_S: Final = 60.0
"""A folder without a lock that is younger is being made just now."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """
    Give an empty folder that only we can enter; it is removed at the end.

    As long as we live it is locked. Unlike a process id, a lock ends with its process and with
    nothing else, whoever gets the id next.
    """
    folder = Path(tempfile.gettempdir()) / f"{_PREFIX}{secrets.token_hex(6)}"
    folder.mkdir(mode=0o700)
    # It gets its name when it is locked: who sweeps just then takes no lock for an abandoned one.
    unnamed = folder / f"{_LOCK}.new"
    lock = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unnamed.rename(folder / _LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def note_process(folder: Path, pid: int) -> None:
    """Note in *folder* that *pid* is to be ended with it."""
    with suppress(psutil.NoSuchProcess):
        begun_s = psutil.Process(pid).create_time()
        (folder / _PROCESS).write_text(f"{pid} {begun_s!r}\n", encoding="ascii")


def sweep() -> list[Path]:
    """
    Remove folders of runs that are dead, end what they left running, and return the folders.

    Those of other users, and of runs that live, are left alone.
    """
    swept = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # What disappears meanwhile, its guard or another run has removed.
        with suppress(FileNotFoundError):
            if _is_ours(folder) and _is_abandoned(folder):
                _end_process(folder)
                shutil.rmtree(folder, ignore_errors=True)
                swept.append(folder)
    return swept


def _is_ours(folder: Path) -> bool:
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid()


def _is_abandoned(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _YOUNG_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _end_process(folder: Path) -> None:
    try:
        pid, begun_s = (folder / _PROCESS).read_text(encoding="ascii").split()
        process = psutil.Process(int(pid))
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    # Numbers are given again: a process that began at another time is another one.
    if process.create_time() == float(begun_s):
        with suppress(psutil.NoSuchProcess):
            process.kill()
