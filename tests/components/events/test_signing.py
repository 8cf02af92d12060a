from __future__ import annotations

import time
from unittest import mock

import pusher
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import InvalidEventError, Signer

# The application of the worked examples in Pusher's documentation.
KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
signer = Signer(KEY, SECRET)
peer = pusher.Pusher(app_id="3", key=KEY, secret=SECRET, ssl=False, host="api.test")


def test_worked_request_of_the_documentation() -> None:
    """
    The request that Pusher's HTTP API reference works through gets its signature.
    """
    body = b'{"name":"foo","channels":["project-3"],"data":"{\\"some\\":\\"data\\"}"}'
    query = signer.query("POST", "/apps/3/events", body, 1353088179)

    assert (
        f"auth_key={KEY}&auth_timestamp=1353088179&auth_version=1.0"
        "&body_md5=ec365a775a4cd0599faeb73354201b6f"
        "&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
    ) == query


def test_worked_channels_of_the_documentation() -> None:
    """
    The private and the presence channel that the documentation works through get its tokens.
    """
    data = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'

    assert (
        f"{KEY}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
        == signer.channel_token("1234.1234", "private-foobar")
    )
    assert (
        f"{KEY}:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"
        == signer.channel_token("1234.1234", "presence-foobar", data)
    )


@given(st.binary(max_size=50), st.integers(0, 2**31))
def test_agrees_with_the_public_client(body: bytes, now_s: int) -> None:
    """
    For any body at any time the public client of the protocol makes the same query.
    """
    text = body.hex()
    with mock.patch.object(time, "time", return_value=now_s):
        request = peer._pusher_client.trigger.make_request("channel", "event", text)
    ours = signer.query("POST", request.path, request.body, now_s)

    assert dict(pair.split("=", 1) for pair in ours.split("&")) == request.query_params


@given(
    st.from_regex(r"[0-9]{1,6}\.[0-9]{1,6}", fullmatch=True),
    st.sampled_from(["private-a", "private-b@1"]),
)
def test_channel_tokens_agree_with_the_public_client(socket_id: str, channel: str) -> None:
    """
    For any socket the public client makes the same token.
    """
    assert peer.authenticate(channel, socket_id)["auth"] == signer.channel_token(socket_id, channel)


def test_tokens_are_remembered() -> None:
    """
    A client that comes back is answered without signing again.
    """
    fresh = Signer(KEY, SECRET)
    for _ in range(3):
        fresh.channel_token("1.1", "private-a")

    assert (2, 1) == fresh.channel_token.cache_info()[:2]


@pytest.mark.parametrize(
    ("socket_id", "channel", "data"),
    [
        ("1.1:private-boss", "private-a", ""),
        ("1.1\n", "private-a", ""),
        ("", "private-a", ""),
        ("1.1", "private-a:b", ""),
        ("1.1", "private-a\n", ""),
        ("1.1", "private-" + "a" * 200, ""),
        ("1.1", "public", ""),
        ("1.1", "private-a", '{"user_id":1}'),
        ("1.1", "presence-a", ""),
    ],
)
def test_what_could_be_signed_for_something_else_is_refused(
    socket_id: str, channel: str, data: str
) -> None:
    """
    Sockets and channels of another form are never signed: parts could be shifted.
    """
    with pytest.raises(InvalidEventError):
        signer.channel_token(socket_id, channel, data)
