"""The transport: what asyncio's and the kernel's promise, and when bytes arrive."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.sim.wire import Link
from tests.sim.wire.nets import CONNECT_NS, MS, TRIP_NS, ideal, on_network


class Keeper(asyncio.Protocol):
    """Keeps what it is told, with the time."""

    def __init__(self, loop, *, half_open: bool = False) -> None:
        self.loop = loop
        self.half_open = half_open
        self.told: list[tuple[str, object, int]] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._note("data", data)

    def eof_received(self) -> bool:
        self._note("eof", None)
        return self.half_open

    def connection_lost(self, exc) -> None:
        self._note("lost", type(exc).__name__)

    def pause_writing(self) -> None:
        self._note("pause", None)

    def resume_writing(self) -> None:
        self._note("resume", None)

    def _note(self, what: str, detail: object) -> None:
        self.told.append((what, detail, self.loop.now_ns - CONNECT_NS))

    def data(self) -> bytes:
        """Return all that was received."""
        return b"".join(detail for what, detail, _ in self.told if what == "data")


async def pair(loop, **client_options) -> tuple[Keeper, Keeper]:
    """Return the protocols of a new connection: the client's and the server's."""
    server = Keeper(loop)
    await loop.create_server(lambda: server, "host.sim", 1)
    _, client = await loop.create_connection(lambda: Keeper(loop, **client_options), "host.sim", 1)
    return client, server


def test_writes_of_one_instant_arrive_together_half_a_trip_later() -> None:
    """Two writes in one step are one piece; it arrives after half of the drawn trip."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.write(b"ab")
        client.transport.writelines([b"c", bytearray(b"d"), memoryview(b"e")])
        await asyncio.sleep(1)
        return server.told

    found, ledger = on_network(main)

    assert [("data", b"abcde", TRIP_NS // 2)] == found
    assert 1 == ledger.counts["tcp_writes"]
    # The witness counts bytes where the client's end sees them.
    assert 5 == ledger.counts["tcp_bytes"]


def test_bandwidth_delays_by_size_and_queues() -> None:
    """At 1 MB/s, 1,000 bytes take 1 ms more, and what is sent behind them waits for them."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.write(b"x" * 1_000)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        client.transport.write(b"y" * 500)
        await asyncio.sleep(1)
        return [(len(data), at_ns) for _, data, at_ns in server.told]

    link = Link(bytes_per_s=1_000_000, window_bytes=None)

    half_ns = TRIP_NS // 2
    assert [(1_000, half_ns + MS), (500, half_ns + MS + MS // 2)] == on_network(main, link)[0]


@settings(max_examples=40, deadline=None)
@given(
    writes=st.lists(st.tuples(st.binary(max_size=400), st.integers(0, 3)), max_size=8),
    window=st.none() | st.integers(1, 300),
    segment=st.none() | st.integers(1, 100),
    rate=st.none() | st.integers(1_000, 10_000_000),
    pauses=st.lists(st.integers(0, 5), max_size=3),
)
def test_whatever_the_link_bytes_arrive_complete_and_in_order(
    writes, window, segment, rate, pauses
) -> None:
    """Any window, segment size, bandwidth and pauses in reading: all bytes come, in order."""

    async def main(loop, network):
        client, server = await pair(loop)
        for data, wait_ms in writes:
            client.transport.write(data)
            await asyncio.sleep(wait_ms / 1e3)
        client.transport.write_eof()
        for pause_ms in pauses:
            server.transport.pause_reading()
            await asyncio.sleep(pause_ms / 1e3)
            server.transport.resume_reading()
            await asyncio.sleep(0.001)
        await asyncio.sleep(60)
        return server, client

    link = Link(bytes_per_s=rate, window_bytes=window, segment_bytes=segment)
    (server, _client), _ = on_network(main, link)

    assert b"".join(data for data, _ in writes) == server.data()
    assert ["eof", "lost"] == [what for what, _, _ in server.told if what != "data"]
    if segment is not None and not pauses:
        assert all(len(data) <= segment for what, data, _ in server.told if what == "data")


def test_a_reader_that_pauses_stops_the_writer() -> None:
    """Beyond window and high-water mark the writer is paused, and resumed when it is read."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.set_write_buffer_limits(high=500)
        server.transport.pause_reading()
        client.transport.write(b"x" * 1_000)
        await asyncio.sleep(1)
        before = client.told.copy(), client.transport.get_write_buffer_size()
        client.transport.write(b"y" * 600)
        size = client.transport.get_write_buffer_size()
        await asyncio.sleep(1)
        server.transport.resume_reading()
        await asyncio.sleep(1)
        return before, size, client.told, server.data(), client.transport.get_write_buffer_size()

    found, _ = on_network(main, Link(bytes_per_s=None, window_bytes=1_000))

    before, size, told, data, left = found
    assert ([], 0) == before
    assert 600 == size
    # Read at 2 s; the window opens half a trip later.
    assert [("pause", None, 1_000 * MS), ("resume", None, 2_000 * MS + TRIP_NS // 2)] == told
    assert b"x" * 1_000 + b"y" * 600 == data
    assert 0 == left


def test_closing_sends_the_rest_and_tells_both_ends() -> None:
    """`close` after a write: the peer gets data, then the end, and closes its side."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.write(b"bye")
        client.transport.close()
        client.transport.write(b"never")
        await asyncio.sleep(1)
        return client.told, server.told, client.transport.is_closing()

    client, server, closing = on_network(main)[0]
    half_ns = TRIP_NS // 2

    assert [("lost", "NoneType", 0)] == client
    assert [("data", b"bye", half_ns), ("eof", None, half_ns), ("lost", "NoneType", half_ns)] == (
        server
    )
    assert closing


def test_a_half_closed_connection_still_brings_answers() -> None:
    """After `write_eof` the client receives; writing is a RuntimeError."""

    async def main(loop, network):
        client, server = await pair(loop, half_open=True)
        server.half_open = True
        client.transport.write_eof()
        with pytest.raises(RuntimeError, match="write_eof"):
            client.transport.write(b"more")
        await asyncio.sleep(0.1)
        server.transport.write(b"answer")
        server.transport.close()
        await asyncio.sleep(0.1)
        client.transport.close()
        await asyncio.sleep(0.1)
        return client.data(), [what for what, _, _ in client.told], server.told[-1][:2]

    assert (b"answer", ["data", "eof", "lost"], ("lost", "NoneType")) == on_network(main)[0]


def test_an_end_closed_with_unread_bytes_resets_the_other() -> None:
    """Closing without having read what came is a reset, as from a kernel."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.pause_reading()
        server.transport.write(b"unread")
        await asyncio.sleep(0.1)
        client.transport.close()
        await asyncio.sleep(0.1)
        return server.told

    # It has sent nothing itself: its way there takes half of its handshake.
    assert [("lost", "ConnectionResetError", 100 * MS + CONNECT_NS // 2)] == on_network(main)[0]


def test_bytes_for_an_end_that_is_gone_are_answered_with_a_reset() -> None:
    """Who writes to a closed end is told one trip later, as by a kernel."""

    async def main(loop, network):
        client, server = await pair(loop)
        server.half_open = True
        client.transport.abort()
        await asyncio.sleep(0.1)
        server.transport.write(b"anybody?")
        await asyncio.sleep(0.1)
        return [(what, detail) for what, detail, _ in server.told]

    assert [("eof", None), ("lost", "ConnectionResetError")] == on_network(main)[0]


def test_an_aborted_end_loses_what_the_window_held_back() -> None:
    """`abort` drops what waits for the window; what has left arrives."""

    async def main(loop, network):
        client, server = await pair(loop)
        client.transport.write(b"x" * 1_000)
        client.transport.abort()
        await asyncio.sleep(1)
        return len(server.data()), client.told

    found, _ = on_network(main, Link(bytes_per_s=None, window_bytes=300))

    assert (300, [("lost", "NoneType", 0)]) == found


def test_a_protocol_that_fails_loses_its_connection(caplog) -> None:
    """An exception in `data_received` is reported, and ends the connection on both sides."""

    async def main(loop, network):
        client, server = await pair(loop)
        server.data_received = lambda data: 1 / 0
        client.transport.write(b"x")
        await asyncio.sleep(1)
        return [(what, detail) for what, detail, _ in client.told + server.told]

    assert [("eof", None), ("lost", "NoneType"), ("lost", "ZeroDivisionError")] == (
        on_network(main)[0]
    )
    assert "Fatal error" in caplog.text


def test_a_buffered_protocol_gets_its_bytes() -> None:
    """A BufferedProtocol is filled through its own buffer, however small."""

    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(4)
            self.data = b""

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.buffer[:nbytes]

    async def main(loop, network):
        server = Buffered()
        await loop.create_server(lambda: server, "host.sim", 1)
        transport, _ = await loop.create_connection(lambda: Keeper(loop), "host.sim", 1)
        transport.write(b"0123456789")
        await asyncio.sleep(1)
        return server.data

    assert b"0123456789" == on_network(main)[0]


def test_the_socket_tells_what_clients_ask_of_it() -> None:
    """Options can be set, addresses read, and a connection that has ended looks readable."""

    async def main(loop, network):
        client, server = await pair(loop, half_open=True)
        sock = client.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        idle = sock.fileno()
        server.transport.close()
        await asyncio.sleep(1)
        ended = sock.fileno()
        client.transport.close()
        return idle >= 0, ended, sock.getpeername() == client.transport.get_extra_info("peername")

    assert (True, -1, True) == on_network(main, ideal())[0]


def test_only_bytes_can_be_written() -> None:
    """Text is a TypeError, as on asyncio's own transports."""

    async def main(loop, network):
        client, _ = await pair(loop)
        with pytest.raises(TypeError, match="str"):
            client.transport.write("text")

    on_network(main)
