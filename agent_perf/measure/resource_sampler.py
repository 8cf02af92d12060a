"""
Samples a process and its children while they run.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Final, Self

from agent_perf.errors import AgentPerfError, ConfigError
from agent_perf.measure.process_tree import ProcessGone, ProcessTree, Reading
from agent_perf.measure.resource_log import ResourceLog
from agent_perf.records import ResourceRun
from agent_perf.records.resources import LEVELS

INTERVAL_S: Final = 0.5
INTERVALS_S: Final = (0.05, 10.0)
"""Shortest and longest interval between two ticks, in seconds."""

_PSS_EVERY: Final = 10
"""Ticks to one at which shared memory is shared out: it costs as much as all the rest."""

Gauge = Callable[[], float]
"""What is held now; called at each tick, in the sampler's thread."""


def check_interval(interval_s: float) -> float:
    """
    Return *interval_s* if it can be kept.

    Raises:
        ConfigError: If it is outside of INTERVALS_S.
    """
    shortest_s, longest_s = INTERVALS_S
    if not shortest_s <= interval_s <= longest_s:
        raise ConfigError(
            f"a sampling interval of {interval_s:g} s; want {shortest_s:g} to {longest_s:g} s"
        )
    return interval_s


class ResourceSampler:
    """
    Looks at a process, and all that it starts, in regular ticks, in a thread of its own.

    To be used as a context manager around what is measured, in another process than that:
    within one, both take turns on the interpreter's lock. Ticks have fixed places in time;
    one that comes too late for its place is counted as missed, and none is made up for.
    That the process ends is the recording's end.

    Args:
        pid: The process.
        name: As in ResourceRun.
        command: Likewise.
        interval_s: Between two ticks, as in INTERVALS_S.
        ports: Remote TCP ports of databases: established connections to them are
            ``db_connections``.
        gauges: Name as in records.LEVELS to what tells of it: a pool's connections in use.
        db_pool_size: As in ResourceRun.
        from_start: Whether the process was just started: what it used before the first look,
            on a busy machine a good part of a second, counts in its totals.
        clock: Reads seconds that never go back; told as an argument for tests.

    Raises:
        ConfigError: If *interval_s* or the name of a gauge cannot be used.
        UsageError: If there is no such process.
    """

    def __init__(  # noqa: PLR0913 (each is optional, and named where it is given)
        self,
        pid: int,
        *,
        name: str,
        command: str = "",
        interval_s: float = INTERVAL_S,
        ports: Collection[int] = (),
        gauges: Mapping[str, Gauge] | None = None,
        db_pool_size: int | None = None,
        from_start: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = check_interval(interval_s)
        self._gauges = dict(gauges or {})
        for gauge in self._gauges:
            if gauge not in LEVELS:
                raise ConfigError(f"gauge {gauge!r}; want one of {', '.join(LEVELS)}")
        self._tree = ProcessTree(pid, ports=ports)
        self._name, self._command = name, command
        self._db_pool_size = db_pool_size
        self._clock = clock
        self._log = ResourceLog(interval_s, from_start=from_start)
        self._ticks = self._missed = 0
        self._duration_s = self._cpu_s = 0.0
        self._cores = _cores(pid)
        self._gone = False
        self._stop, self._looked = threading.Event(), threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="resources", daemon=True)
        self._start_s = self._unix_s = 0.0

    def __enter__(self) -> Self:
        """Look once, then go on looking in the background."""
        self._unix_s = time.time()
        self._start_s = self._clock()
        self._thread.start()
        self._looked.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Look a last time, and stop."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    @property
    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._gone

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return whether the process has ended, within *timeout_s* seconds; None: however long."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def result(
        self,
        *,
        end: str = "",
        cpu_account_s: float | None = None,
        memory_high_bytes: int | None = None,
        commit: str = "",
        requests: int | None = None,
    ) -> ResourceRun:
        """
        Return what was sampled; to be asked after the end.

        Args:
            end: As in ResourceRun; ``gone`` or ``stopped`` if empty.
            cpu_account_s: Likewise.
            memory_high_bytes: Likewise; what the ticks were told if None, or if that is more.
            commit: As in ResourceRun.
            requests: Likewise.
        """
        return ResourceRun(
            name=self._name,
            command=self._command,
            commit=commit,
            started_s=self._unix_s,
            interval_s=self._interval_s,
            duration_s=self._duration_s,
            tick_count=self._ticks,
            missed_count=self._missed,
            bucket_s=self._log.bucket_s,
            series={
                name: one
                for name, one in self._log.series().items()
                if name not in self._tree.denied
            },
            cpu_account_s=cpu_account_s,
            memory_high_bytes=max(memory_high_bytes or 0, self._log.high_bytes) or None,
            sampler_cpu_s=self._cpu_s,
            cores=self._cores,
            db_pool_size=self._db_pool_size,
            requests=requests,
            end=end or ("gone" if self._gone else "stopped"),
            notes=tuple(dict.fromkeys(self._tree.notes.values())),
        )

    def _run(self) -> None:
        start_s = time.thread_time()
        try:
            self._tick()
            self._looked.set()
            self._keep_looking()
        except Exception as error:  # noqa: BLE001 (raised to whoever leaves the sampler)
            self._error = error
        finally:
            self._looked.set()
            self._cpu_s = time.thread_time() - start_s

    def _keep_looking(self) -> None:
        place = 1
        while not self._gone:
            wait_s = self._start_s + place * self._interval_s - self._clock()
            stopped = self._stop.wait(max(0.0, wait_s))
            self._tick()
            if stopped:
                break
            passed = int((self._clock() - self._start_s) / self._interval_s)
            self._missed += max(0, passed - place)
            place = max(place, passed) + 1

    def _tick(self) -> None:
        at_s = self._clock() - self._start_s
        try:
            reading = self._tree.read(proportional=self._ticks % _PSS_EVERY == 0)
        except ProcessGone:
            self._gone = True
            return
        for name, gauge in list(self._gauges.items()):
            self._read(name, gauge, reading)
        self._log.add(at_s, reading)
        self._ticks += 1
        self._duration_s = max(self._duration_s, at_s)
        self._gone = reading.ended

    def _read(self, name: str, gauge: Gauge, reading: Reading) -> None:
        try:
            reading.levels[name] = gauge()
        except (AgentPerfError, OSError) as error:
            # What cannot be asked now is not asked again at each tick.
            del self._gauges[name]
            self._tree.refuse((name,), f"{name}: not measured, {error}")


def _cores(pid: int) -> int:
    if hasattr(os, "sched_getaffinity"):
        try:
            return len(os.sched_getaffinity(pid))
        except OSError:
            return os.cpu_count() or 1
    return os.cpu_count() or 1
