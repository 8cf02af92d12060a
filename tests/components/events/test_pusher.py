from __future__ import annotations

import httpx
import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    EventDeliveryError,
    EventOutcomeUnknownError,
    EventRefusedError,
    InvalidEventError,
    PusherClient,
    make_event,
)
from agent_perf.sim import Reply, SimHttp, SimLoop, SimPusher, simulate
from tests.components.fakes import Counts, constant_draws


class World:
    def __init__(self, **client: str) -> None:
        self.counts = Counts()
        draws = constant_draws(pusher_request=0.03, http_connect=0.0)
        self.http = SimHttp(draws, self.counts)
        self.pusher = SimPusher(
            self.http, draws, self.counts, app_id="1", key="key", secret="secret"
        )
        self.delivered: list[tuple[str, str, str]] = []
        self.pusher.delivered = lambda _, *event: self.delivered.append(event)
        self.arguments = {
            "app_id": "1",
            "key": "key",
            "secret": "secret",
            "base_url": self.pusher.base_url,
        } | client


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_the_service_accepts_what_we_sign(library: object) -> None:
    """
    Single events and batches pass a server that checks signature, MD5, time and limits,
    with either HTTP library, in order.
    """

    async def main(_: SimLoop) -> list[object]:
        world = World()
        async with world.http.client(library) as http:
            client = PusherClient(http, **world.arguments)
            await client.send(make_event("chat-1", "one", {"n": 1}))
            await client.send_batch([make_event("chat-1", str(n), "text é") for n in range(10)])
            await client.send(make_event("chat-1", "not to me", None, socket_id="1.1"))
        return [world.delivered, world.counts.total["event_requests"]]

    assert [
        [
            ("chat-1", "one", '{"n":1}'),
            *(("chat-1", str(n), "text é") for n in range(10)),
            ("chat-1", "not to me", "null"),
        ],
        3,
    ] == simulate(main)


@pytest.mark.parametrize("client", [{"secret": "wrong"}, {"key": "wrong"}, {"app_id": "2"}])
def test_wrong_credentials_are_refused_for_good(client: dict[str, str]) -> None:
    """
    What the service refuses with 401 is an error that says: do not try again.
    """

    async def main(_: SimLoop) -> int:
        world = World(**client)
        async with world.http.client() as http:
            with pytest.raises(EventRefusedError, match="status 401") as refused:
                await PusherClient(http, **world.arguments).send(make_event("a", "b", 1))
        return refused.value.status

    assert 401 == simulate(main)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (500, {}, (EventOutcomeUnknownError, None)),
        (502, {"Retry-After": "3"}, (EventOutcomeUnknownError, 3.0)),
        (503, {}, (EventOutcomeUnknownError, None)),
        (503, {"Retry-After": "7"}, (EventDeliveryError, 7.0)),
        (429, {"retry-after": "1"}, (EventDeliveryError, 1.0)),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, (EventDeliveryError, None)),
        (400, {}, (EventRefusedError, None)),
        (413, {}, (EventRefusedError, None)),
        (302, {}, (EventRefusedError, None)),
    ],
)
def test_statuses_are_told_apart(
    status: int, headers: dict[str, str], expected: tuple[type[Exception], float | None]
) -> None:
    """
    What may pass by itself is one error, what will not another; a wait asked for is kept.
    """

    async def main(_: SimLoop) -> tuple[type[Exception], float | None]:
        world = World()

        async def answer(_: object) -> Reply:
            return Reply(status=status, headers=tuple(headers.items()), content=b"why")

        world.http.mount("other.sim", answer)
        async with world.http.client() as http:
            client = PusherClient(http, **world.arguments | {"base_url": "http://other.sim/"})
            with pytest.raises(expected[0], match=f"status {status}: why") as caught:
                await client.send(make_event("a", "b", 1))
        return type(caught.value), getattr(caught.value, "retry_after_s", None)

    assert expected == simulate(main)


def test_no_answer_may_pass_by_itself() -> None:
    """
    A time-out of the HTTP library is a delivery error, with the library's own as its cause.
    """

    async def main(_: SimLoop) -> str:
        world = World()
        async with world.http.client(timeout=0.01) as http:
            with pytest.raises(EventDeliveryError) as caught:
                await PusherClient(http, **world.arguments).send(make_event("a", "b", 1))
        return type(caught.value.__cause__).__name__

    assert "ReadTimeout" == simulate(main)


@pytest.mark.parametrize("count", [0, 11])
def test_batches_are_of_one_to_ten(count: int) -> None:
    """
    The protocol's limit is an error before anything is sent.
    """

    async def main(_: SimLoop) -> None:
        world = World()
        async with world.http.client() as http:
            client = PusherClient(http, **world.arguments)
            with pytest.raises(InvalidEventError, match="1 to 10"):
                await client.send_batch([make_event("a", "b", 1)] * count)

    simulate(main)


@given(st.recursive(st.none() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=9))
def test_data_is_json_unless_it_is_text(data: object) -> None:
    """
    What subscribers decode is what was published; text goes as it is.
    """
    try:
        event = make_event("a", "b", data)
    except InvalidEventError:
        assert "\\ud" in repr(data)
        return

    assert data == (event.data if isinstance(data, str) else msgspec.json.decode(event.data))


@pytest.mark.parametrize(
    ("channel", "name", "data"),
    [
        ("a b", "e", 1),
        ("", "e", 1),
        ("a" * 165, "e", 1),
        ("a\n", "e", 1),
        ("a", "", 1),
        ("a", "e" * 201, 1),
        ("a", "e", "x" * 10_241),
        ("a", "e", "é" * 5_121),
        ("a", "e", object()),
        ("a", "e", "\ud800"),
    ],
)
def test_what_the_protocol_forbids_is_refused_early(channel: str, name: str, data: object) -> None:
    """
    A bad event is an error where it is published, not in a batch with nine good ones.
    """
    with pytest.raises(InvalidEventError):
        make_event(channel, name, data)


def test_limits_are_inclusive() -> None:
    """
    The largest event that the protocol allows is allowed.
    """
    event = make_event("a" * 164, "e" * 200, "x" * 10_240)

    assert 10_240 == len(event.data)
