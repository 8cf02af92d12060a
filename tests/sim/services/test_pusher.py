"""A simulated Pusher server takes what the public client signs, and nothing else."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pusher
import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim import SimHttp, SimLoop, SimPusher, simulate
from tests.sim.services.ledger import Ledger, round_draws

MS = 1_000_000
NOW_S = 1_767_225_600
EVENTS = "/apps/3/events"
BATCH = "/apps/3/batch_events"

# Made here, because urllib3 opens a socket when it is first imported.
PUBLIC = pusher.Pusher("3", "key", "secret", host="pusher.sim", ssl=False)

Delivery = tuple[int, str, str, str]


class World:
    """A server that answers after 20 ms, and what it delivered."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        draws = round_draws(http_connect=0, pusher_request=0.02)
        http = SimHttp(draws, self.ledger)
        self.server = SimPusher(http, draws, self.ledger, app_id="3", key="key", secret="secret")
        self.delivered: list[Delivery] = []
        self.server.delivered = lambda *delivery: self.delivered.append(delivery)
        self.client = http.client()

    async def send(self, request: Any) -> httpx.Response:
        """Send what the public client would have sent."""
        return await self.client.request(
            request.method, request.url, content=request.body, headers=request.headers
        )

    async def post(
        self,
        path: str,
        body: Any,
        *,
        secret: str = "secret",
        drop: str = "",
        **params: str,
    ) -> httpx.Response:
        """Sign and send anything; *params* override, *drop* removes a parameter."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        query = {
            "auth_key": "key",
            "auth_timestamp": str(NOW_S),
            "auth_version": "1.0",
            "body_md5": hashlib.md5(content).hexdigest(),
            **params,
        }
        query.pop(drop, None)
        signed = "\n".join(["POST", path, "&".join(f"{k}={v}" for k, v in sorted(query.items()))])
        signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        return await self.client.post(
            f"http://pusher.sim{path}",
            params={"auth_signature": signature, **query},
            content=content,
        )


def run(main: Callable[[SimLoop, World], Awaitable[Any]]) -> Any:
    """Run *main* in a new world."""

    async def inside(loop: SimLoop) -> Any:
        return await main(loop, World())

    return simulate(inside)


def event(**change: Any) -> dict[str, Any]:
    """Return a good event, changed."""
    return {"name": "moved", "channel": "room-1", "data": "{}", **change}


def test_public_client_s_trigger() -> None:
    """An event signed by the public client reaches each of its channels."""

    async def main(loop: SimLoop, world: World) -> tuple[int, object, list[Delivery]]:
        request = PUBLIC._pusher_client.trigger.make_request(
            ["room-1", "private-a@b.c"], "moved", {"x": "ü"}
        )
        response = await world.send(request)
        return response.status_code, response.json(), world.delivered

    data = '{"x": "ü"}'
    assert (
        200,
        {},
        [(20 * MS, "room-1", "moved", data), (20 * MS, "private-a@b.c", "moved", data)],
    ) == run(main)


def test_public_client_s_batch() -> None:
    """Ten events in one request are delivered in their order, and an eleventh spoils it."""

    async def main(loop: SimLoop, world: World) -> tuple[list[int], str, list[str]]:
        statuses = []
        for count in (10, 11):
            batch = [{"channel": "room-1", "name": "moved", "data": {"n": n}} for n in range(count)]
            request = PUBLIC._pusher_client.trigger_batch.make_request(batch)
            response = await world.send(request)
            statuses.append(response.status_code)
        return statuses, response.text, [data for _, _, _, data in world.delivered]

    assert (
        [200, 400],
        "Batch too large (> 10)\n",
        [f'{{"n": {n}}}' for n in range(10)],
    ) == run(main)


def test_documented_signature() -> None:
    """The worked example of the API's reference verifies: its key, secret, time and signature."""

    async def main(loop: SimLoop) -> int:
        draws, ledger = round_draws(http_connect=0), Ledger()
        http = SimHttp(draws, ledger)
        SimPusher(
            http,
            draws,
            ledger,
            app_id="3",
            key="278d425bdf160c739803",
            secret="7ad3773142a6692b25b8",
        )
        response = await http.client().post(
            "http://pusher.sim/apps/3/events?body_md5=ec365a775a4cd0599faeb73354201b6f"
            "&auth_version=1.0&auth_key=278d425bdf160c739803&auth_timestamp=1353088179"
            "&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c",
            content=b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}',
        )
        return response.status_code

    assert 200 == simulate(main, epoch_s=1_353_088_179)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drop": "auth_key"}, "Missing parameter: auth_key"),
        ({"auth_key": "other"}, "Unknown auth_key"),
        ({"auth_version": "2.0"}, "Version not supported"),
        ({"drop": "auth_timestamp"}, "Timestamp required"),
        ({"auth_timestamp": "soon"}, "Invalid timestamp: soon"),
        (
            {"secret": "guess"},
            r'Invalid signature: you should have sent HmacSHA256Hex("POST\n/apps/3/events\nauth_key=key&',
        ),
        ({"body_md5": "0" * 32}, "Invalid body_md5: the body's is"),
        ({"drop": "body_md5"}, 'but you sent ""'),
    ],
)
def test_unauthorised(change: dict[str, str], words: str) -> None:
    """Who is not authorised gets 401 with the reason, and nothing is delivered."""

    async def main(loop: SimLoop, world: World) -> tuple[int, str, list[Delivery]]:
        response = await world.post(EVENTS, event(), **change)
        return response.status_code, response.text, world.delivered

    status, text, delivered = run(main)
    assert 401 == status
    assert words in text
    assert [] == delivered


