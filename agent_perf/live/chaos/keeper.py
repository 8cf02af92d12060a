"""
Keeps one process of an experiment, and ends it with all that it started: a script.

It is a process of its own, so that nothing is left behind even if whoever makes the experiment
is killed: then its line ends, and it does what a last order would have said. On Linux what the
process leaves behind falls to it as well, which a group of processes alone does not hold.

Arguments: a file descriptor to talk on, the command. It says the process id, or ``! ERRNO`` if
the command cannot be started, and ``= STATUS`` once it has ended. It hears ``t`` (end, please),
``k`` (end at once), ``s`` (stop) and ``c`` (go on).

Source: prctl(2), PR_SET_CHILD_SUBREAPER; proc(5), /proc/pid/task/tid/children.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time

_ORDERS = {
    b"t": signal.SIGTERM,
    b"k": signal.SIGKILL,
    b"s": signal.SIGSTOP,
    b"c": signal.SIGCONT,
}
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Start the command, carry out orders, and leave nothing behind."""
    line = int(sys.argv[1])
    command = sys.argv[2:]
    os.set_inheritable(line, False)
    _take_orphans()
    bell, rings = socket.socketpair()
    rings.setblocking(False)
    signal.set_wakeup_fd(rings.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            setpgroup=0,
            setsigdef=(signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD),
        )
    except OSError as error:
        _say(line, f"! {error.errno}")
        return
    _say(line, str(pid))
    status = None
    while status is None:
        ready, _, _ = select.select([line, bell.fileno()], [], [])
        if bell.fileno() in ready:
            bell.recv(4096)
            status = _reaped(pid)
        if line in ready and status is None:
            order = os.read(line, 1)
            _send(pid, _ORDERS.get(order, signal.SIGKILL))
            if not order:
                break
    _clear(pid)
    if status is not None:
        _say(line, f"= {status}")


def _reaped(pid: int) -> int | None:
    """Take in all who have ended; return the status of *pid*, if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == pid:
                found = ended[1]
    return found


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _clear(pid: int) -> None:
    """End what is left of the group, and what has left it."""
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        _send(pid, signal.SIGKILL)
        for child in _children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return


def _children(pid: int) -> list[int]:
    """Return the descendants of *pid*, the nearest first; none where the system tells none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:  # noqa: PTH123 (bare, small)
            own = [int(word) for word in file.read().split()]
    except OSError:
        return []
    return own + [below for child in own for below in _children(child)]


def _take_orphans() -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _say(line: int, text: str) -> None:
    # Nobody may be there any more to hear it.
    with contextlib.suppress(OSError):
        os.write(line, f"{text}\n".encode())


if __name__ == "__main__":
    main()
