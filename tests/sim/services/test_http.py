"""Hosts in this process behind real httpx and httpx2 clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import ModuleType

import httpx
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError, RealWorldAccess, SimulationError
from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from agent_perf.sim.services.http import json_reply
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MS = 1_000_000


def world(ledger: Ledger | None = None) -> SimHttp:
    return SimHttp(round_draws(http_connect=0.001, http_request=0.02), ledger or Ledger())


@both
def test_handler_sees_the_request(library: ModuleType) -> None:
    """Either library's request reaches the handler in the same form."""
    seen: list[SimRequest] = []

    async def echo(request: SimRequest) -> Reply:
        seen.append(request)
        return json_reply({"ok": True}, status=201)

    async def main(loop: SimLoop) -> tuple[int, object, str]:
        http = world()
        http.mount("Api.Sim", echo)
        async with http.client(library) as client:
            response = await client.put(
                "https://api.sim:8443/a%20b?q=1&q=2", json={"x": "ü"}, headers={"X-Trace": "7"}
            )
        return response.status_code, response.json(), response.headers["content-type"]

    assert (201, {"ok": True}, "application/json") == simulate(main)
    (request,) = seen
    assert ("PUT", "api.sim", "/a b", "q=1&q=2") == (
        request.method,
        request.host,
        request.path,
        request.query,
    )
    assert {"x": "ü"} == json.loads(request.content)
    assert "7" == request.headers["x-trace"]


@both
def test_streamed_request_body(library: ModuleType) -> None:
    """A body that is generated as it is sent reaches the handler whole, in virtual time."""

    async def body() -> AsyncIterator[bytes]:
        for part in (b"a", b"b", b"c"):
            await asyncio.sleep(0.1)
            yield part

    async def echo(request: SimRequest) -> Reply:
        return Reply(content=request.content)

    async def main(loop: SimLoop) -> tuple[bytes, int]:
        http = world()
        http.mount("x.sim", echo)
        async with http.client(library) as client:
            response = await client.post("http://x.sim/", content=body())
        return response.content, loop.now_ns

    assert (b"abc", 301 * MS) == simulate(main)


@both
def test_response_is_the_library_s(library: ModuleType) -> None:
    """Elapsed time, repeated headers, cookies, non-ASCII values, compression: all work."""
    gzipped = bytes.fromhex("1f8b08000000000002ffcb48cdc9c95728cf2fca49010085114a0d0b000000")

    async def answer(request: SimRequest) -> Reply:
        await asyncio.sleep(0.25)
        headers = (
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-name", "Grüße"),
            ("content-encoding", "gzip"),
        )
        return Reply(headers=headers, content=gzipped)

    async def main(loop: SimLoop) -> tuple[object, ...]:
        http = world()
        http.mount("x.sim", answer)
        async with http.client(library) as client:
            response = await client.get("http://x.sim/")
            return (
                response.text,
                response.elapsed.total_seconds(),
                dict(client.cookies),
                response.headers["x-name"],
                response.headers["content-length"],
            )

    assert ("hello world", 0.251, {"a": "1", "b": "2"}, "Grüße", "31") == simulate(main)


@both
@given(cuts=st.lists(st.binary(max_size=20), max_size=8))
def test_streaming_loses_no_byte(library: ModuleType, cuts: list[bytes]) -> None:
    """Whatever the chunks, the client reads their bytes, in order, and no others."""
    ledger = Ledger()

    async def chunks() -> AsyncIterator[bytes]:
        for cut in cuts:
            await asyncio.sleep(0.001)
            yield cut

    async def answer(request: SimRequest) -> Reply:
        return Reply(content=chunks())

    async def main(loop: SimLoop) -> tuple[bytes, bytes]:
        http = world(ledger)
        http.mount("x.sim", answer)
        async with http.client(library) as client:
            whole = (await client.get("http://x.sim/")).content
            async with client.stream("GET", "http://x.sim/") as response:
                parts = [part async for part in response.aiter_bytes()]
        return whole, b"".join(parts)

    assert (b"".join(cuts), b"".join(cuts)) == simulate(main)
    assert 2 * len(b"".join(cuts)) == ledger.counts["bytes_received"]


def test_redirects_and_hooks() -> None:
    """What the client does between requests, such as following redirects, is the client's own."""

    async def answer(request: SimRequest) -> Reply:
        if request.path == "/old":
            return Reply(status=302, headers={"location": "/new"})
        return Reply(content=request.path.encode())

    async def main(loop: SimLoop) -> str:
        http = world()
        http.mount("x.sim", answer)
        async with http.client(follow_redirects=True, base_url="http://x.sim") as client:
            return (await client.get("/old")).text

    assert "/new" == simulate(main)


