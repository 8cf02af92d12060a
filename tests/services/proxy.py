"""
A TCP proxy that does to real connections what networks do.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

_CHUNK_BYTES = 64 * 1024


class Proxy:
    """
    Stands before a server, and lets through, holds back, slows down or cuts.

    Attributes:
        port: Where clients connect, on 127.0.0.1.
        delay_s: How long each piece from the server is held back, >= 0.
        chunk_bytes: Largest piece that is passed on from the server.
        accepted: Connections since the beginning.

    Example::

        async with Proxy("127.0.0.1", 6379) as proxy:
            client = redis.asyncio.Redis(port=proxy.port)
            proxy.cut_after_bytes(7)
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.host = "127.0.0.1"
        self.port = 0
        self.delay_s = 0.0
        self.chunk_bytes = _CHUNK_BYTES
        self.accepted = 0
        self._left_bytes: int | None = None
        self._open = asyncio.Event()
        self._refuses = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def cut_after_bytes(self, count: int) -> None:
        """Pass on *count* more bytes of the server's, >= 0, and cut all connections. Once."""
        self._left_bytes = count
        if count == 0:
            self._left_bytes = None
            self.cut_all()

    def blackhole(self) -> None:
        """Pass nothing on, in either direction, until heal; connections stay open."""
        self._open.clear()

    def refuse(self) -> None:
        """Cut all connections, and each new one, until heal."""
        self._refuses = True
        self.cut_all()

    def cut_all(self) -> None:
        """Cut all connections, without a good-bye."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    def heal(self) -> None:
        """Let everything through again."""
        self._refuses = False
        self._left_bytes = None
        self.delay_s = 0.0
        self.chunk_bytes = _CHUNK_BYTES
        self._open.set()

    async def __aenter__(self) -> Self:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.heal()
        self.cut_all()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self._refuses:
                return
            far_reader, far = await asyncio.open_connection(*self._target)
            self._writers.add(far)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, far, from_server=False))
                both.create_task(self._pass(far_reader, writer, from_server=True))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in filter(None, (writer, far)):
                self._writers.discard(end)
                end.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            pieces = self._pieces(data) if from_server else [data]
            for piece in pieces:
                await self._open.wait()
                if from_server and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                last = False
                if from_server and self._left_bytes is not None:
                    last = len(piece) >= self._left_bytes
                    piece = piece[: self._left_bytes]  # noqa: PLW2901
                    self._left_bytes = None if last else self._left_bytes - len(piece)
                writer.write(piece)
                await writer.drain()
                if last:
                    # What was written before is to arrive; then the line goes dead.
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
                    raise ConnectionResetError
        writer.close()

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self.chunk_bytes
        return [data[at : at + size] for at in range(0, len(data), size)]
