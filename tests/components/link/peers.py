"""A Redis that does as it is told, good or bad, on a real or a simulated network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import hiredis

from agent_perf.components import RedisLink
from agent_perf.sim.wire import Link
from tests.sim.wire.nets import on_network

HELLO = b"%1\r\n$5\r\nproto\r\n:3\r\n"


def bulk(data: bytes) -> bytes:
    """Return *data* as a RESP bulk string."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


def echo(command: list[bytes]) -> bytes:
    """Answer ECHO with its argument, GET with the key, PING, HELLO; the rest with OK."""
    match command[0].upper():
        case b"HELLO":
            return HELLO
        case b"ECHO" | b"GET":
            return bulk(command[1])
        case b"PING":
            return b"+PONG\r\n"
        case _:
            return b"+OK\r\n"


class Peer:
    """
    Answers each command in its order, and knows how to misbehave.

    Attributes:
        answer: Command to reply; empty for none.
        think_s: Command to how long the peer is busy with it.
        is_silent: Whether it reads, and says nothing.
        piece_bytes: Largest piece in which it writes; None: whole replies.
        cut_after_bytes: The connection breaks after so many more bytes of replies; once.
        accepted: Connections so far.
        commands: Those that arrived, HELLO aside.
        open: The transports of its connections, oldest first.
    """

    def __init__(self) -> None:
        self.answer: Callable[[list[bytes]], bytes] = echo
        self.think_s: Callable[[list[bytes]], float] = lambda _: 0.0
        self.is_silent = False
        self.piece_bytes: int | None = None
        self.cut_after_bytes: int | None = None
        self.accepted = 0
        self.commands: list[list[bytes]] = []
        self.open: list[asyncio.Transport] = []

    def say(self, data: bytes) -> None:
        """Write *data* on all connections, unasked."""
        for transport in self.open:
            transport.write(data)

    def cut(self) -> None:
        """Break all connections."""
        for transport in tuple(self.open):
            transport.abort()

    def session(self) -> asyncio.BaseProtocol:
        """Return the protocol of a new connection."""
        return _Session(self)


class _Session(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._reader = hiredis.Reader()
        self._busy_until_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._peer.accepted += 1
        self._peer.open.append(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._peer.open.remove(self._transport)

    def data_received(self, data: bytes) -> None:
        peer, loop = self._peer, asyncio.get_running_loop()
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            if command[0] != b"HELLO":
                peer.commands.append(command)
            if peer.is_silent:
                continue
            now_s = loop.time()
            self._busy_until_s = max(now_s, self._busy_until_s) + peer.think_s(command)
            reply = peer.answer(command)
            if self._busy_until_s > now_s:
                loop.call_at(self._busy_until_s, self._write, reply)
            else:
                self._write(reply)

    def _write(self, data: bytes) -> None:
        peer = self._peer
        if self._transport.is_closing():
            return
        cut = peer.cut_after_bytes is not None and len(data) >= peer.cut_after_bytes
        if peer.cut_after_bytes is not None:
            data = data[: peer.cut_after_bytes]
            peer.cut_after_bytes = None if cut else peer.cut_after_bytes - len(data)
        step = peer.piece_bytes or len(data) or 1
        for start in range(0, len(data), step):
            self._transport.write(data[start : start + step])
        if cut:
            self._transport.close()


def linked(story, *, way: Link | None = None, **options):
    """Return what *story*, given a link, a peer and the loop, returns in virtual time."""

    async def main(loop, network):
        peer = Peer()
        network.listen("redis.sim", 6379, peer.session)
        link = RedisLink("redis://redis.sim", **options)
        try:
            return await story(link, peer, loop)
        finally:
            await link.aclose()

    return on_network(main, way)[0]


async def outcome(awaitable) -> object:
    """Return what comes: a reply, or the error."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  # Whatever it is, it is the outcome.
        return error
