"""
Runs somebody's command, and samples it and all that it starts.
"""

from __future__ import annotations

import math
import shlex
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from agent_perf.measure.launched import Launched
from agent_perf.measure.resource_sampler import INTERVAL_S, Gauge, ResourceSampler
from agent_perf.records import ResourceRun

_GRACE_S: Final = 10.0
"""How long a command that was asked to end may take, before it is killed."""

_STOPPED_EVERY_S: Final = 1.0
"""How often a command that does not end is looked at: was it stopped?"""


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
    on_stopped: Callable[[int], None] = lambda pid: None,
) -> ResourceRun:
    """
    Return what *command* took until it ended, was interrupted, or its time was over.

    Its output is left as it is. Its total of CPU seconds and the most memory that one of its
    processes held are the system's account of it and of the children that it waited for.

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
        on_stopped: Told its id when a signal has stopped it, once for each time: it then
            waits to be continued, and so do we.

    Raises:
        UsageError: If it cannot be started.
        ConfigError: If the interval cannot be kept.
    """
    with Launched(command, folder=folder, core=core) as launched:
        with ResourceSampler(
            launched.pid,
            name=name,
            command=shlex.join(command),
            interval_s=interval_s,
            ports=ports,
            gauges=gauges,
            db_pool_size=db_pool_size,
            from_start=True,
        ) as sampler:
            stopped = _wait(launched, for_s, on_stopped)
        account = launched.account()
    return sampler.result(
        end="stopped" if stopped else end_words(account.exit_code),
        cpu_account_s=account.cpu_s,
        memory_high_bytes=account.memory_bytes,
    )


def end_words(code: int) -> str:
    """Return how a process ended, from its exit code: ``exit 0``, ``signal 9``."""
    return f"exit {code}" if code >= 0 else f"signal {-code}"


def _wait(launched: Launched, for_s: float | None, on_stopped: Callable[[int], None]) -> bool:
    """Wait for the end of *launched*; return whether it ended because we wanted it to."""
    try:
        if _ended(launched, for_s, on_stopped):
            return False
    except KeyboardInterrupt:
        # A terminal sends it to the command, too: that is how people stop a server.
        if launched.wait(_GRACE_S):
            return True
    if launched.is_stopped():
        # What is stopped hears of nothing else.
        launched.signal(signal.SIGCONT)
    launched.signal(signal.SIGTERM)
    if not launched.wait(_GRACE_S):
        launched.kill()
        launched.wait()
    return True


def _ended(launched: Launched, for_s: float | None, on_stopped: Callable[[int], None]) -> bool:
    """Return whether *launched* ends in time, and tell of each time that it is stopped."""
    deadline_s = math.inf if for_s is None else time.monotonic() + for_s
    was_stopped = False
    while (left_s := deadline_s - time.monotonic()) > 0:
        if launched.wait(min(left_s, _STOPPED_EVERY_S)):
            return True
        is_stopped = launched.is_stopped()
        if is_stopped and not was_stopped:
            on_stopped(launched.pid)
        was_stopped = is_stopped
    return False
