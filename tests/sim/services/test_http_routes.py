"""A user's respx routes mean what they mean in respx, in virtual time."""

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import respx

from agent_perf.errors import ConfigError, RealWorldAccess
from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MS = 1_000_000


def world(**kwargs: Any) -> SimHttp:
    return SimHttp(round_draws(http_connect=0.001, http_request=0.02), Ledger(), **kwargs)


async def by_function(request: httpx.Request) -> httpx.Response:
    assert isinstance(request, httpx.Request)
    await asyncio.sleep(0.1)
    return httpx.Response(200, json={"got": request.content.decode()})


def by_context(request: httpx.Request, name: str) -> httpx.Response:
    return httpx.Response(200, text=f"hello {name}")


def by_route(request: httpx.Request, route: respx.Route) -> httpx.Response:
    return httpx.Response(200, text=f"call {route.call_count}")


def declare(router: respx.Router) -> None:
    """Declare a route of every kind."""
    router.get("http://x.sim/plain").respond(202, json={"a": 1}, headers={"x-a": "b"})
    router.post("http://x.sim/function").mock(side_effect=by_function)
    router.get(host="x.sim", path__regex=r"^/user/(?P<name>\w+)$").mock(side_effect=by_context)
    router.get("http://x.sim/route").mock(side_effect=by_route)
    router.get("http://x.sim/list").mock(
        side_effect=[httpx.Response(500), httpx.ConnectTimeout, httpx.Response(200, text="third")]
    )
    router.get("http://x.sim/header", headers__contains={"x-key": "1"}).respond(text="key 1")
    router.get("http://x.sim/header").respond(text="other key")
    router.post("http://x.sim/json", json__kind="a").respond(text="kind a")
    router.get("http://x.sim/skip").mock(side_effect=lambda request: None)
    router.get("http://x.sim/skip", params={"page": "2"}).respond(text="page 2")
    router.get("http://x.sim/raise").mock(side_effect=httpx.ReadError("reset"))
    router.get("http://x.sim/auto")
    router.route(host="catch.sim")


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "http://x.sim/plain", {}),
    ("GET", "http://x.sim/plain", {}),
    ("POST", "http://x.sim/function", {"content": b"body"}),
    ("GET", "http://x.sim/user/ada", {}),
    ("GET", "http://x.sim/route", {}),
    ("GET", "http://x.sim/route", {}),
    ("GET", "http://x.sim/list", {}),
    ("GET", "http://x.sim/list", {}),
    ("GET", "http://x.sim/list", {}),
    ("GET", "http://x.sim/header", {"headers": {"x-key": "1"}}),
    ("GET", "http://x.sim/header", {"headers": {"x-key": "2"}}),
    ("POST", "http://x.sim/json", {"json": {"kind": "a"}}),
    ("GET", "http://x.sim/skip?page=2", {}),
    ("GET", "http://x.sim/raise", {}),
    ("GET", "http://x.sim/auto", {}),
    ("PATCH", "http://catch.sim/anything", {}),
]


async def outcomes(client: Any, library: Any) -> list[object]:
    """Return what each of CALLS gives: status, body and our header, or an error's name."""
    results: list[object] = []
    for method, url, kwargs in CALLS:
        try:
            response = await client.request(method, url, **kwargs)
        except library.TransportError as error:
            results.append(type(error).__name__)
        else:
            results.append((response.status_code, response.content, response.headers.get("x-a")))
    return results


@both
def test_agrees_with_respx(library: ModuleType) -> None:
    """Every kind of route gives what respx's own way through its routes gives."""

    async def with_respx(loop: SimLoop) -> list[object]:
        router = respx.Router(assert_all_called=False)
        declare(router)
        async with httpx.AsyncClient(transport=httpx.MockTransport(router.async_handler)) as client:
            return await outcomes(client, httpx)

    async def with_ours(loop: SimLoop) -> list[object]:
        http = world()
        declare(http.router)
        async with http.client(library) as client:
            return await outcomes(client, library)

    assert simulate(with_respx) == simulate(with_ours)


