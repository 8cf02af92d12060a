"""Names, listeners and handshakes."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.errors import ConfigError, RealWorldAccess
from agent_perf.sim import simulate
from agent_perf.sim.wire import Link
from tests.sim.wire.nets import CONNECT_NS, MS, on_network


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each piece of data with itself."""
    while data := await reader.read(1_000):
        writer.write(data)
    writer.close()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close, and let the server notice."""
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(1)


def test_a_handshake_takes_one_draw_and_an_answer_a_round_trip() -> None:
    """Connecting takes 2 ms; a byte there and back 1 ms; a close half a trip each way."""

    async def main(loop, network):
        await asyncio.start_server(echo, "api.sim", 80)
        reader, writer = await asyncio.open_connection("api.sim", 80)
        connected_ns = loop.now_ns
        writer.write(b"hello")
        answer = await reader.read(100)
        answered_ns = loop.now_ns
        writer.write_eof()
        rest = await reader.read()
        ended_ns = loop.now_ns
        await hang_up(writer)
        return connected_ns, answer, answered_ns, rest, ended_ns

    found, ledger = on_network(main)

    assert (CONNECT_NS, b"hello", 3 * MS, b"", 4 * MS) == found
    assert {"tcp_connects": 1, "http_connects": 1, "tcp_writes": 1, "tcp_bytes": 10} == dict(
        ledger.counts
    )
    assert [("http.connect", 0, CONNECT_NS, "api.sim:80")] == ledger.spans


def test_nobody_listening_refuses_after_the_handshake() -> None:
    """A known host without a listener on the port refuses, one handshake later."""

    async def main(loop, network):
        await asyncio.start_server(echo, "api.sim", 80)
        with pytest.raises(ConnectionRefusedError, match="api.sim:81"):
            await asyncio.open_connection("api.sim", 81)
        return loop.now_ns

    assert CONNECT_NS == on_network(main)[0]


def test_a_closed_server_refuses_and_keeps_its_connections() -> None:
    """After `Server.close`, new connections are refused, and open ones answer."""

    async def main(loop, network):
        server = await asyncio.start_server(echo, "api.sim", 80)
        reader, writer = await asyncio.open_connection("api.sim", 80)
        server.close()
        await server.wait_closed()
        writer.write(b"still there?")
        answer = await reader.read(100)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("api.sim", 80)
        await hang_up(writer)
        return answer, server.is_serving(), server.sockets

    assert (b"still there?", False, ()) == on_network(main)[0]


@pytest.mark.parametrize("end", ["close_clients", "abort_clients"])
def test_a_closed_server_can_end_its_connections(end: str) -> None:
    """The connections that `Server.close` left open end by the call that asyncio has for it."""

    async def main(loop, network):
        server = await asyncio.start_server(echo, "api.sim", 80)
        reader, writer = await asyncio.open_connection("api.sim", 80)
        server.close()
        getattr(server, end)()
        async with asyncio.timeout(10):
            rest = await reader.read()
        await hang_up(writer)
        return rest

    assert b"" == on_network(main)[0]


@pytest.mark.parametrize("host", ["example.com", "93.184.216.34"])
def test_unknown_hosts_are_the_real_world(host: str) -> None:
    """A name or an address that no host here has is refused, with the way out."""

    async def main(loop, network):
        await asyncio.open_connection(host, 80)

    with pytest.raises(RealWorldAccess, match=r"world\.http\.mount"):
        on_network(main)


def test_without_a_network_there_are_still_no_sockets() -> None:
    """A simulation that has no network refuses as before, and names the call."""

    async def main(loop):
        await asyncio.open_connection("api.sim", 80)

    with pytest.raises(RealWorldAccess, match="loop.getaddrinfo|loop.create_connection"):
        simulate(main)


def test_tls_is_refused_with_the_reason() -> None:
    """An encrypted connection is refused: its keys, and so its sizes, would be random."""

    async def main(loop, network):
        await asyncio.start_server(echo, "api.sim", 443)
        await asyncio.open_connection("api.sim", 443, ssl=True)

    with pytest.raises(RealWorldAccess, match="use http://"):
        on_network(main)


def test_names_resolve_to_one_address_both_ways() -> None:
    """`getaddrinfo` gives a host one address, by which it can be connected to and named."""

    async def main(loop, network):
        await asyncio.start_server(echo, "api.sim", 80)
        [info] = await loop.getaddrinfo("API.sim.", 80)
        _, writer = await asyncio.open_connection(*info[4])
        socket = writer.get_extra_info("socket")
        told = writer.get_extra_info("peername"), socket.getpeername()
        await hang_up(writer)
        return await loop.getnameinfo(info[4]), info[4], *told

    name, address, peer, socket_peer = on_network(main)[0]

    assert ("api.sim", "80") == name
    assert address == peer == socket_peer


def test_one_listener_per_place() -> None:
    """A second listener on host and port is an OSError, as on a real machine."""

    async def main(loop, network):
        await asyncio.start_server(echo, "api.sim", 80)
        with pytest.raises(OSError, match="already in use"):
            await asyncio.start_server(echo, "api.sim", 80)
        free = await asyncio.start_server(echo, port=0)
        return free.sockets[0].getsockname()[1] > 0

    assert on_network(main)[0]


@pytest.mark.parametrize("field", ["bytes_per_s", "window_bytes", "segment_bytes"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_links_check_their_numbers(field: str, value: float) -> None:
    """A link of no, negative or broken bytes is refused by name and value."""
    with pytest.raises(ConfigError, match=rf"{field}={value}"):
        Link(**{field: value})
