import asyncio
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.errors import UsageError
from agent_perf.live.chaos import Address, Proxy, Toxic, ToxicKind, Way
from agent_perf.live.chaos.pipe import QUEUE_BYTES_MAX
from tests.live.chaos.upstreams import echo, proxied, talk


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    slice_bytes=st.integers(1, 64),
    switched=st.booleans(),
)
@settings(max_examples=15)
def test_bytes_pass_unchanged(pieces: list[bytes], slice_bytes: int, switched: bool) -> None:
    """
    However a stream is cut into pieces, and toxics come and go meanwhile, it arrives as it was.
    """
    slices = Toxic(name="slices", kind=ToxicKind.SLICES, slice_bytes=slice_bytes, way=Way.BOTH)

    async def story() -> bytes:
        async with proxied() as proxy:
            if not switched:
                proxy.add(slices)
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.address.port)
            for number, piece in enumerate(pieces):
                writer.write(piece)
                await asyncio.sleep(0)
                if switched and number == len(pieces) // 2:
                    proxy.add(slices)
            writer.write_eof()
            if switched:
                await proxy.remove(slices)
            heard = await reader.read()
            writer.close()
            return heard

    assert b"".join(pieces) == asyncio.run(story())


def test_a_slow_reader_is_waited_for() -> None:
    """
    More than all buffers hold waits at its source: the proxy keeps little of it, and loses none.
    """
    size = 24 << 20

    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(size))
        await writer.drain()
        writer.close()

    async def story() -> tuple[int, int]:
        async with proxied(much) as proxy:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", proxy.address.port, limit=1 << 16
            )
            await asyncio.sleep(0.05)
            (link,) = proxy._links
            held = link.service.pipe.queued_bytes
            heard = len(await reader.read())
            writer.close()
            return heard, held

    heard, held = asyncio.run(story())
    assert size == heard
    assert held <= QUEUE_BYTES_MAX + (1 << 18)


def test_what_is_delayed_is_bounded() -> None:
    """
    No more than a mebibyte, and one piece, waits in a proxy; the rest waits at its source.
    """

    async def story() -> int:
        async with proxied() as proxy:
            proxy.add(Toxic(name="t", kind=ToxicKind.LATENCY, latency_s=60, way=Way.UP))
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.address.port)
            writer.write(bytes(24 << 20))
            await asyncio.sleep(0.05)
            (link,) = proxy._links
            writer.transport.abort()
            return link.client.pipe.queued_bytes

    assert QUEUE_BYTES_MAX <= asyncio.run(story()) <= QUEUE_BYTES_MAX + (1 << 18)


def test_one_way_may_end_first() -> None:
    """
    A client that has said all still hears the answer: each way ends by itself.
    """

    async def at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await reader.read()
        writer.write(b"heard %d" % len(heard))
        writer.close()

    async def story() -> bytes:
        async with proxied(at_the_end) as proxy:
            return await talk(proxy, b"x" * 1000)

    assert b"heard 1000" == asyncio.run(story())


def _outcomes(toxic: Toxic, count: int = 3) -> tuple[list[str], float]:
    """Return what becomes of *count* exchanges of 64 bytes, and the shortest time of one."""

    async def story() -> tuple[list[str], float]:
        outcomes, shortest_s = [], 1e9
        async with proxied() as proxy:
            proxy.add(toxic)
            for _ in range(count):
                begin_s = time.perf_counter()
                try:
                    outcomes.append(str(len(await talk(proxy, b"y" * 64))))
                except OSError as error:
                    outcomes.append(type(error).__name__)
                shortest_s = min(shortest_s, time.perf_counter() - begin_s)
            await proxy.remove(toxic)
            assert b"after" == await talk(proxy, b"after")
        return outcomes, shortest_s

    return asyncio.run(story())


def test_latency_delays() -> None:
    """
    A latency is added to what comes down, and not once for each byte.
    """
    outcomes, shortest_s = _outcomes(
        Toxic(name="slow", kind=ToxicKind.LATENCY, latency_s=0.05), count=1
    )

    assert ["64"] == outcomes
    assert 0.05 <= shortest_s


def test_latencies_overlap() -> None:
    """
    Pieces on their way are late side by side: twenty of them take one latency, not twenty.
    """
    slow = Toxic(name="slow", kind=ToxicKind.LATENCY, latency_s=0.1)

    async def story() -> float:
        async with proxied() as proxy:
            proxy.add(slow)
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.address.port)
            begin_s = time.perf_counter()
            for _ in range(20):
                writer.write(b"z")
                await asyncio.sleep(0.002)
            await reader.readexactly(20)
            writer.close()
            return time.perf_counter() - begin_s

    assert 0.1 <= asyncio.run(story()) < 1.0


