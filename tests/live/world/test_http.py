"""A scenario's hosts behind a real server on loopback."""

from __future__ import annotations

import asyncio
import time

import httpx
import httpx2
import pytest

from agent_perf.errors import RealWorldAccess
from agent_perf.live.world import LiveHttp, RealLoop, run_in_real_time
from agent_perf.live.world.http import Punctual
from agent_perf.measure import Recorder
from agent_perf.sim import (
    Draws,
    Reply,
    SimLlm,
    constant_table,
    request_scope,
    running_request,
)
from agent_perf.sim.services.llm.stream import TokenStream

_TABLES = {
    name: constant_table(name, 0.001) for name in ("http.request", "llm.first_token", "llm.token")
}


def _lived(scenario):
    """Return what *scenario* returns, called with hosts, their recorder, and the loop."""

    async def main(loop: RealLoop):
        recorder = Recorder(lambda: loop.now_ns, lambda: running_request().request_id)
        http = LiveHttp(Draws(1, _TABLES), recorder)
        try:
            return await scenario(http, recorder, loop)
        finally:
            http.close()

    return run_in_real_time(main, limit_s=20, whose="a test")


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_handler_serves_the_request_that_asked(library) -> None:
    """A handler runs as the request whose client called; many at a time are kept apart."""
    seen = {}

    async def scenario(http, recorder, loop):
        async def handler(request):
            await asyncio.sleep(0.001)
            seen[request.path] = running_request().request_id
            return Reply(content=request.content)

        http.mount("shop.example", handler)
        async with http.client(library) as client:

            async def ask(number):
                with request_scope(number):
                    answer = await client.post(f"http://shop.example/{number}", content=b"x" * 9)
                    return answer.status_code, answer.content

            return await asyncio.gather(*(ask(number) for number in range(20)))

    answers = _lived(scenario)

    assert [(200, b"x" * 9)] * 20 == answers
    assert {f"/{number}": number for number in range(20)} == seen


def test_hosts_have_their_names_and_schemes() -> None:
    """One server plays every host, by either scheme and on any port; handlers see no mark of ours."""
    heard = []

    async def scenario(http, recorder, loop):
        async def handler(request):
            heard.append((request.host, "x-agent-perf-request" in request.headers))
            return Reply()

        http.mount("a.example", handler)
        http.mount("b.example", handler)
        http.router.get("http://c.example/p").respond(json={"routed": True})
        async with http.client() as client:
            await client.get("https://a.example/")
            await client.get("http://b.example:8123/")
            return (await client.get("http://c.example/p")).json()

    assert {"routed": True} == _lived(scenario)
    assert [("a.example", False), ("b.example", False)] == heard


def test_work_is_counted_as_simulated() -> None:
    """Requests, errors, connects and bytes are counted on the client's side of real sockets."""

    async def scenario(http, recorder, loop):
        async def handler(request):
            return Reply(status=503 if request.path == "/bad" else 200, content=b"12345")

        http.mount("a.example", handler)
        async with http.client() as client:
            await client.post("http://a.example/good", content=b"123")
            await client.get("http://a.example/bad")
        return dict(recorder.finish().counts)

    expected = {
        "bytes_received": 10,
        "bytes_sent": 3,
        "http_connects": 1,
        "http_errors": 1,
        "http_requests": 2,
    }
    assert expected == _lived(scenario)


def test_an_unknown_host_is_refused() -> None:
    """A host that nobody plays is not asked for on the network."""

    async def scenario(http, recorder, loop):
        async with http.client() as client:
            await client.get("http://real.example/")

    with pytest.raises(RealWorldAccess, match=r"GET http://real\.example/.*nobody plays"):
        _lived(scenario)


def test_a_mistake_in_a_handler_reaches_who_asked() -> None:
    """What a handler raises is raised at its client, as it is, and not as a lost connection."""

    async def scenario(http, recorder, loop):
        async def handler(request):
            raise LookupError("a slip")

        http.mount("a.example", handler)
        async with http.client() as client:
            await client.get("http://a.example/")

    with pytest.raises(LookupError, match="a slip"):
        _lived(scenario)


def test_a_streamed_answer_takes_its_drawn_times() -> None:
    """Chunks of a model's answer arrive one by one over the socket, no earlier than drawn."""

    async def scenario(http, recorder, loop):
        model = SimLlm(http, http._draws, recorder)
        client = model.openai()
        begin_ns = loop.now_ns
        with request_scope(7):
            stream = await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            at_ns = [loop.now_ns - begin_ns async for _ in stream]
        await client.close()
        return at_ns, dict(recorder.finish().counts)

    at_ns, counts = _lived(scenario)

    assert at_ns[0] >= 1_000_000
    # Each token but those of the first chunk takes a millisecond.
    assert at_ns[-1] >= 1_000_000 * (counts["llm_tokens_out"] - 4)
    assert 1 == counts["llm_calls"]


def test_a_late_chunk_does_not_delay_the_next() -> None:
    """Chunks are due at their instants: what came due while the loop was busy is not waited for."""

    async def scenario(http, recorder, loop):
        body = Punctual(TokenStream([b"x"] * 11, [0] + [2_000_000] * 10, [1] * 11, lambda _: None))
        begin_ns, at_ns, paused = loop.now_ns, [], []
        pause = loop.pause
        loop.pause = lambda ns: paused.append(len(at_ns)) or pause(ns)
        async for _ in body:
            at_ns.append(loop.now_ns - begin_ns)
            if len(at_ns) == 2:
                # Longer than all that is left.
                time.sleep(0.03)  # noqa: ASYNC251  # It is what is tested.
        return at_ns, paused

    at_ns, paused = _lived(scenario)

    assert all(at >= 2_000_000 * index for index, at in enumerate(at_ns))
    assert [1] == paused
