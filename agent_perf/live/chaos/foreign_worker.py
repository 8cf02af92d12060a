"""
A process that somebody else keeps running: killed by us, started again by its own supervisor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import psutil

from agent_perf.config import ChaosWorker
from agent_perf.errors import BrokenError, ConfigError
from agent_perf.live.chaos.plan import filled
from agent_perf.live.chaos.readiness import probe_of

_PROBE_EVERY_S: Final = 0.05
_WRITTEN_S: Final = 5.0
"""A process writes its file soon after it began; one that began later is another process."""


class ForeignWorker:
    """
    Knows a process by its file; to be used as an async context manager, and left running.

    Args:
        name: What faults call it.
        said: What the configuration says of it, with a pid_file.
        addresses: Name of a proxy to its address.

    Attributes:
        name: As given.
        states: As of Worker.
    """

    def __init__(self, name: str, said: ChaosWorker, addresses: Mapping[str, str]) -> None:
        where = f"workers.{name}"
        self.name = name
        self.states: list[tuple[float, str]] = []
        if not said.ready:
            raise ConfigError(
                f"{where} has a pid_file and no ready: when is it there again? want ready = "
                "http://HOST:PORT/health, or tcp:HOST:PORT"
            )
        if said.env:
            raise ConfigError(f"{where} has a pid_file and env: its environment is not ours to set")
        self._file = Path(said.pid_file)
        self._within_s = said.ready_within_s
        self._ready = said.ready
        self._probe = probe_of(filled(said.ready, addresses, f"{where}.ready"), f"{where}.ready")
        self._watches: list[asyncio.Task[None]] = []
        self._stopped: int | None = None

    async def __aenter__(self) -> Self:
        """
        Return it when it is ready.

        Raises:
            BrokenError: If it is not there, or not ready in time.
        """
        self._pid()
        try:
            async with asyncio.timeout(self._within_s):
                await self._await_ready()
        except TimeoutError:
            raise BrokenError(
                f"worker {self.name} was not ready in {self._within_s:g} s ({self._ready})"
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave it running."""
        self.go_on()
        for watch in self._watches:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    def kill(self, away_s: float) -> None:
        """Kill it; when it is started again is not ours to say, so that *away_s* is not asked."""
        del away_s
        pid = self._pid()
        self._signal(pid, signal.SIGKILL)
        self.states.append((time.perf_counter(), "down"))
        for watch in self._watches:
            # Killed before it was ready again: who was waited for will not be.
            watch.cancel()
        self._watches.append(asyncio.get_running_loop().create_task(self._await_other(pid)))

    def stop(self) -> None:
        """Stop it where it stands."""
        self._stopped = self._pid()
        self._signal(self._stopped, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        if self._stopped is not None:
            # Its supervisor may have replaced it meanwhile.
            with contextlib.suppress(BrokenError):
                self._signal(self._stopped, signal.SIGCONT)
            self._stopped = None

    def _pid(self) -> int:
        """
        Return its process id.

        Raises:
            BrokenError: If the file tells none, or that of a process that is not the one.
        """
        whose = f"worker {self.name}: {self._file}"
        try:
            pid = int(self._file.read_bytes()[:32])
            written_s = self._file.stat().st_mtime
            began_s = psutil.Process(pid).create_time()
        except (OSError, ValueError, psutil.NoSuchProcess) as error:
            raise BrokenError(f"{whose} names no process that runs: {error}") from error
        if pid <= 1 or began_s > written_s + _WRITTEN_S:
            raise BrokenError(
                f"{whose} names process {pid}, which began after the file was written: it is "
                "another one, and was left alone"
            )
        return pid

    def _signal(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except OSError as error:
            raise BrokenError(
                f"worker {self.name}: {number.name} to process {pid}: {error.strerror}"
            ) from error

    async def _await_other(self, pid: int) -> None:
        while self._named() in (None, pid):  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(_PROBE_EVERY_S)
        await self._await_ready()

    def _named(self) -> int | None:
        try:
            return self._pid()
        except BrokenError:
            return None

    async def _await_ready(self) -> None:
        while not await self._probe():  # noqa: ASYNC110 (likewise)
            await asyncio.sleep(_PROBE_EVERY_S)
        self.states.append((time.perf_counter(), "ready"))