def test_bandwidth_is_kept() -> None:
    """
    At 640 bytes a second, 64 bytes take a tenth of one, less the first two pieces.
    """
    outcomes, shortest_s = _outcomes(
        Toxic(name="thin", kind=ToxicKind.BANDWIDTH, bytes_per_s=640), count=1
    )

    assert ["64"] == outcomes
    assert 0.06 <= shortest_s


def test_slices_have_gaps() -> None:
    """
    Eight slices have seven gaps between them.
    """
    outcomes, shortest_s = _outcomes(
        Toxic(name="bits", kind=ToxicKind.SLICES, slice_bytes=8, latency_s=0.01), count=1
    )

    assert ["64"] == outcomes
    assert 0.07 <= shortest_s


@pytest.mark.parametrize(
    ("toxic", "expected"),
    [
        (Toxic(name="t", kind=ToxicKind.RESET), ["ConnectionResetError"] * 3),
        (Toxic(name="t", kind=ToxicKind.RESET, after_bytes=10), ["ConnectionResetError"] * 3),
        (
            Toxic(name="t", kind=ToxicKind.RESET, first=2),
            ["ConnectionResetError", "ConnectionResetError", "64"],
        ),
        (Toxic(name="t", kind=ToxicKind.TRUNCATE, after_bytes=10), ["10"] * 3),
        (Toxic(name="t", kind=ToxicKind.TRUNCATE, after_bytes=10, way=Way.UP), ["0"] * 3),
        (Toxic(name="t", kind=ToxicKind.REFUSE), ["ConnectionRefusedError"] * 3),
        (Toxic(name="t", kind=ToxicKind.RESET, after_bytes=100), ["64"] * 3),
    ],
)
def test_toxic_ends_connections(toxic: Toxic, expected: list[str]) -> None:
    """
    Each kind ends the connections that it strikes in its manner, and no others.
    """
    outcomes, _ = _outcomes(toxic)

    assert expected == outcomes


def test_the_first_two_connections() -> None:
    """
    "The first two" are counted from when the toxic is switched on; who was there is spared.
    """

    async def story() -> list[str]:
        outcomes = []
        async with proxied() as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.address.port)
            writer.write(b"a")
            await reader.readexactly(1)
            proxy.add(Toxic(name="two", kind=ToxicKind.RESET, first=2))
            for _ in range(3):
                try:
                    outcomes.append((await talk(proxy, b"b")).decode())
                except ConnectionResetError:
                    outcomes.append("reset")
            writer.write(b"c")
            outcomes.append((await reader.readexactly(1)).decode())
            writer.close()
        return outcomes

    assert ["reset", "reset", "b", "c"] == asyncio.run(story())


def test_chances_are_of_the_seed() -> None:
    """
    With one seed the same connections are struck, with another one others.
    """

    def struck(seed: int) -> list[int]:
        toxic = Toxic(name="t", kind=ToxicKind.RESET, probability=0.3, seed=seed)
        return [ordinal for ordinal in range(1, 501) if toxic.strikes(ordinal)]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 100 < len(struck(1)) < 200


def _held(kind: ToxicKind) -> tuple[list[str], str]:
    """Return what an open and a new connection hear while *kind* is on, and what afterwards."""

    async def heard(reader: asyncio.StreamReader, within_s: float) -> str:
        try:
            async with asyncio.timeout(within_s):
                return (await reader.readexactly(1)).decode()
        except TimeoutError:
            return "nothing"
        except ConnectionResetError:
            return "reset"

    async def story() -> tuple[list[str], str]:
        async with proxied() as proxy:
            ends = [await asyncio.open_connection("127.0.0.1", proxy.address.port)]
            ends[0][1].write(b"a")
            assert "a" == await heard(ends[0][0], 5)
            toxic = Toxic(name="t", kind=kind, way=Way.BOTH)
            proxy.add(toxic)
            ends.append(await asyncio.open_connection("127.0.0.1", proxy.address.port))
            for _, writer in ends:
                writer.write(b"b")
            during = [await heard(reader, 0.05) for reader, _ in ends]
            await proxy.remove(toxic)
            after = [await heard(reader, 5) for reader, _ in ends]
            for _, writer in ends:
                writer.close()
            return during, " ".join(after)

    return asyncio.run(story())


