"""
A process of the system under experiment: started, killed, started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from agent_perf.config import ChaosWorker
from agent_perf.errors import BrokenError, ConfigError
from agent_perf.live.chaos.kept_process import KeptProcess
from agent_perf.live.chaos.plan import filled
from agent_perf.live.chaos.readiness import probe_of
from agent_perf.scrubbing import scrubbed

_PROBE_EVERY_S: Final = 0.05
_TAIL_BYTES: Final = 2000


class Worker:
    """
    Keeps a process running, as a supervisor does; to be used as an async context manager.

    Args:
        name: What faults call it.
        said: What the configuration says of it.
        addresses: Name of a proxy to its address.
        log: File for what it prints.

    Attributes:
        name: As given.
        states: When it was ``ready`` and ``down``, on the clock of time.perf_counter.
    """

    def __init__(
        self, name: str, said: ChaosWorker, addresses: Mapping[str, str], log: Path
    ) -> None:
        where = f"workers.{name}"
        self.name = name
        self.states: list[tuple[float, str]] = []
        self._said = said
        try:
            self._command = shlex.split(filled(said.command, addresses, f"{where}.command"))
        except ValueError as error:
            raise ConfigError(f"{where}.command = {said.command!r}: {error}") from error
        if not self._command:
            raise ConfigError(f"{where}.command is empty; want a program and its arguments")
        own = {key: filled(text, addresses, f"{where}.env") for key, text in said.env.items()}
        self._env = {**os.environ, **own}
        self._probe = probe_of(filled(said.ready, addresses, f"{where}.ready"), f"{where}.ready")
        self._log = log
        self._away_s: float | None = None
        self._process: KeptProcess | None = None
        self._is_ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """
        Start it, and return it when it is ready.

        Raises:
            UsageError: If it cannot be started.
            BrokenError: If it is not ready in time, or somebody else answers in its place.
        """
        # A server that was left running would keep the port: it would pass for the worker, and
        # the experiment would tell how well it bears faults that it never sees.
        if self._said.ready and await self._probe():
            raise BrokenError(
                f"worker {self.name}: {self._said.ready} is answered before the worker is "
                "started; end what runs there, or experiment on that: without command, with its "
                "pid_file"
            )
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        self._task = asyncio.get_running_loop().create_task(self._supervise())
        waiting = asyncio.get_running_loop().create_task(self._is_ready.wait())
        try:
            await asyncio.wait(
                (self._task, waiting),
                timeout=self._said.ready_within_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        except BaseException:
            await self.__aexit__()
            raise
        finally:
            waiting.cancel()
        if self._is_ready.is_set():
            return self
        if self._task.done() and (error := self._task.exception()) is not None:
            raise error
        await self.__aexit__()
        raise BrokenError(
            f"worker {self.name} was not ready in {self._said.ready_within_s:g} s "
            f"({self._said.ready}); it said: {self._tail() or 'nothing'}"
        )

    async def __aexit__(self, *_: object) -> None:
        """End it, and all that it started."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._process is not None:
            await self._process.end()
            self._process = None

    def kill(self, away_s: float) -> None:
        """Kill it and all that it started; it is started again after *away_s*."""
        self._away_s = away_s
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """Stop it where it stands."""
        if self._process is not None:
            self._process.stop()

    def go_on(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.go_on()

    async def _supervise(self) -> None:
        while True:
            self._process = await KeptProcess.launch(self._command, self._env, self._log)
            probing = asyncio.get_running_loop().create_task(self._await_ready())
            try:
                await self._process.ended()
            finally:
                probing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await probing
            self._process = None
            self._note("down")
            away_s = self._said.restart_after_s if self._away_s is None else self._away_s
            self._away_s = None
            await asyncio.sleep(away_s)

    async def _await_ready(self) -> None:
        # It is another process that becomes ready; nothing here could tell.
        while not await self._probe():  # noqa: ASYNC110
            await asyncio.sleep(_PROBE_EVERY_S)
        self._note("ready")
        self._is_ready.set()

    def _note(self, state: str) -> None:
        self.states.append((time.perf_counter(), state))

    def _tail(self) -> str:
        text = self._log.read_bytes()[-_TAIL_BYTES:].decode("utf-8", "replace")
        return " / ".join(scrubbed(text, _secrets(self._said.env)).splitlines()[-5:])


def _secrets(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in env.values() if len(value) >= 8}, key=len))