def test_counts_and_spans() -> None:
    """Requests, errors, connects and bytes are counted with method, host and path."""
    ledger = Ledger()

    async def answer(request: SimRequest) -> Reply:
        await asyncio.sleep(0.005)
        return Reply(status=503 if request.path == "/b" else 200, content=b"12345")

    async def main(loop: SimLoop) -> None:
        http = world(ledger)
        http.mount("x.sim", answer)
        async with http.client() as client:
            await client.post("http://x.sim/a?secret=1", content=b"123")
            await client.get("http://x.sim/b")

    simulate(main)

    assert {
        "http_connects:POST x.sim/a": 1,
        "http_requests:POST x.sim/a": 1,
        "bytes_sent:POST x.sim/a": 3,
        "bytes_received:POST x.sim/a": 5,
        "http_requests:GET x.sim/b": 1,
        "http_errors:GET x.sim/b": 1,
        "bytes_received:GET x.sim/b": 5,
    } == dict(ledger.details)
    assert [
        ("http.connect", 0, 1 * MS, "POST x.sim/a"),
        ("http.request", 1 * MS, 6 * MS, "POST x.sim/a"),
        ("http.request", 6 * MS, 11 * MS, "GET x.sim/b"),
    ] == ledger.spans


@both
@pytest.mark.parametrize(
    ("error", "name"),
    [(ConnectionRefusedError, "ConnectError"), (ConnectionResetError, "ReadError")],
)
def test_broken_connection(library: ModuleType, error: type[Exception], name: str) -> None:
    """A handler's ConnectionError is the library's own, before the headers and after."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise error("gone")

    async def answer(request: SimRequest) -> Reply:
        if request.path == "/now":
            raise error("gone")
        return Reply(content=chunks())

    async def main(loop: SimLoop) -> list[str]:
        http = world()
        http.mount("x.sim", answer)
        names = []
        async with http.client(library) as client:
            for path in ("/now", "/later"):
                with pytest.raises(library.TransportError, match="gone") as caught:
                    await client.get(f"http://x.sim{path}")
                names.append(type(caught.value).__name__)
        return names

    assert [name, name] == simulate(main)


def test_handler_s_bug_is_seen() -> None:
    """Any other exception of a handler reaches the caller as it is."""

    async def answer(request: SimRequest) -> Reply:
        raise ZeroDivisionError("a bug")

    async def main(loop: SimLoop) -> None:
        http = world()
        http.mount("x.sim", answer)
        await http.client().get("http://x.sim/")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        simulate(main)


@both
def test_unknown_host_fails_loudly(library: ModuleType) -> None:
    """An unknown host names method, host and the ways out, even if somebody swallowed it."""

    async def main(loop: SimLoop) -> None:
        try:
            await world().client(library).delete("http://nobody.sim/a")
        except Exception:  # noqa: BLE001 - That is what the application does.
            return

    with pytest.raises(RealWorldAccess) as caught:
        simulate(main)

    message = str(caught.value)
    assert "DELETE http://nobody.sim/a" in message
    assert "SimHttp.mount('nobody.sim', handler)" in message
    assert "router.delete('http://nobody.sim/a').respond(...)" in message


def test_real_loop_is_refused() -> None:
    """Outside of a simulation a simulated host says what is missing."""

    async def main() -> None:
        http = world()
        await http.client().get("http://x.sim/")

    with pytest.raises(SimulationError, match="inside of simulate"):
        asyncio.run(main())


@pytest.mark.parametrize("host", ["", "http://x.sim", "x.sim:80", "x.sim/a", "x sim"])
def test_host_is_a_bare_name(host: str) -> None:
    """A URL, a port or nothing at all is not a host."""

    async def answer(request: SimRequest) -> Reply:
        return Reply()

    with pytest.raises(ConfigError, match="bare name"):
        world().mount(host, answer)


def test_host_is_mounted_once() -> None:
    """Mounting a host twice is refused, in any case of letters."""

    async def answer(request: SimRequest) -> Reply:
        return Reply()

    http = world()
    http.mount("x.sim", answer)
    with pytest.raises(ConfigError, match=r"'X\.SIM' is mounted already"):
        http.mount("X.SIM", answer)


def test_handler_answers_with_a_reply() -> None:
    """A handler that answers with anything but a Reply is named with what it gave."""

    async def answer(request: SimRequest) -> Reply:
        return {"status": 200}  # type: ignore[return-value]  # The mistake to find.

    async def main(loop: SimLoop) -> None:
        http = world()
        http.mount("x.sim", answer)
        await http.client().get("http://x.sim/")

    with pytest.raises(ConfigError, match=r"'x\.sim' answered \{'status': 200\}; want a Reply"):
        simulate(main)


def test_foreign_library_is_refused() -> None:
    """A module that is not like httpx is named."""
    with pytest.raises(ConfigError, match="want the module httpx or httpx2"):
        world().client(json)


def test_bad_arguments() -> None:
    """Limits of the world itself must make sense."""
    with pytest.raises(ConfigError, match="calls_kept=0"):
        SimHttp(round_draws(), Ledger(), calls_kept=0)
    with pytest.raises(ConfigError, match="upload_bytes_per_s=0"):
        SimHttp(round_draws(), Ledger(), upload_bytes_per_s=0)
    with pytest.raises(ConfigError, match="status 99"):
        Reply(status=99)
    with pytest.raises(ConfigError, match="'hello'; want bytes"):
        Reply(content="hello")  # type: ignore[arg-type]  # The mistake to find.
