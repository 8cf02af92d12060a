"""Hosts behind a real protocol: how they start, answer, break and end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from agent_perf.errors import BrokenError, ConfigError
from agent_perf.sim import Reply, request_scope
from tests.sim.wire.hosts import LIBRARIES, over_wire
from tests.sim.wire.nets import CONNECT_NS, TRIP_NS


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


def test_an_app_that_finds_its_place_taken_is_shut_down() -> None:
    """Where somebody listens already, an app's start-up is undone before the error is told."""
    events = []

    def app(name: str):
        async def run(scope, receive, send) -> None:
            while (kind := (await receive())["type"]) != "lifespan.shutdown":
                events.append(f"{name} {kind}")
                await send({"type": f"{kind}.complete"})
            events.append(f"{name} {kind}")
            await send({"type": f"{kind}.complete"})

        return run

    async def main(loop, http):
        async with http.serve(app("one"), host="app.sim", lifespan="on"):
            with pytest.raises(OSError, match="already in use"):
                async with http.serve(app("two"), host="app.sim", lifespan="on"):
                    pass
            events.append("told")

    over_wire(main)

    assert [
        "one lifespan.startup",
        "two lifespan.startup",
        "two lifespan.shutdown",
        "told",
        "one lifespan.shutdown",
    ] == events


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
