"""
Private servers, each a process on a port of its own: to be stopped, killed and started again.

The shared ones of the machine serve others as well, and are never stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from tests.services.addresses import free_port

_START_S = 20.0


class _Server:
    """A process that is killed with its data at the end of the block."""

    def __init__(self, program: str) -> None:
        path = shutil.which(program)
        if path is None:
            pytest.skip(f"no {program} on PATH")
        self._program = path
        self.host = "127.0.0.1"
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="agent-perf-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has written to its standard output."""
        return (self._folder / "log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it, and return when it answers."""
        self._process = await asyncio.to_thread(self._spawn)
        deadline_s = asyncio.get_running_loop().time() + _START_S
        while not await self._answers():
            if self._process.poll() is not None or asyncio.get_running_loop().time() > deadline_s:
                raise RuntimeError(f"{self._program} did not start: {self.log[-2000:]}")
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Let it end by itself: its clients are told."""
        await self._end(signal.SIGINT)

    async def kill(self) -> None:
        """End it at once, without a word to anybody."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Stop it, and start it again on the same port."""
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        """Let it keep its connections and answer nobody, until thaw."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._prepare)
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                self._command(), stdout=log, stderr=log, cwd="/", **self._as_user()
            )

    def _prepare(self) -> None:
        """Make what it needs before its first start."""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _as_user(self) -> dict[str, object]:
        return {"start_new_session": True}

    async def _answers(self) -> bool:
        raise NotImplementedError

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        # Its children too: a PostgreSQL is several processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        if number is signal.SIGKILL:
            self._signal(number)
        else:
            self._process.send_signal(number)
        await asyncio.to_thread(self._process.wait)
        self._process = None


class RedisServer(_Server):
    """
    A private Redis that keeps what it holds over a stop, not over a kill.

    Example::

        async with RedisServer() as server:
            client = redis.asyncio.Redis.from_url(server.url)
            await server.restart()
    """

    def __init__(self, *options: str) -> None:
        super().__init__("redis-server")
        self._options = options

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://{self.host}:{self.port}/0"

    def _command(self) -> list[str]:
        own = ["--port", str(self.port), "--bind", self.host, "--dir", str(self._folder)]
        return [self._program, *own, "--save", "3600 1", "--appendonly", "no", *self._options]

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        try:
            answer = await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()
        # A password that is asked for is an answer too; -LOADING is not yet one.
        return answer.startswith((b"+PONG", b"-NOAUTH"))


class PostgresServer(_Server):
    """
    A private PostgreSQL: user ``postgres``, database ``postgres``, no password.

    Example::

        async with PostgresServer() as server:
            connection = await asyncpg.connect(server.url)
            await server.restart()
    """

    def __init__(self, *options: str) -> None:
        super().__init__("postgres")
        self._options = options

    @property
    def url(self) -> str:
        """Where it is."""
        return f"postgresql://postgres@{self.host}:{self.port}/postgres"

    def _prepare(self) -> None:
        initdb = shutil.which("initdb")
        if initdb is None:
            pytest.skip("no initdb on PATH")
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        command = [initdb, "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust"]
        done = subprocess.run(
            [*command, "--no-sync"], capture_output=True, cwd="/", check=False, **self._as_user()
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr.decode(errors='replace')}")

    def _command(self) -> list[str]:
        own = {
            "port": self.port,
            "listen_addresses": self.host,
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 120,
        }
        settings = [f"--{name}={value}" for name, value in own.items()]
        return [self._program, "-D", str(self._folder / "data"), *settings, *self._options]

    def _as_user(self) -> dict[str, object]:
        # It refuses to run as root.
        user = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        return {**super()._as_user(), **user}

    async def _answers(self) -> bool:
        import asyncpg

        try:
            connection = await asyncpg.connect(self.url, timeout=2)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True
