"""
Starts a command and tells what it took: a script, run by `launched.Launched`.

It is a process of its own because it is small. Linux counts into a process's largest
resident set what the process that it was forked from had at that moment: a command started
by a benchmark suite of 200 MiB would seem to take 200 MiB. Here that is the 9 MiB of a bare
interpreter. For the same reason it imports next to nothing.

Arguments: a file descriptor to talk on, a core or -1, the command. It says ``! ERRNO`` if the
command cannot be started, else its process id; once it has ended ``= WALL_NS``; and, when it
is told to go on, the wait status, CPU microseconds and largest resident set in bytes.

Source: getrusage(2), ru_maxrss; Linux, fs/exec.c, exec_mmap.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def main() -> None:
    """Carry out the order in the arguments."""
    line = int(sys.argv[1])
    core = int(sys.argv[2])
    command = sys.argv[3:]
    os.set_inheritable(line, False)
    # A terminal interrupts all; what the command makes of it is to be told, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if core >= 0:
        os.sched_setaffinity(0, {core})
    start_ns = time.monotonic_ns()
    try:
        pid = os.posix_spawnp(
            command[0], command, os.environ, setsigdef=(signal.SIGINT, signal.SIGPIPE)
        )
    except OSError as error:
        _say(line, f"! {error.errno}")
        return
    _say(line, str(pid))
    # It stays to be looked at, and its id its own, until whoever samples it is done.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    _say(line, f"= {time.monotonic_ns() - start_ns}")
    os.read(line, 1)
    _, status, usage = os.wait4(pid, 0)
    cpu_us = round((usage.ru_utime + usage.ru_stime) * 1e6)
    unit = 1 if sys.platform == "darwin" else 1024
    _say(line, f"{status} {cpu_us} {usage.ru_maxrss * unit}")


def _say(line: int, text: str) -> None:
    os.write(line, f"{text}\n".encode())


if __name__ == "__main__":
    main()
