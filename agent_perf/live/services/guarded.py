"""
A server as a process that does not outlive us, however we end.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent_perf.errors import BrokenError

LOG_BYTES_MAX: Final = 1 << 20
_GRACE_S: Final = 5.0
_ANSWER_S: Final = 30.0
_POLL_S: Final = 0.01
_TOLD_LINES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOrder:
    """
    A server to be run.

    Attributes:
        name: As messages call it.
        command: Program and arguments; no secrets, for everybody sees them.
        folder: Where it runs.
        log: File of its output; the newest `LOG_BYTES_MAX` are kept.
        input: What it reads from its standard input.
        environ: Its environment; None: ours.
        user: Who it runs as; None: we.
        stop_signal: How it is asked to end.
        remove: Folder that is removed should we be killed; empty: none.
    """

    name: str
    command: Sequence[str]
    folder: Path
    log: Path
    input: str = ""
    environ: Mapping[str, str] | None = None
    user: pwd.struct_passwd | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    remove: str = ""

    def as_json(self) -> bytes:
        """Return what the guard reads, one line."""
        order = {
            "command": [str(part) for part in self.command],
            "folder": str(self.folder),
            "log": str(self.log),
            "log_bytes_max": LOG_BYTES_MAX,
            "input": self.input,
            "environ": dict(os.environ if self.environ is None else self.environ),
            "user": self.user and self.user.pw_uid,
            "group": self.user and self.user.pw_gid,
            "stop_signal": int(self.stop_signal),
            "grace_s": _GRACE_S,
            "remove": self.remove,
        }
        return json.dumps(order).encode() + b"\n"


@dataclass(slots=True)
class Guarded:
    """
    A server that runs, until it is stopped or we end.

    Attributes:
        order: What runs.
        pid: Its process.
    """

    order: ServerOrder
    pid: int = 0
    _guard: subprocess.Popen[bytes] | None = None
    _heard: bytes = field(default=b"", repr=False)
    _has_ended: bool = False

    def start(self) -> None:
        """
        Start it.

        Raises:
            BrokenError: If there is no such program, or it may not be run.
        """
        assert self._guard is None
        # Isolated and without site: it must run wherever our interpreter does, and be small.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(self.order.as_json())
            self._guard.stdin.flush()
            said = self._line(_ANSWER_S)
        except BaseException:
            self.stop()
            raise
        if said is None or said.startswith("!"):
            self.stop()
            why = (said or "! its guard does not answer").removeprefix("! ")
            raise BrokenError(f"{self.order.name} cannot be started: {why}")
        self.pid = int(said)

    def is_running(self) -> bool:
        """Return whether it has not ended by itself."""
        return self._guard is not None and not self.wait_end(0.0)

    def wait_until(self, is_ready: Callable[[], bool], within_s: float) -> None:
        """
        Return once *is_ready* says so.

        Raises:
            BrokenError: If the server ends before, or it takes longer than *within_s*.
        """
        deadline = time.monotonic() + within_s
        while not is_ready():
            if not self.is_running():
                raise BrokenError(f"{self.order.name} ended while it started{self._last_words()}")
            if time.monotonic() > deadline:
                raise BrokenError(
                    f"{self.order.name} was not ready after {within_s:g} s{self._last_words()}"
                )
            time.sleep(_POLL_S)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._guard is None or self._guard.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{int(number)}\n".encode())
            self._guard.stdin.flush()

    def wait_end(self, within_s: float) -> bool:
        """Return whether it has ended by itself, within *within_s* at the latest."""
        if not self._has_ended:
            self._has_ended = self._line(within_s) is not None
        return self._has_ended

    def stop(self) -> None:
        """End it, politely at first; what it wrote stays in its log."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        assert guard.stdout is not None
        # A guard that is gone has ended its server before.
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.write(b"0\n")
            guard.stdin.close()
        try:
            guard.wait(2 * _GRACE_S)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()
        guard.stdout.close()

    def log_text(self) -> str:
        """Return the end of what it wrote."""
        log = self.order.log
        # The guard begins a new file when one is half as long as all may be.
        files = [file for file in (log.with_name(f"{log.name}.1"), log) if file.exists()]
        content = b"".join(file.read_bytes() for file in files)
        return content[-LOG_BYTES_MAX:].decode("utf-8", "replace")

    def _last_words(self) -> str:
        lines = self.log_text().strip().splitlines()[-_TOLD_LINES:]
        return "".join([":", *(f"\n  {line}" for line in lines)]) if lines else ""

    def _line(self, within_s: float) -> str | None:
        """Return the next line that the guard says; None if there is none within *within_s*."""
        assert self._guard is not None
        assert self._guard.stdout is not None
        output = self._guard.stdout.fileno()
        deadline = time.monotonic() + within_s
        while b"\n" not in self._heard:
            left_s = max(deadline - time.monotonic(), 0.0)
            if not select.select([output], [], [], left_s)[0]:
                return None
            piece = os.read(output, 4096)
            if not piece:
                return "! its guard has ended" if not self._heard else self._heard.decode()
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()
