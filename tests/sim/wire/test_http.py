"""HTTP over the wire: the clients' own pools and time-outs against uvicorn's protocol."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import httpx2
import pytest
import uvicorn

from agent_perf.errors import BrokenError, ConfigError, RealWorldAccess
from agent_perf.sim import Reply, SimHttp, request_scope, simulate
from agent_perf.sim.wire import Link, Network
from agent_perf.sim.wire.http import WireHttp
from tests.sim.services.ledger import Ledger
from tests.sim.wire.nets import CONNECT_NS, MS, TRIP_NS, draws, ideal

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2])


def over_wire(main, link: Link | None = None):
    """Return what *main* returns, given the loop and a WireHttp, and the ledger."""
    ledger = Ledger()

    async def run(loop):
        network = Network(loop, draws(), ledger, link=link or ideal())
        try:
            return await main(loop, WireHttp(network, draws(), ledger))
        finally:
            network.close()

    return simulate(run), ledger


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


def test_an_upload_in_chunks_reaches_an_app_in_chunks() -> None:
    """An app that uvicorn serves reads a chunked upload as it comes; its lifespan runs."""
    told: list[str] = []

    async def main(loop, http):
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                for state in ("startup", "shutdown"):
                    assert f"lifespan.{state}" == (await receive())["type"]
                    told.append(state)
                    await send({"type": f"lifespan.{state}.complete"})
                return
            sizes = []
            while (message := await receive())["more_body"]:
                sizes.append(len(message["body"]))
            body = repr([n for n in sizes if n]).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        async def upload():
            for size in (10, 20, 30):
                yield b"x" * size
                await asyncio.sleep(0.1)

        async with http.serve(app, host="app.sim", port=8000), http.client() as client:
            told.append("serving")
            response = await client.post("http://app.sim:8000/", content=upload())
            return response.text

    assert "[10, 20, 30]" == over_wire(main)[0]
    assert ["startup", "serving", "shutdown"] == told


def test_an_app_that_does_not_start_is_broken() -> None:
    """A start-up that raises is a BrokenError, not a host that refuses."""

    async def app(scope, receive, send):
        raise RuntimeError("no database")

    async def main(loop, http):
        async with http.serve(app, host="app.sim", lifespan="on"):
            pass

    with pytest.raises(BrokenError, match="start-up"):
        over_wire(main)


@LIBRARIES
@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (ConnectionResetError("gone"), "ReadError"),
        (ConfigError("a mistake in the scenario"), "ConfigError"),
    ],
)
def test_what_a_handler_raises_reaches_its_client(library, raised, seen) -> None:
    """A connection error breaks the connection; anything else is raised where it was asked."""

    async def handler(request):
        raise raised

    async def main(loop, http):
        http.mount("api.sim", handler)
        async with http.client(library) as client:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                await client.get("http://api.sim/")
        return type(caught.value).__name__, loop.now_ns

    found, ledger = over_wire(main)

    assert (seen, CONNECT_NS + TRIP_NS) == found
    assert 1 == ledger.counts["http_errors"]


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


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    """The pool sees that a server closed an idle connection, and opens another."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main(loop, http):
        options = {"lifespan": "off", "timeout_keep_alive": 1}
        async with http.serve(app, host="app.sim", **options), http.client() as client:
            for pause_s in (0.5, 2.0, 0.0):
                await client.get("http://app.sim/")
                await asyncio.sleep(pause_s)

    assert 2 == over_wire(main)[1].counts["http_connects"]


def test_a_shutdown_lets_the_last_request_end() -> None:
    """Leaving `serve` waits for the request under way, then refuses."""

    async def main(loop, http):
        async def app(scope, receive, send):
            await asyncio.sleep(1)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})

        async with http.client() as client:

            @asynccontextmanager
            async def asking():
                async with http.serve(app, host="app.sim", lifespan="off"):
                    task = asyncio.create_task(client.get("http://app.sim/"))
                    await asyncio.sleep(0.5)
                    yield task

            async with asking() as task:
                pass
            response = await task
            with pytest.raises(httpx.ConnectError):
                await client.get("http://app.sim/")
            return response.text

    assert "done" == over_wire(main)[0]


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


def test_work_behind_the_wire_belongs_to_the_request_that_caused_it() -> None:
    """What a host does for a request is counted for that request, whatever the connection."""

    async def main(loop, http):
        async def handler(request):
            await asyncio.sleep(0.001 * int(request.query))
            http.witness.count("work", int(request.query))
            return Reply()

        http.mount("api.sim", handler)
        limits = httpx.Limits(max_connections=2)
        async with http.client(limits=limits) as client:

            async def ask(number: int) -> None:
                with request_scope(number):
                    await client.get(f"http://api.sim/?{number}")

            await asyncio.gather(*(ask(number) for number in range(1, 9)))

    _, ledger = over_wire(main)

    assert 2 == ledger.counts["tcp_connects"]
    assert {number: number for number in range(1, 9)} == {
        request: amount for (request, name), amount in ledger.by_request.items() if name == "work"
    }


def test_a_server_of_ones_own_runs_as_in_production() -> None:
    """`uvicorn.Server.serve` itself listens, answers and shuts down on the network."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def main(loop, http):
        config = uvicorn.Config(
            app, host="0.0.0.0", port=8000, loop="none", http="h11", lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await asyncio.sleep(1)
        assert server.started
        async with httpx.AsyncClient() as client:
            text = (await client.get("http://localhost:8000/")).text
        server.should_exit = True
        await serving
        return text

    assert "hello" == over_wire(main)[0]
