"""
An ASGI application in a process of its own, to be asked, killed and started again.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services.guarded import Guarded, ServerOrder
from agent_perf.live.services.ports import LOOPBACK, ReservedPort
from agent_perf.live.services.scratch import note_process, scratch_folder, sweep

_CONNECT_S: Final = 1.0
_END_S: Final = 10.0


@dataclass(slots=True, kw_only=True)
class AppServer:
    """
    An application behind uvicorn, on a port of this machine that stays the same.

    While it is down, connections are refused. It does not outlive us, however we end.

    Attributes:
        app: ``module:application``, as uvicorn takes it.
        folder: Where it runs, and is imported from.
        environ: Variables over ours.
        options: Of uvicorn's command line.
        start_s: Longest wait for its start-up.

    Example::

        with AppServer(app="shop.app:app", folder=root) as server:
            httpx.get(f"{server.url}/health")
            server.kill()
            server.start()
    """

    app: str
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    start_s: float = 30.0
    _stack: ExitStack = field(default_factory=ExitStack, init=False, repr=False)
    _scratch: Path = field(default=Path(), init=False)
    _port: int = field(default=0, init=False)
    _server: Guarded | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        module, _, name = self.app.partition(":")
        if not module or not name:
            raise UsageError(f"app {self.app!r}; want module:application, as shop.app:app")

    def __enter__(self) -> Self:
        if find_spec("uvicorn") is None:
            raise UsageError("an application is served by uvicorn; pip install 'agent-perf[wire]'")
        sweep()
        try:
            self._scratch = self._stack.enter_context(scratch_folder())
            self._port = self._stack.enter_context(ReservedPort()).number
            self._stack.callback(self.stop)
            self.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The process of the server."""
        assert self._server is not None, "it was never started"
        return self._server.pid

    def is_running(self) -> bool:
        """Return whether its process is there."""
        return self._server is not None and self._server.is_running()

    def start(self) -> None:
        """
        Start it, if it does not run, and return once its start-up is over.

        Raises:
            BrokenError: If that fails, or takes longer than `start_s`.
        """
        if self.is_running():
            return
        self.stop()
        command = [sys.executable, "-m", "uvicorn", self.app, f"--app-dir={self.folder}"]
        command += [f"--host={LOOPBACK}", f"--port={self._port}", "--no-access-log"]
        self._server = Guarded(
            ServerOrder(
                name=f"the application {self.app}",
                command=[*command, *self.options],
                folder=self.folder,
                log=self._scratch / "log",
                environ={**os.environ, **self.environ},
                remove=str(self._scratch),
            )
        )
        self._server.start()
        note_process(self._scratch, self._server.pid)
        self._server.wait_until(self._listens, self.start_s)

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal: SIGSTOP lets it hang, SIGCONT go on."""
        if self._server is not None:
            self._server.send(number)

    def kill(self) -> None:
        """
        End it at once, as a crash does, and return when it is gone.

        Raises:
            BrokenError: If it does not go.
        """
        if self._server is None:
            return
        self._server.send(signal.SIGKILL)
        if not self._server.wait_end(_END_S):
            raise BrokenError(f"the application {self.app} is still there after SIGKILL")

    def stop(self) -> None:
        """End it in order: requests under way are answered."""
        if self._server is not None:
            self._server.stop()

    def log_text(self) -> str:
        """Return the end of what it wrote, over all starts."""
        return self._server.log_text() if self._server is not None else ""

    def _listens(self) -> bool:
        # uvicorn listens once the application's own start-up is over.
        try:
            socket.create_connection((LOOPBACK, self._port), timeout=_CONNECT_S).close()
        except OSError:
            return False
        return True
