"""Redirects: the client's own doing, hop by hop over simulated connections."""

from __future__ import annotations

from types import ModuleType

import httpx
import httpx2
import pytest

from agent_perf.sim import Reply, SimHttp, SimLoop, SimRequest, simulate
from tests.sim.services.ledger import Ledger, round_draws

both = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MS = 1_000_000


def chain(ledger: Ledger | None = None) -> tuple[SimHttp, list[SimRequest]]:
    """Return hosts a.sim, which counts /n down to /0, and b.sim; and what they were asked."""
    http = SimHttp(round_draws(http_connect=0.005), ledger or Ledger())
    asked: list[SimRequest] = []

    async def count_down(request: SimRequest) -> Reply:
        asked.append(request)
        left = request.path.strip("/")
        if left == "away":
            return Reply(status=307, headers={"location": "http://b.sim/0"})
        if left == "see":
            return Reply(status=303, headers={"location": "/0"})
        if left == "0":
            return Reply(content=b"there")
        return Reply(status=302, headers={"location": f"/{int(left) - 1}"})

    http.mount("a.sim", count_down)
    http.mount("b.sim", count_down)
    return http, asked


@both
@pytest.mark.parametrize(("limit", "passes"), [(3, True), (2, False)])
def test_the_limit_on_hops_is_the_clients(library: ModuleType, limit: int, passes: bool) -> None:
    """
    Three hops pass a limit of three and break a limit of two, after the third request.
    """

    async def main(loop: SimLoop) -> tuple[str, int]:
        ledger = Ledger()
        http, _ = chain(ledger)
        async with http.client(library, follow_redirects=True, max_redirects=limit) as client:
            try:
                said = (await client.get("http://a.sim/3")).text
            except library.TooManyRedirects:
                said = "too many"
        return said, ledger.counts["http_requests"]

    assert (("there", 4) if passes else ("too many", 3)) == simulate(main)


@both
def test_hops_share_a_connection_and_another_host_needs_its_own(library: ModuleType) -> None:
    """
    Two hops at one host cost one handshake; a hop to another host costs a second.
    """

    async def main(loop: SimLoop) -> list[tuple[int, int]]:
        ledger = Ledger()
        http, _ = chain(ledger)
        found = []
        async with http.client(library, follow_redirects=True) as client:
            for url in ("http://a.sim/2", "http://a.sim/away"):
                await client.get(url)
                found.append((ledger.counts["http_connects"], loop.now_ns // MS))
        return found

    assert [(1, 5), (2, 10)] == simulate(main)


@both
def test_what_travels_over_a_redirect(library: ModuleType) -> None:
    """
    A 307 keeps method and body, and drops the credentials on its way to another host; a 303
    becomes a GET without a body.
    """

    async def main(loop: SimLoop) -> list[tuple[str, str, bytes, bool]]:
        http, asked = chain()
        headers = {"authorization": "Bearer secret"}
        async with http.client(library, follow_redirects=True, headers=headers) as client:
            await client.post("http://a.sim/away", content=b"body")
            await client.post("http://a.sim/see", content=b"body")
        return [
            (one.method, one.host, one.content, "authorization" in one.headers) for one in asked
        ]

    assert [
        ("POST", "a.sim", b"body", True),
        ("POST", "b.sim", b"body", False),
        ("POST", "a.sim", b"body", True),
        ("GET", "a.sim", b"", True),
    ] == simulate(main)


@both
def test_a_redirect_is_not_followed_unasked(library: ModuleType) -> None:
    """
    By default the client gives the 302 to its program, and the next request with it.
    """

    async def main(loop: SimLoop) -> tuple[int, str, int]:
        http, asked = chain()
        async with http.client(library) as client:
            response = await client.get("http://a.sim/1")
            assert response.next_request is not None
            return response.status_code, str(response.next_request.url), len(asked)

    assert (302, "http://a.sim/0", 1) == simulate(main)