def test_partition_holds_and_delivers() -> None:
    """
    In a partition nothing passes, and afterwards all of it: TCP sends again.
    """
    assert (["nothing", "nothing"], "b b") == _held(ToxicKind.PARTITION)


def test_blackhole_leaves_dead_connections() -> None:
    """
    In a black hole nothing passes, and what was open is dead afterwards: no stream has a hole.
    """
    assert (["nothing", "nothing"], "reset reset") == _held(ToxicKind.BLACKHOLE)


def test_nobody_takes_a_refused_port() -> None:
    """
    While a proxy refuses, its port stays its own.
    """

    async def story() -> str:
        async with proxied() as proxy:
            proxy.add(Toxic(name="t", kind=ToxicKind.REFUSE))
            with socket.socket() as thief:
                try:
                    thief.bind((proxy.address.host, proxy.address.port))
                except OSError as error:
                    return error.strerror or ""
        return "taken"

    assert "Address already in use" == asyncio.run(story())


def test_taken_port_is_told() -> None:
    """
    A port on which somebody listens is refused, with its number and a way out.
    """

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = Address(host="127.0.0.1", port=taken.getsockname()[1])
            async with Proxy("redis", listen, listen):
                raise AssertionError

    with pytest.raises(UsageError, match=r"proxy redis: cannot listen on 127.*another listen"):
        asyncio.run(story())


def test_nobody_behind() -> None:
    """
    Where nobody listens behind a proxy, clients are reset, and that is counted.
    """

    async def story() -> int:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            async with Proxy("gone", Address(host="127.0.0.1", port=port)) as proxy:
                with pytest.raises(ConnectionResetError):
                    await talk(proxy, b"x")
                return proxy.unreachable

    assert 1 == asyncio.run(story())


def test_a_reset_behind_is_one_before() -> None:
    """
    A service that resets is seen to reset, and not to have said all.
    """

    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async def story() -> None:
        async with proxied(resets) as proxy:
            await talk(proxy, b"x")

    with pytest.raises(ConnectionResetError):
        asyncio.run(story())


def test_a_unix_socket_behind(tmp_path: object) -> None:
    """
    What is behind a proxy may be a Unix socket.
    """
    path = f"{tmp_path}/s"

    async def story() -> bytes:
        server = await asyncio.start_unix_server(echo, path)
        async with Proxy("unix", Address(path=path)) as proxy:
            heard = await talk(proxy, b"hello")
        server.close()
        return heard

    assert b"hello" == asyncio.run(story())


def test_nothing_is_left_open() -> None:
    """
    A proxy that is left has no connection, no task and no port any more.
    """

    async def story() -> tuple[int, int]:
        async with proxied() as proxy:
            proxy.add(Toxic(name="t", kind=ToxicKind.PARTITION, way=Way.BOTH))
            ends = [
                await asyncio.open_connection("127.0.0.1", proxy.address.port) for _ in range(5)
            ]
            await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await talk(proxy, b"x")
        for _, writer in ends:
            writer.close()
        return proxy.open_count, len(asyncio.all_tasks())

    assert (0, 1) == asyncio.run(story())


@pytest.mark.slow
def test_thousands_of_connections() -> None:
    """
    Two thousand connections at a time pass through one proxy, each with its own bytes.
    """

    async def one(proxy: Proxy, number: int) -> bool:
        data = b"%d." % number * 50
        return data == await talk(proxy, data, within_s=50)

    async def story() -> int:
        async with proxied() as proxy:
            return sum(await asyncio.gather(*(one(proxy, number) for number in range(2000))))

    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 20_000)), hard))
    try:
        assert 2000 == asyncio.run(story())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_at_rest_it_adds_little() -> None:
    """
    Without toxics, a proxy adds less than 0.2 ms to a round trip.

    The two take turns, and the quietest turns count: others use this machine as well.
    """

    async def trips_s(port: int) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        took_s = []
        for _ in range(300):
            begin_s = time.perf_counter()
            writer.write(b"x" * 64)
            await reader.readexactly(64)
            took_s.append(time.perf_counter() - begin_s)
        writer.close()
        return sorted(took_s)[150]

    async def story() -> float:
        direct_s, through_s = [], []
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Proxy("rest", Address(host="127.0.0.1", port=port)) as proxy:
            for _ in range(8):
                direct_s.append(await trips_s(port))
                through_s.append(await trips_s(proxy.address.port))
        server.close()
        return min(through_s) - min(direct_s)

    assert asyncio.run(story()) < 0.0002