@both
def test_route_costs_a_request(library: ModuleType) -> None:
    """A route's answer takes a draw of http.request, and whatever its function awaits."""

    async def main(loop: SimLoop) -> list[int]:
        http = world()
        declare(http.router)
        ends = []
        async with http.client(library) as client:
            for method, path in (("GET", "plain"), ("POST", "function")):
                await client.request(method, f"http://x.sim/{path}")
                ends.append(loop.now_ns // MS)
        return ends

    assert [1 + 20, 21 + 20 + 100] == simulate(main)


@both
def test_calls_are_recorded(library: ModuleType) -> None:
    """Calls can be looked at as in respx: requests as httpx has them, and responses."""

    async def main(loop: SimLoop) -> None:
        http = world()
        declare(http.router)
        route = http.router.post("http://x.sim/function").mock(side_effect=by_function)
        async with http.client(library) as client:
            await client.post("http://x.sim/function", content=b"abc", headers={"x-t": "1"})
            assert route.called
            assert 1 == route.call_count
            call = route.calls.last
            assert isinstance(call.request, httpx.Request)
            assert (b"abc", "1") == (call.request.content, call.request.headers["x-t"])
            assert {"got": "abc"} == call.response.json()
            assert call.request is call.response.request
            with pytest.raises(library.ReadError):
                await client.get("http://x.sim/raise")
            assert not http.router.calls.last.has_response

    simulate(main)


def test_calls_are_forgotten() -> None:
    """However long the run, respx holds fewer than twice the calls asked for, the latest."""

    async def main(loop: SimLoop) -> list[int]:
        http = world(calls_kept=10)
        route = http.router.get(host="x.sim").respond()
        lengths = []
        async with http.client() as client:
            for index in range(100):
                await client.get(f"http://x.sim/{index}")
                lengths.append(len(http.router.calls))
                assert len(route.calls) == len(http.router.calls)
                assert f"/{index}" == route.calls.last.request.url.path
        return lengths

    lengths = simulate(main)
    assert list(range(1, 20)) == lengths[:19]
    assert 19 == max(lengths)
    assert 10 == min(lengths[19:])


def test_routes_may_change() -> None:
    """Routes that are added, mocked anew or cleared while requests run are seen at once."""

    async def main(loop: SimLoop) -> list[int]:
        http = world()
        statuses = []

        async def ask() -> None:
            async with http.client() as client:
                statuses.append((await client.get("http://x.sim/a")).status_code)

        route = http.router.get("http://x.sim/a").respond(201)
        await ask()
        route.respond(202)
        await ask()
        http.router.get("http://x.sim/a", name="again").respond(203)
        await ask()
        http.router.clear()
        http.router.get(path="/a").respond(204)
        await ask()
        return statuses

    assert [201, 202, 203, 204] == simulate(main)


def test_mounted_host_comes_first() -> None:
    """A mounted host answers, whatever routes there are for it."""

    async def answer(request: SimRequest) -> Reply:
        return Reply(content=b"mounted")

    async def main(loop: SimLoop) -> str:
        http = world()
        http.router.get("http://x.sim/a").respond(text="routed")
        http.mount("x.sim", answer)
        async with http.client() as client:
            return (await client.get("http://x.sim/a")).text

    assert "mounted" == simulate(main)


def asked(prepare: Callable[[respx.Router], object]) -> None:
    """Ask for http://x.sim/a over routes that *prepare* declares."""

    async def main(loop: SimLoop) -> None:
        http = world()
        prepare(http.router)
        async with http.client() as client:
            await client.get("http://x.sim/a")

    simulate(main)


def test_no_route_matches() -> None:
    """A call that no route takes fails as a call to an unknown host does."""
    with pytest.raises(RealWorldAccess, match=r"GET http://x\.sim/a: a call to 'x\.sim'"):
        asked(lambda router: router.post("http://x.sim/a").respond())


def test_pass_through() -> None:
    """There is no network to pass a request through to, in either of respx's ways."""
    with pytest.raises(RealWorldAccess, match="let the route respond, or mount the host"):
        asked(lambda router: router.get("http://x.sim/a").pass_through())
    with pytest.raises(RealWorldAccess, match="let the route respond, or mount the host"):
        asked(lambda router: router.get("http://x.sim/a").mock(side_effect=lambda request: request))


def test_exhausted_side_effects() -> None:
    """A list of side effects that is used up is named, instead of a StopIteration."""
    route = respx.get("http://x.sim/a").mock(side_effect=[httpx.Response(200)])
    next(route.side_effect)
    with pytest.raises(ConfigError, match="is used up"):
        asked(lambda router: router.add(route))


def test_wrong_answer() -> None:
    """A side effect that gives something else than respx takes is named with what it gave."""
    with pytest.raises(ConfigError, match="answered 'text'; want an httpx.Response"):
        asked(lambda router: router.get("http://x.sim/a").mock(side_effect=lambda request: "text"))


@both
def test_streamed_answer(library: ModuleType) -> None:
    """A route's streamed body arrives chunk by chunk, and its last limit is enforced."""

    class Body(httpx.AsyncByteStream):
        closed = False

        async def __aiter__(self):  # type: ignore[no-untyped-def, override]  # A generator.
            for part in (b"a", b"b"):
                await asyncio.sleep(0.5)
                yield part

        async def aclose(self) -> None:
            self.closed = True

    async def main(loop: SimLoop) -> tuple[bytes, int, bool]:
        http, body = world(), Body()
        http.router.get("http://x.sim/a").respond(stream=body)
        async with http.client(library, timeout=0.6) as client:
            response = await client.get("http://x.sim/a")
        return response.content, loop.now_ns // MS, body.closed

    assert (b"ab", 1021, True) == simulate(main)
