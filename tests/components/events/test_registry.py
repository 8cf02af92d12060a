from __future__ import annotations

import hashlib
import hmac
import json
import time
from unittest import mock

import pusher
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    ChannelKind,
    ChannelRegistry,
    Signer,
    Webhook,
    WebhookEvent,
    WebhookRefusedError,
    read_webhook,
)
from agent_perf.errors import ConfigError
from tests.components.fakes import Hands

KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
SIGNER = Signer(KEY, SECRET)
peer = pusher.Pusher(app_id="3", key=KEY, secret=SECRET, ssl=False, host="api.test")


def news(name: str, channel: str, user_id: str = "", count: int = 0) -> WebhookEvent:
    return WebhookEvent(name=name, channel=channel, user_id=user_id, subscription_count=count)


def sign(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def test_a_room_from_beginning_to_end() -> None:
    """
    Occupied, joined by two, left by one, counted, vacated: at each step the registry knows.
    """
    registry = ChannelRegistry(clock=Hands())
    name = "presence-cache-room"
    seen = [registry.is_occupied(name)]
    for event in [
        news("channel_occupied", name),
        news("member_added", name, "ann"),
        news("member_added", name, "bob"),
        news("subscription_count", name, count=3),
        news("member_removed", name, "ann"),
    ]:
        registry.apply(Webhook(time_ms=0, events=(event,)))
    room = registry.get(name)
    assert room is not None
    seen += [room.is_occupied, room.kind, room.is_cache, room.subscribers, room.members]
    registry.note(news("channel_vacated", name))
    room = registry.get(name)
    assert room is not None
    seen += [room.is_occupied, room.subscribers, room.members]

    assert [None, True, ChannelKind.PRESENCE, True, 3, ("bob",), False, 0, ()] == seen
    assert [name] == list(registry)


facts = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "channel_occupied",
                "channel_vacated",
                "member_added",
                "member_removed",
                "subscription_count",
            ]
        ),
        st.sampled_from(["ann", "bob"]),
        st.integers(0, 5),
    ),
    max_size=12,
)


@settings(max_examples=100)
@given(facts, st.data())
def test_news_may_come_in_any_order(
    script: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    """
    However webhooks overtake each other, in the end the registry knows what it would if they
    had come in the order in which things happened.
    """
    name = "presence-room"
    told = [
        Webhook(time_ms=at * 1000, events=(news(kind, name, user, count),))
        for at, (kind, user, count) in enumerate(script, 1)
    ]

    def knows(webhooks: list[Webhook]) -> object:
        registry = ChannelRegistry(clock=Hands())
        for webhook in webhooks:
            registry.apply(webhook)
        return registry.get(name)

    assert knows(told) == knows(data.draw(st.permutations(told)))


def test_old_news_is_counted_and_not_believed() -> None:
    """
    A channel that was vacated at 20 s is not occupied by news of 10 s that comes late.
    """
    registry = ChannelRegistry(clock=Hands())
    registry.note(news("channel_vacated", "chat"), at_s=20)

    assert not registry.note(news("channel_occupied", "chat"), at_s=10)
    assert registry.is_occupied("chat") is False
    assert (1, 1) == (registry.stats().applied, registry.stats().stale)


def test_channels_without_news_are_forgotten() -> None:
    """
    After idle_s without news nothing is known of a channel any more, and its room is free.
    """
    clock = Hands()
    registry = ChannelRegistry(idle_s=60, clock=clock)
    for number in range(10):
        registry.note(news("channel_occupied", f"chat-{number}"))
    clock.now_s = 30
    registry.note(news("channel_occupied", "chat-3"))
    clock.now_s = 60

    assert (None, True) == (registry.is_occupied("chat-0"), registry.is_occupied("chat-3"))
    stats = registry.stats()
    assert (1, 9, 11) == (stats.channels, stats.expired, stats.applied)


def test_memory_is_bounded() -> None:
    """
    A thousand channels and a thousand members leave no more than may be; news of what cannot
    be is counted.
    """
    registry = ChannelRegistry(channels_max=10, members_max=5, clock=Hands())
    for number in range(1000):
        registry.note(news("channel_occupied", f"chat-{number}"))
    for number in range(1000):
        registry.note(news("member_added", "presence-a", str(number)))
        registry.note(news("member_removed", "presence-a", f"other-{number}"))
    tracked = registry._channels["presence-a"]
    assert (5, 5) == (len(tracked.members), len(tracked.left))
    for odd in [
        news("cache_miss", "cache-a"),
        news("member_added", "private-a", "ann"),
        news("member_added", "presence-a"),
        news("channel_occupied", "no channel"),
        news("channel_occupied", "private-encrypted-a"),
    ]:
        assert not registry.note(odd)
    stats = registry.stats()
    assert (10, 5, 5, 991) == (stats.channels, stats.members, stats.ignored, stats.evicted)


@given(
    st.sampled_from([KEY, "other"]),
    st.booleans(),
    st.integers(-400_000, 400_000),
    st.sampled_from([b'{"time_ms":%d,"events":[]}', b'{"time_ms":%d', b'{"events":[%d]}']),
)
def test_webhooks_are_believed_as_by_the_public_client(
    key: str, is_signed: bool, age_ms: int, form: bytes
) -> None:
    """
    Of any key, signature, age and form we take what the public client takes.
    """
    now_ms = 1_700_000_000_000
    body = form % (now_ms - age_ms)
    signature = sign(body) if is_signed else sign(body + b" ")
    with mock.patch.object(time, "time", return_value=now_ms / 1e3):
        theirs = peer.validate_webhook(key, signature, body.decode())
    try:
        ours = read_webhook(SIGNER, key=key, signature=signature, body=body, now_s=now_ms / 1e3)
    except WebhookRefusedError:
        ours = None

    assert (theirs is None) == (ours is None)
    assert ours is None or theirs["time_ms"] == ours.time_ms


def test_a_webhook_of_the_documentation() -> None:
    """
    The events of Pusher's documentation are read, and what we have no use for with them.
    """
    body = json.dumps(
        {
            "time_ms": 1327078148132,
            "events": [
                {"name": "channel_occupied", "channel": "test_channel"},
                {"name": "member_added", "channel": "presence-a", "user_id": "a_user_id"},
                {
                    "name": "client_event",
                    "channel": "private-a",
                    "event": "client-typing",
                    "data": "{}",
                    "socket_id": "1.1",
                    "user_id": "a_user_id",
                },
                {"name": "subscription_count", "channel": "a", "subscription_count": 3},
            ],
        }
    ).encode()
    webhook = read_webhook(SIGNER, key=KEY, signature=sign(body), body=body, now_s=1327078148)
    registry = ChannelRegistry(clock=Hands(1327078148))
    registry.apply(webhook)

    assert registry.is_occupied("test_channel")
    assert ("client-typing", "1.1") == (webhook.events[2].event, webhook.events[2].socket_id)
    assert (3, 3, 1) == (len(registry), registry.stats().applied, registry.stats().ignored)


def test_odd_signatures_are_refused_not_an_error() -> None:
    """
    A signature that is no hexadecimal, not even ASCII, is just not ours.
    """
    with pytest.raises(WebhookRefusedError, match="signature"):
        read_webhook(SIGNER, key=KEY, signature="é", body=b"{}", now_s=0)


@pytest.mark.parametrize("bad", [{"channels_max": 0}, {"members_max": 0}, {"idle_s": 0.0}])
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    A registry that could hold nothing is refused.
    """
    with pytest.raises(ConfigError):
        ChannelRegistry(**bad)
