"""
Runs one function in a forked process, with a time limit.

A fork starts with everything imported and nothing used: no benchmark sees what another
left behind, a crash takes only its own benchmark, and a hang can be ended.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import msgspec
import psutil

from agent_perf.errors import NothingMeasuredError, SampleError

_READ_BYTES: Final = 1 << 16
_TRACEBACK_CHARS: Final = 4000
# How long a process has to say where it hangs, once its time is up.
_LAST_WORDS_S: Final = 5.0
_HANGS: Final = b"Timeout ("
"""What faulthandler's report begins with."""
_OUTERMOST: Final = b" in _child\n"
"""How the line of the frame that began it ends; those after it are ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Why a function gave no result; the attributes are those of records.Failure."""

    category: str
    message: str
    traceback: str = ""


def run_in_fork(
    function: Callable[[], bytes],
    *,
    time_limit_s: float,
    beside: Callable[[int], AbstractContextManager[object]] | None = None,
) -> bytes | Broken:
    """
    Return what *function* returns, run in a process of its own.

    Args:
        function: Runs in the fork; what it raises comes back as Broken.
        time_limit_s: Real seconds until the process and its children are killed.
        beside: Given the process's id; what it returns is entered while the process runs.
    """
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        _child(function, write_fd, time_limit_s)
    os.close(write_fd)
    answer = bytearray()
    try:
        with contextlib.nullcontext() if beside is None else beside(pid):
            ended = _read(read_fd, answer, time_limit_s)
        if not ended and (not answer or answer.startswith(_HANGS)):
            # It is written word by word: who stopped at the first would not know where.
            _read(read_fd, answer, _LAST_WORDS_S, until=_OUTERMOST)
    finally:
        os.close(read_fd)
        _end(pid)
    if not ended or answer.startswith(_HANGS):
        return Broken(
            category="time limit",
            message=f"still running after {time_limit_s:g} s and stopped; raise `time_limit_s` "
            "in the configuration if it needs longer",
            traceback=b"".join(answer.partition(_OUTERMOST)[:2]).decode(errors="replace")[
                :_TRACEBACK_CHARS
            ],
        )
    if answer[:1] == b"+":
        return bytes(answer[1:])
    if answer[:1] == b"-":
        return msgspec.json.decode(answer[1:], type=Broken)
    return Broken(category="crashed", message="the process ended without a word (a crash in C?)")


def _child(function: Callable[[], bytes], write_fd: int, time_limit_s: float) -> None:
    # Whatever happens, the fork must not return into its parent's code.
    try:
        # A thread of C's: it speaks though the code under test waits for a lock, or polls.
        faulthandler.dump_traceback_later(time_limit_s, file=write_fd)
        try:
            answer = b"+" + function()
        except BaseException as error:  # noqa: BLE001 (told to the parent, with its traceback)
            answer = b"-" + msgspec.json.encode(_broken(error))
        faulthandler.cancel_dump_traceback_later()
        with os.fdopen(write_fd, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


def _broken(error: BaseException) -> Broken:
    text = "".join(traceback.format_exception(error))
    category = "raised"
    if isinstance(error, SampleError | NothingMeasuredError):
        category = "not a number"
    return Broken(
        category=category,
        message=f"{type(error).__name__}: {error}",
        traceback=text[-_TRACEBACK_CHARS:],
    )


def _read(read_fd: int, data: bytearray, for_s: float, until: bytes | None = None) -> bool:
    """
    Add to *data* what comes within *for_s* seconds; return whether the other end was closed.

    Once *until* is in *data*, nothing is waited for any more.
    """
    deadline_s = time.monotonic() + for_s
    while (until is None or until not in data) and (left_s := deadline_s - time.monotonic()) > 0:
        ready, _, _ = select.select([read_fd], [], [], left_s)
        if ready:
            chunk = os.read(read_fd, _READ_BYTES)
            if not chunk:
                return True
            data += chunk
    return False


def _end(pid: int) -> None:
    """Kill process *pid* and all that it started, and take its exit status."""
    # It stays in our process group, so that whoever ends us ends it too.
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    os.kill(pid, signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    os.waitpid(pid, 0)
