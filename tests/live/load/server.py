"""
A service with known delays and faults, in a process of its own: prints its port, serves for ever.

Paths: /ok, /slow?ms=20, /sse (0.05 s to the first event, 0.15 s to the end), /503, /gone (hangs up),
/cut (promises ten bytes, sends two), /cut-stream, /packed (gzip), /big, /silent, /echo (the request's
head), /stall?ms=1000 (all stop for so long), /die, /endless-head, /endless-line, /cut-packed (gzip without
its end), /bad-packed (no gzip), /comments (a stream without an event), /returns (as /sse, lines end with CR).
"""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import time
from urllib.parse import parse_qs, urlsplit


class Service(asyncio.Protocol):
    """One connection; requests of it are answered one after the other."""

    def connection_made(self, transport) -> None:
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, _, rest = self.rest.partition(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self.rest = rest[length:]
            self.serve(head)

    def serve(self, head: bytes) -> None:  # noqa: C901, PLR0912 (a case for each path)
        parts = urlsplit(head.split(b" ")[1].decode())
        wait_s = float(parse_qs(parts.query).get("ms", ["0"])[0]) / 1000
        match parts.path:
            case "/slow":
                asyncio.get_running_loop().call_later(wait_s, self.say, b"ok")
            case "/stall":
                time.sleep(wait_s)
                self.say(b"ok")
            case "/sse" | "/cut-stream":
                self.task = asyncio.ensure_future(self.stream(is_cut=parts.path != "/sse"))
            case "/503":
                self.say(b"down\nfor now", b"503 Service Unavailable")
            case "/gone":
                self.transport.close()
            case "/cut":
                self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok")
                self.transport.close()
            case "/packed":
                self.say(gzip.compress(b"well packed"), more=b"content-encoding: gzip\r\n")
            case "/comments":
                self.say(b": data: none\n\nevent: data: none\n\n")
            case "/returns":
                self.task = asyncio.ensure_future(self.stream(is_cut=False, end=b"\r\r"))
            case "/bad-packed":
                self.say(b"well packed", more=b"content-encoding: gzip\r\n")
            case "/cut-packed":
                body = gzip.compress(b"well packed" * 100)[:-12]
                self.say(body, more=b"content-encoding: gzip\r\n")
            case "/endless-head" | "/endless-line":
                piece = b"x-more: " + b"y" * 65_000
                is_head = parts.path == "/endless-head"
                self.transport.write(b"HTTP/1.1 200 OK\r\n" + (b"" if is_head else b"\r\ndata: "))
                self.task = asyncio.ensure_future(self.pour(piece + b"\r\n" * is_head))
            case "/big":
                self.say(b"x" * (17 << 20))
            case "/silent":
                pass
            case "/echo":
                self.say(head)
            case "/die":
                os._exit(1)
            case _:
                self.say(b"ok")

    def say(self, body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> None:
        head = b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n" % (status, more, len(body))
        self.transport.write(head + body)

    async def pour(self, piece: bytes) -> None:
        while not self.transport.is_closing():
            if self.transport.get_write_buffer_size() < 1 << 20:
                self.transport.write(piece)
            await asyncio.sleep(0)

    async def stream(self, *, is_cut: bool, end: bytes = b"\n\n") -> None:
        def piece(data: bytes) -> None:
            self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))

        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        piece(b": ping%s" % end)
        for text in (b"one", b"two", b"three"):
            await asyncio.sleep(0.05)
            piece(b"data: %s%s" % (text, end))
            if is_cut:
                self.transport.close()
                return
        self.transport.write(b"0\r\n\r\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Service, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.gather(server.serve_forever(), leave_with_parent())


async def leave_with_parent() -> None:
    """A test run that is killed leaves no server behind."""
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
