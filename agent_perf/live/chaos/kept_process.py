"""
One process of an experiment, which ends with it whatever happens.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from agent_perf.errors import UsageError

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_POLITE_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.005


class KeptProcess:
    """
    A running command, in a group of its own; `launch` makes one.

    Attributes:
        pid: Its process id.
    """

    def __init__(
        self,
        pid: int,
        keeper: subprocess.Popen[bytes],
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.pid = pid
        self._keeper = keeper
        self._reader, self._writer = line

    @classmethod
    async def launch(cls, command: Sequence[str], env: Mapping[str, str], log: Path) -> Self:
        """
        Return *command*, started; what it prints is added to the file *log*.

        Raises:
            UsageError: If it cannot be started.
        """
        ours, theirs = socket.socketpair()
        with theirs, log.open("ab") as out:
            # Not asyncio's: its loop kills the processes that it knows when it is closed, and a
            # keeper that is killed keeps nothing.
            keeper = subprocess.Popen(  # noqa: ASYNC220 (a spawn is a few ms)
                (sys.executable, "-I", "-S", str(_KEEPER), str(theirs.fileno()), *command),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        line = await asyncio.open_connection(sock=ours)
        first = (await line[0].readline()).decode()
        if not first or first.startswith("!"):
            line[1].close()
            await _ended(keeper)
            number = int(first.partition(" ")[2]) if first else 0
            told = os.strerror(number) if number else "its keeper ended without a word"
            raise UsageError(f"cannot start {command[0]!r}: {told}")
        return cls(int(first), keeper, line)

    async def ended(self) -> int:
        """Return its exit code once it has ended; negative: the signal that ended it."""
        told = await self._reader.readline()
        self._writer.close()
        await _ended(self._keeper)
        return os.waitstatus_to_exitcode(int(told.split()[1])) if told else -9

    def kill(self) -> None:
        """End it and all that it started, at once."""
        self._order(b"k")

    def stop(self) -> None:
        """Stop it, and all of its group: it keeps its connections, and says nothing."""
        self._order(b"s")

    def go_on(self) -> None:
        """Let it go on."""
        self._order(b"c")

    async def end(self) -> None:
        """End it politely; if it does not in 5 s, or we are cancelled, at once."""
        self._order(b"ct")
        try:
            async with asyncio.timeout(_POLITE_S):
                await _ended(self._keeper)
        except TimeoutError:
            self._order(b"k")
            await _ended(self._keeper)
        finally:
            # Without a line the keeper ends everything.
            self._writer.close()

    def _order(self, orders: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(orders)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:  # noqa: ASYNC110 (nobody rings for a process that is not asyncio's)
        await asyncio.sleep(_LOOK_EVERY_S)
