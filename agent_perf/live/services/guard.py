"""
Runs one server, and ends it when whoever asked for it is gone: a script, run by `Guarded`.

It is a process of its own because a process that is killed can end nothing any more. Its
standard input is a pipe from the one who asked: the pipe's end is that one's end, however it
came about. For the same reason it imports next to nothing.

The first line of standard input is the order, a JSON object; each later one the number of a
signal for the server, or 0: end it, and leave its folder. The guard says ``! MESSAGE`` if the
server cannot be started, else its process id, and ``= STATUS`` once it has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

_LOOK_S: Final = 1.0
"""How often it looks whether its parent is still the same: others may hold the pipe open."""
_CHUNK_BYTES: Final = 1 << 16


def main() -> None:
    """Carry out the order."""
    # A terminal interrupts all of its processes; the one who asked stops the server in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which the server would inherit: what sets no handler would hear no SIGTERM.
        signal.signal(number, lambda *_: None)
    parent = os.getppid()
    orders = sys.stdin.fileno()
    first, _, rest = _first_line(orders).partition(b"\n")
    if not first:
        return
    order = json.loads(first)
    log = _Log(order["log"], order["log_bytes_max"])
    try:
        server = _started(order)
    except (OSError, subprocess.SubprocessError) as error:
        _say(f"! {error}")
        return
    _say(str(server.pid))
    assert server.stdout is not None
    try:
        end = _watch(server, server.stdout.fileno(), log, rest, parent)
    finally:
        # Also if its log cannot be written any more: a full disk, a folder that somebody removed.
        _end(server, order["stop_signal"], order["grace_s"])
    log.keep_rest(server.stdout.fileno())
    if end == "ended":
        _say(f"= {server.returncode}")
    elif end == "alone" and order["remove"]:
        shutil.rmtree(order["remove"], ignore_errors=True)


def _started(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        order["command"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=order["environ"],
        cwd=order["folder"],
        start_new_session=True,
        user=order["user"],
        group=order["group"],
        extra_groups=None if order["user"] is None else [],
        umask=0o077,
    )
    assert server.stdin is not None
    # Who does not read what it is given ends at once, and that is told as its end.
    with contextlib.suppress(BrokenPipeError):
        server.stdin.write(order["input"].encode())
        server.stdin.close()
    return server


def _watch(
    server: subprocess.Popen[bytes], output: int, log: _Log, orders: bytes, parent: int
) -> str:
    """Return ``ended`` once the server has, ``stopped`` or ``alone`` once nobody wants it."""
    ears = [sys.stdin.fileno(), output]
    while True:
        while b"\n" in orders:
            line, _, orders = orders.partition(b"\n")
            if int(line) == 0:
                return "stopped"
            _signal(server, int(line))
        ready, _, _ = select.select(ears, [], [], _LOOK_S)
        if output in ready and not log.keep(os.read(output, _CHUNK_BYTES)):
            # Nobody of its family writes any more, or it has closed its output itself.
            ears.remove(output)
        if server.poll() is not None:
            return "ended"
        if sys.stdin.fileno() in ready:
            heard = os.read(sys.stdin.fileno(), _CHUNK_BYTES)
            if not heard:
                return "alone"
            orders += heard
        if os.getppid() != parent:
            return "alone"


def _end(server: subprocess.Popen[bytes], number: int, grace_s: float) -> None:
    """End the server, politely for *grace_s*, and then what is left of its family."""
    if server.poll() is None:
        _signal(server, signal.SIGCONT)
        _signal(server, number)
        deadline = time.monotonic() + grace_s
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _signal(server: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(number)


class _Log:
    """The newest output, in a file and the one before it."""

    def __init__(self, path: str, bytes_max: int) -> None:
        self._path = Path(path)
        self._half_bytes = bytes_max // 2
        self._file = self._path.open("ab", buffering=0)

    def keep(self, output: bytes) -> int:
        if self._file.tell() + len(output) > self._half_bytes:
            self._file.close()
            self._path.replace(f"{self._path}.1")
            self._file = self._path.open("ab", buffering=0)
        self._file.write(output)
        return len(output)

    def keep_rest(self, output: int) -> None:
        while select.select([output], [], [], 0)[0] and self.keep(os.read(output, _CHUNK_BYTES)):
            pass


def _first_line(orders: int) -> bytes:
    heard = b""
    while b"\n" not in heard:
        piece = os.read(orders, _CHUNK_BYTES)
        if not piece:
            return b""
        heard += piece
    return heard


def _say(text: str) -> None:
    # Nobody may be left to hear it.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{text}\n".encode())


if __name__ == "__main__":
    main()
