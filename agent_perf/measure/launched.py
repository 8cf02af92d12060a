"""
Somebody's command, started so that the system's account of it is its own.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import psutil

from agent_perf.errors import BrokenError, UsageError

_LAUNCHER: Final = Path(__file__).with_name("launcher.py")
_SAY_BYTES: Final = 4096

Stream = int | IO[bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    What the system tells of a command that has ended, and of the children it waited for.

    Attributes:
        exit_code: Its own; negative: the signal that ended it.
        wall_s: Seconds from its start to its end.
        cpu_s: CPU seconds, of all its threads.
        memory_bytes: Largest resident set that one of the processes ever had, ticks or not;
            not below the 9 MiB of what starts it.
    """

    exit_code: int
    wall_s: float
    cpu_s: float
    memory_bytes: int


class Launched:
    """
    A running command; to be used as a context manager, at whose end it is gone.

    Args:
        command: Program and arguments.
        folder: Where it runs; None: here.
        env: Its environment; None: ours.
        core: The one that it and its children may use; None: any.
        stdin: As of subprocess.Popen, like the two that follow.
        stdout: Likewise.
        stderr: Likewise.

    Attributes:
        pid: Its process id.

    Raises:
        UsageError: If it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        core: int | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
    ) -> None:
        if not command:
            raise UsageError("no command; name one after `--`, as in `-- python server.py`")
        pinned = core is not None and hasattr(os, "sched_setaffinity")
        self._line, theirs = socket.socketpair()
        self._heard = b""
        self._wall_s: float | None = None
        with theirs:
            try:
                self._launcher = subprocess.Popen(
                    (
                        *(sys.executable, "-I", "-S", str(_LAUNCHER)),
                        *(str(theirs.fileno()), str(core if pinned else -1)),
                        *command,
                    ),
                    cwd=folder,
                    env=env,
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(theirs.fileno(),),
                )
            except (OSError, ValueError) as error:
                self._line.close()
                raise UsageError(f"cannot start {command[0]!r}: {_reason(error)}") from error
        first = self._hear(None)
        if first is None or first.startswith("!"):
            self._launcher.wait()
            self._line.close()
            number = int(first.partition(" ")[2]) if first else 0
            told = os.strerror(number) if number else "its launcher ended without a word"
            raise UsageError(f"cannot start {command[0]!r}: {told}")
        self.pid = int(first)

    def __enter__(self) -> Self:
        """Return it; it runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it and all that it started, if it still runs."""
        if self._launcher.poll() is None:
            self.kill()
            self._launcher.kill()
            self._launcher.wait()
        self._line.close()

    def wait(self, within_s: float | None = None) -> bool:
        """Return whether it ends within so many seconds; None: however long that takes."""
        if self._wall_s is None:
            heard = self._hear(within_s)
            if heard is None:
                return False
            self._wall_s = int(heard.removeprefix("= ")) / 1e9
        return True

    def signal(self, number: int) -> None:
        """Send it signal *number*; its id is its own until its account is taken."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and all that it has started, at once."""
        try:
            family = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def is_stopped(self) -> bool:
        """Return whether it was stopped by a signal, and waits to be continued."""
        return is_process_stopped(self.pid)

    def account(self) -> Account:
        """
        Return what it took; to be asked once, after `wait` has said that it ended.

        Raises:
            BrokenError: If who started it has gone.
        """
        # Who has gone hears nothing, and says nothing.
        with contextlib.suppress(BrokenPipeError):
            self._line.send(b".")
        told = self._hear(None)
        self._launcher.wait()
        if told is None or self._wall_s is None:
            raise BrokenError("what started the command was killed, and its account is lost")
        status, cpu_us, memory_bytes = map(int, told.split())
        return Account(
            exit_code=os.waitstatus_to_exitcode(status),
            wall_s=self._wall_s,
            cpu_s=cpu_us / 1e6,
            memory_bytes=memory_bytes,
        )

    def _hear(self, within_s: float | None) -> str | None:
        """Return the next line that the launcher says; None if none comes in time, or ever."""
        deadline_s = None if within_s is None else time.monotonic() + within_s
        while b"\n" not in self._heard:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            if not select.select([self._line], [], [], left_s)[0]:
                return None
            chunk = self._line.recv(_SAY_BYTES)
            if not chunk:
                if within_s is None:
                    return None
                raise BrokenError("what started the command was killed, and its account is lost")
            self._heard += chunk
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()


def is_process_stopped(pid: int) -> bool:
    """Return whether process *pid* was stopped by a signal or a debugger; False if it has gone."""
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return False
    return status in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
