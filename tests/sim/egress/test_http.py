"""HTTP clients that a program makes itself."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from agent_perf import llm
from agent_perf.errors import RealWorldAccess
from agent_perf.records import Tier
from agent_perf.sim.faults import outage
from tests.sim.egress.worlds import measured

# Made when a program is imported.
asynchronous = openai.AsyncOpenAI(api_key="k", max_retries=0)
synchronous = openai.OpenAI(api_key="k", max_retries=0)
claude = anthropic.AsyncAnthropic(api_key="k", max_retries=0)
behind_a_gateway = openai.AsyncOpenAI(
    api_key="k", base_url="https://gateway.internal/team/7/v1", max_retries=0
)
clients = {library: library.AsyncClient() for library in (httpx, httpx2)}
_ASK: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "?"}]}


def _say(world) -> None:
    world.llm(llm.text("Hello.", tokens=11, ttft="100ms", itl="10ms"))


async def _of_openai(world):
    _say(world)
    reply = await asynchronous.chat.completions.create(**_ASK)
    assert "Hello." == reply.choices[0].message.content


async def _of_anthropic(world):
    _say(world)
    reply = await claude.messages.create(**_ASK, max_tokens=50)
    assert "Hello." == reply.content[0].text


async def _of_a_gateway(world):
    _say(world)
    reply = await behind_a_gateway.chat.completions.create(**_ASK)
    assert "Hello." == reply.choices[0].message.content


async def _streamed(world):
    _say(world)
    stream = await asynchronous.chat.completions.create(**_ASK, stream=True)
    said = [part.choices[0].delta.content or "" async for part in stream if part.choices]
    assert "Hello." == "".join(said)


def _synchronously() -> str:
    stream = synchronous.chat.completions.create(**_ASK, stream=True)
    return "".join(part.choices[0].delta.content or "" for part in stream if part.choices)


async def _in_a_thread(world):
    _say(world)
    assert "Hello." == await asyncio.to_thread(_synchronously)


async def _blocking(world):
    _say(world)
    assert "Hello." == _synchronously()


@pytest.mark.parametrize("tier", [Tier.CLIENT, Tier.WIRE])
@pytest.mark.parametrize(
    "request_it",
    [_of_openai, _of_anthropic, _of_a_gateway, _streamed, _in_a_thread],
    ids=lambda one: one.__name__,
)
def test_clients_of_import_time_ask_the_simulated_model(request_it, tier) -> None:
    """Whatever the SDK, the host, and the tier; the script's times are kept."""
    run = measured(request_it, tier=tier)

    assert {} == run.errors
    assert 1 == run.most["llm_calls"]
    # 100 ms to the first token, and ten more tokens.
    assert min(run.latency_ns) >= 200_000_000


def test_a_synchronous_client_on_the_loop_blocks_it() -> None:
    """Four users' calls go one after the other, as they would in production."""
    free = measured(_in_a_thread, users=4, requests=20, think="db.connect")
    blocked = measured(_blocking, users=4, requests=20, think="db.connect")

    assert {} == blocked.errors
    assert max(free.latency_ns) < 250_000_000
    assert max(blocked.latency_ns) > 600_000_000


def test_a_wait_for_others_on_the_loop_is_refused() -> None:
    """At tier wire an answer comes by other tasks, which a blocked loop never runs."""
    with pytest.raises(RealWorldAccess, match="asyncio.to_thread"):
        measured(_blocking, tier=Tier.WIRE)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda one: one.__name__)
def test_a_clients_own_limits_hold(library) -> None:
    """A read time-out of the program's client strikes in virtual time."""
    impatient = library.AsyncClient(timeout=0.05)

    def slowly(world):
        async def handler(request):
            await asyncio.sleep(1)

        world.http.mount("slow.example", handler)

    async def request(world):
        with pytest.raises(library.ReadTimeout):
            await impatient.get("https://slow.example/")

    run = measured(request, setup=slowly)

    assert {} == run.errors
    assert max(run.latency_ns) < 1_000_000_000


def test_a_client_per_request_works() -> None:
    """As many programs do it; its connection is new each time."""

    def play(world):
        world.http.router.get("https://shop.example/").respond(text="Hi.")

    async def request(world):
        async with httpx.AsyncClient() as client:
            assert "Hi." == (await client.get("https://shop.example/")).text

    run = measured(request, setup=play)

    assert {} == run.errors
    assert 1 == run.most["http_connects"]


def test_clients_that_a_shutdown_closed_are_open_in_the_next_world() -> None:
    """Of either kind: in production a process follows, and here the next load."""
    with httpx.Client() as one, httpx2.Client() as other:
        clients = (one, other)

        async def system(world):
            world.http.router.get("https://shop.example/").respond(text="Hi.")

            async def request(ask):
                for client in clients:
                    assert "Hi." == client.get("https://shop.example/").text

            yield request
            for client in clients:
                client.close()

        for _ in range(2):
            assert {} == measured(system, setup=lambda world: None).errors


def test_an_unscripted_model_at_an_unknown_host_is_refused() -> None:
    """Without a script nobody has said that it is a model; the error says how."""

    async def request(world):
        await behind_a_gateway.chat.completions.create(**_ASK)

    def name_it(world):
        world.llm.at("gateway.internal")

    with pytest.raises(RealWorldAccess, match=r"world.llm.at\('gateway.internal'\)"):
        measured(request)
    assert {} == measured(request, setup=name_it).errors


def test_faults_of_the_model_strike_at_its_real_host() -> None:
    """An outage of ``llm`` is one of api.openai.com, too."""
    run = measured(
        _of_openai, requests=60, faults=(outage("llm", at_s=1, for_s=5),), success_ratio="1%"
    )

    assert {"APIConnectionError"} == set(run.errors.values())
    assert 0 < len(run.errors) < 60


def test_requests_have_scripts_of_their_own() -> None:
    """What the model says to one request, it says to no other that runs at the same time."""

    async def request(world, ask):
        word = f"{ask.user}."
        world.llm(llm.text(word, ttft="50ms"))
        await asyncio.sleep(0.001 * ask.user)
        reply = await asynchronous.chat.completions.create(**_ASK)
        assert word == reply.choices[0].message.content

    assert {} == measured(request, users=5, requests=20).errors


def test_the_world_is_as_before_afterwards() -> None:
    """What was exchanged is the library's own again."""
    before = [
        (kind, name, vars(kind)[name])
        for library in (httpx, httpx2)
        for kind, name in (
            (library.AsyncHTTPTransport, "handle_async_request"),
            (library.HTTPTransport, "handle_request"),
            (library.AsyncClient, "aclose"),
            (library.Client, "close"),
        )
    ]

    measured(_of_openai)

    assert all(vars(kind)[name] is original for kind, name, original in before)
