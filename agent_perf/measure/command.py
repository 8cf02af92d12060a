"""
Runs somebody's command, and samples it and all that it starts.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent_perf.errors import UsageError
from agent_perf.measure.resource_sampler import INTERVAL_S, Gauge, ResourceSampler
from agent_perf.records import ResourceRun

_GRACE_S: Final = 10.0
"""How long a command that was asked to end may take, before it is killed."""

_POLL_S: Final = 0.02


def record_command(  # noqa: PLR0913 (each is optional, and named where it is given)
    command: Sequence[str],
    *,
    name: str,
    interval_s: float = INTERVAL_S,
    for_s: float | None = None,
    ports: Collection[int] = (),
    gauges: Mapping[str, Gauge] | None = None,
    db_pool_size: int | None = None,
    core: int | None = None,
    folder: Path | None = None,
) -> ResourceRun:
    """
    Return what *command* took until it ended, was interrupted, or its time was over.

    Its output is left as it is. Its total of CPU seconds is the system's account of it
    and of the children that it waited for.

    Args:
        command: Program and arguments.
        name: As in ResourceRun.
        interval_s: As for ResourceSampler, like the arguments that follow it.
        for_s: Seconds after which it is asked to end (SIGTERM), then killed.
        ports: Of databases.
        gauges: Further sources.
        db_pool_size: As in ResourceRun.
        core: The one that it and its children may use; None: any.
        folder: Where it runs; None: here.

    Raises:
        UsageError: If it cannot be started.
        ConfigError: If the interval cannot be kept.
    """
    process = _start(command, core, folder)
    reaped = False
    try:
        with ResourceSampler(
            process.pid,
            name=name,
            command=shlex.join(command),
            interval_s=interval_s,
            ports=ports,
            gauges=gauges,
            db_pool_size=db_pool_size,
            from_start=True,
        ) as sampler:
            stopped = _wait(process.pid, for_s)
        _, status, usage = os.wait4(process.pid, 0)
        reaped = True
    finally:
        if not reaped:
            _kill(process)
    process.returncode = os.waitstatus_to_exitcode(status)
    return sampler.result(
        end="stopped" if stopped else _words(process.returncode),
        cpu_account_s=usage.ru_utime + usage.ru_stime,
    )


def _start(
    command: Sequence[str], core: int | None, folder: Path | None
) -> subprocess.Popen[bytes]:
    if not command:
        raise UsageError("no command; name one after `--`, as in `-- python server.py`")
    try:
        process = subprocess.Popen(command, cwd=folder)
    except OSError as error:
        raise UsageError(f"cannot start {command[0]!r}: {error.strerror}") from error
    if core is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(process.pid, {core})
    return process


def _wait(pid: int, for_s: float | None) -> bool:
    """Wait for the end of child *pid*; return whether it ended because we wanted it to."""
    try:
        if _ended(pid, for_s):
            return False
    except KeyboardInterrupt:
        # A terminal sends it to the command, too: that is how people stop a server.
        if _ended(pid, _GRACE_S):
            return True
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(pid, number)
        if _ended(pid, _GRACE_S):
            break
    return True


def _ended(pid: int, within_s: float | None) -> bool:
    """Return whether child *pid* ends in time; its account stays to be read."""
    if within_s is None:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return True
    deadline_s = time.monotonic() + within_s
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(_POLL_S)
    return True


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _words(code: int) -> str:
    return f"exit {code}" if code >= 0 else f"signal {-code}"
