"""HTTP over the wire: the clients' own pools and time-outs against uvicorn's protocol."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import Reply, SimHttp, simulate
from agent_perf.sim.wire import Link
from tests.sim.services.ledger import Ledger
from tests.sim.wire.hosts import LIBRARIES, over_wire
from tests.sim.wire.nets import CONNECT_NS, MS, TRIP_NS, draws


def in_process(main):
    """Likewise with SimHttp, which has no wire."""
    ledger = Ledger()
    return simulate(lambda loop: main(loop, SimHttp(draws(), ledger))), ledger


async def answer(request) -> Reply:
    """Answer after 5 ms with what was asked."""
    await asyncio.sleep(0.005)
    text = f"{request.method} {request.host} {request.path}?{request.query} {len(request.content)}"
    return Reply(headers={"x-kind": request.headers.get("X-Kind", "")}, content=text.encode())


@LIBRARIES
def test_a_request_takes_the_handlers_time_and_a_round_trip(library) -> None:
    """2 ms to connect once, 1 ms there and back, 5 ms in the handler; kept alive."""

    async def main(loop, http):
        http.mount("api.sim", answer)
        async with http.client(library) as client:
            found = []
            for body in (b"", b"x" * 10):
                start_ns = loop.now_ns
                response = await client.post(
                    "http://api.sim/a%20b?c=d", content=body, headers={"x-kind": "test"}
                )
                found.append((response.text, response.headers["x-kind"], loop.now_ns - start_ns))
            return found

    found, ledger = over_wire(main)

    took_ns = 5 * MS + TRIP_NS
    assert [
        ("POST api.sim /a b?c=d 0", "test", CONNECT_NS + took_ns),
        ("POST api.sim /a b?c=d 10", "test", took_ns),
    ] == found
    assert 1 == ledger.counts["http_connects"] == ledger.counts["tcp_connects"]
    assert [took_ns, took_ns] == ledger.lengths("http.request")


@LIBRARIES
def test_work_is_counted_as_in_the_process(library) -> None:
    """The same requests count the same requests, errors and body bytes on either tier."""

    async def chunks():
        for _ in range(3):
            await asyncio.sleep(0.001)
            yield b"y" * 100

    async def handler(request):
        if request.path == "/stream":
            return Reply(content=chunks())
        return Reply(status=503 if request.path == "/busy" else 200, content=request.content)

    async def main(loop, http):
        http.mount("api.sim", handler)
        async with http.client(library) as client:
            await client.get("http://api.sim/busy")
            await client.post("http://api.sim/echo", content=b"z" * 1_000)
            await client.post("http://api.sim/echo", content=chunks())
            await client.get("http://api.sim/stream")

    (_, near), (_, far) = in_process(main), over_wire(main)

    assert near.details.keys() - {"http_connects:GET api.sim/busy"} == {
        name for name in far.details if not name.startswith(("tcp_", "http_connects:"))
    }
    assert near.counts == {n: far.counts[n] for n in near.counts}


@LIBRARIES
def test_time_outs_are_the_clients_own(library) -> None:
    """Read, pool and connect limits of the client hold, to the nanosecond."""

    async def slow(request):
        await asyncio.sleep(60)
        return Reply()

    async def main(loop, http):
        http.mount("api.sim", slow)
        limits = library.Limits(max_connections=1)
        timeout = library.Timeout(30.0, read=0.3, pool=0.2, connect=0.001)
        found = []

        async def ask(client, **options) -> None:
            start_ns = loop.now_ns
            with pytest.raises(library.TimeoutException) as caught:
                await client.get("http://api.sim/", **options)
            found.append((type(caught.value).__name__, loop.now_ns - start_ns))

        async with http.client(library, timeout=timeout, limits=limits) as client:
            await ask(client)
            await ask(client, timeout=library.Timeout(30.0, read=0.3))
            patient = asyncio.create_task(client.get("http://api.sim/", timeout=None))
            await asyncio.sleep(0.01)
            await ask(client)
            patient.cancel()
            await asyncio.gather(patient, return_exceptions=True)
        return found

    found, ledger = over_wire(main)

    assert [
        ("ConnectTimeout", MS),
        ("ReadTimeout", CONNECT_NS + 300 * MS),
        ("PoolTimeout", 200 * MS),
    ] == found
    assert 3 == ledger.counts["http_errors"]


def test_a_stream_arrives_chunk_by_chunk_and_ends_with_its_reader() -> None:
    """Chunks come half a trip after they are sent; a client that leaves stops the source."""
    ended: list[int] = []

    async def main(loop, http):
        async def source():
            try:
                for index in range(100):
                    yield b"data: %d\n\n" % index
                    await asyncio.sleep(0.010)
            finally:
                ended.append(loop.now_ns)

        async def stream(request):
            return Reply(content=source())

        http.mount("llm.sim", stream)
        came = []
        async with http.client() as client:
            async with client.stream("GET", "http://llm.sim/") as response:
                start_ns = loop.now_ns
                async for chunk in response.aiter_raw():
                    came.append((chunk, loop.now_ns - start_ns))
                    if len(came) == 3:
                        break
            left_ns = loop.now_ns
            await asyncio.sleep(1)
        return came, left_ns

    (came, left_ns), _ = over_wire(main)

    assert [(b"data: %d\n\n" % n, n * 10 * MS) for n in range(3)] == came
    assert [left_ns + TRIP_NS // 2] == ended


def test_a_large_body_waits_for_its_reader() -> None:
    """A client that reads slowly slows the host down: no more than the buffers are ahead."""

    async def main(loop, http):
        made = []

        async def source():
            for index in range(40):
                made.append(index)
                yield b"x" * 50_000

        async def download(request):
            return Reply(content=source())

        http.mount("files.sim", download)
        async with (
            http.client() as client,
            client.stream("GET", "http://files.sim/") as response,
        ):
            await asyncio.sleep(1)
            ahead = len(made)
            size = sum([len(chunk) async for chunk in response.aiter_raw()])
        return ahead, size

    (ahead, size), _ = over_wire(main, Link(window_bytes=100_000))

    # 100 kB read with the headers, a window of as much, uvicorn's mark of 64 KiB, and the
    # chunk that crosses it.
    assert 7 == ahead
    assert 2_000_000 == size


@LIBRARIES
def test_respx_routes_answer_on_the_wire(library) -> None:
    """A route answers after a draw of http.request, and records its call."""

    async def main(loop, http):
        route = http.router.get("http://weather.example/today", params={"at": "x"})
        route.respond(json={"sky": "clear"})
        async with http.client(library) as client:
            response = await client.get("http://weather.example/today?at=x")
        return response.json(), route.call_count

    assert ({"sky": "clear"}, 1) == over_wire(main)[0]


def test_a_call_that_no_route_takes_is_the_real_world() -> None:
    """Neither mounted nor routed: refused, with the way out, even behind a server."""

    async def main(loop, http):
        http.router.get("http://weather.example/today").respond(200)
        async with http.client() as client:
            await client.get("http://weather.example/tomorrow")

    with pytest.raises(RealWorldAccess, match="mount it"):
        over_wire(main)


def test_https_is_refused_with_the_reason() -> None:
    """An https URL is refused before anything is sent, and the message says what to do."""

    async def main(loop, http):
        http.mount("api.sim", answer)
        async with http.client() as client:
            await client.get("https://api.sim/")

    with pytest.raises(RealWorldAccess, match="use http://"):
        over_wire(main)


def test_aiohttp_dials_by_socket_and_finds_the_host() -> None:
    """A client that connects a socket of its own, as aiohttp does, reaches mounted hosts."""
    aiohttp = pytest.importorskip("aiohttp")

    async def main(loop, http):
        http.mount("api.sim", answer)
        found = []
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.get("http://api.sim/x?y=1") as response:
                    found.append((await response.text(), loop.now_ns))
        return found

    once_ns = 5 * MS + TRIP_NS
    text = "GET api.sim /x?y=1 0"
    assert [(text, CONNECT_NS + once_ns), (text, CONNECT_NS + 2 * once_ns)] == over_wire(main)[0]