@pytest.mark.parametrize(("age_s", "status"), [(599, 200), (600, 401), (-599, 200), (-600, 401)])
def test_timestamp_grace(age_s: int, status: int) -> None:
    """A time stamp is good for less than 600 s of virtual time, either way."""

    async def main(loop: SimLoop, world: World) -> tuple[int, str]:
        response = await world.post(EVENTS, event(), auth_timestamp=str(NOW_S - age_s))
        return response.status_code, response.text

    found, text = run(main)
    assert status == found
    if age_s == 600:
        assert (
            "Timestamp expired: Given timestamp (2025-12-31T23:50:00Z) not within 600s of "
            "server time (2026-01-01T00:00:00Z)\n"
        ) == text


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (EVENTS, event(data="x" * 10_240), 200, "{}"),
        (
            EVENTS,
            event(data="x" * 10_239 + "ü"),
            413,
            "The data content of this event exceeds the allowed maximum (10240 bytes).",
        ),
        (BATCH, {"batch": [event(), event(data="x" * 10_241)]}, 413, "(10240 bytes)"),
        (EVENTS, event(channels=[f"c{n}" for n in range(100)]), 200, "{}"),
        (EVENTS, event(channels=[f"c{n}" for n in range(101)]), 400, "Too many channels (> 100)"),
        (EVENTS, event(channel="no spaces"), 400, "Invalid channel name: 'no spaces'"),
        (EVENTS, event(channel="c" * 201), 400, "Invalid channel name: 'ccc"),
        (EVENTS, event(channel="#server-to-user-7"), 200, "{}"),
        (EVENTS, event(channel=""), 400, "Missing required parameter: channels"),
        (EVENTS, event(name=""), 400, "Invalid event name: 0 characters"),
        (EVENTS, event(name="n" * 201), 400, "Invalid event name: 201 characters"),
        (EVENTS, event(data={"not": "text"}), 400, "Invalid JSON body: Expected `str`"),
        (EVENTS, b"{", 400, "Invalid JSON body"),
        (BATCH, {"batch": []}, 200, "{}"),
        ("/apps/4/events", event(), 401, "Not authorized for that app"),
        ("/apps/3/users", event(), 404, "POST /apps/3/users is not simulated"),
    ],
)
def test_limits(path: str, body: Any, status: int, words: str) -> None:
    """Sizes, numbers and names are judged as by the real API, at the limit and beyond."""

    async def main(loop: SimLoop, world: World) -> tuple[int, str]:
        response = await world.post(path, body)
        return response.status_code, response.text

    found, text = run(main)
    assert status == found
    assert words in text


def test_refused_batch_delivers_nothing() -> None:
    """One bad event in a batch, and none of it is delivered or counted."""

    async def main(loop: SimLoop, world: World) -> tuple[list[Delivery], int]:
        await world.post(BATCH, {"batch": [event(), event(channel="no spaces")]})
        return world.delivered, world.ledger.counts["events"]

    assert ([], 0) == run(main)


def test_counts_and_span() -> None:
    """Requests and deliveries are counted; the request's time is a span."""

    async def main(loop: SimLoop, world: World) -> Ledger:
        world.server.delivered = None
        await world.post(BATCH, {"batch": [event(), event(channels=["a", "b"])]})
        await world.post(EVENTS, event(), secret="guess")
        return world.ledger

    ledger = run(main)
    assert 2 == ledger.counts["event_requests"]
    assert 3 == ledger.counts["events"]
    assert 1 == ledger.counts["http_errors"]
    assert ("pusher.request", 0, 20 * MS, "POST pusher.sim/apps/3/batch_events") in ledger.spans


def test_application_needs_names() -> None:
    """An application without id, key or secret is refused; the secret is not told."""
    draws, ledger = round_draws(), Ledger()
    with pytest.raises(ConfigError, match="app_id=''") as caught:
        SimPusher(SimHttp(draws, ledger), draws, ledger, app_id="", key="k", secret="hush")
    assert "hush" not in str(caught.value)


def test_rate_limit() -> None:
    """Beyond so many requests per second the answer is 429, until the bucket has one again."""

    async def main(loop: SimLoop, world: World) -> Any:
        world.server.limit(requests_per_s=2)
        answers = [await world.post(EVENTS, event()) for _ in range(4)]
        # A token is back half a second after the second was taken: now are 80 ms since 20.
        await asyncio.sleep(0.42)
        answers.append(await world.post(EVENTS, event()))
        statuses = [answer.status_code for answer in answers]
        counts = world.ledger.counts
        return statuses, answers[2].headers["retry-after"], counts["events_rate_limited"]

    assert ([200, 200, 429, 429, 200], "1", 2) == run(main)


def test_rate_limit_is_sound() -> None:
    """No requests at all is no limit."""

    async def main(loop: SimLoop, world: World) -> None:
        with pytest.raises(ConfigError, match="requests_per_s=0"):
            world.server.limit(requests_per_s=0)

    run(main)
