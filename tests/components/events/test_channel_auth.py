from __future__ import annotations

import asyncio
import json

import msgspec
import pusher
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    ChannelAuth,
    ChannelKind,
    InvalidEventError,
    PresenceMember,
    Signer,
    SubscriptionRefusedError,
    channel_kind,
    is_cache_channel,
    make_event,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands

KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
SIGNER = Signer(KEY, SECRET)
peer = pusher.Pusher(app_id="3", key=KEY, secret=SECRET, ssl=False, host="api.test")

user_infos = st.none() | st.dictionaries(
    st.text(max_size=9), st.integers() | st.text(max_size=20) | st.none(), max_size=5
)


def authorize(auth: ChannelAuth, *asked: str) -> object:
    return msgspec.to_builtins(asyncio.run(auth.authorize(*asked)))


@given(
    st.from_regex(r"[0-9]{1,6}\.[0-9]{1,6}", fullmatch=True),
    st.sampled_from(["private-a", "private-cache-b", "presence-a", "presence-cache-b@1"]),
    st.text(min_size=1, max_size=40),
    user_infos,
)
def test_tokens_are_those_of_the_public_client(
    socket_id: str, channel: str, user: str, info: dict[str, object] | None
) -> None:
    """
    For any socket, channel and member the answer is, byte by byte, that of the public client.
    """
    auth = ChannelAuth(SIGNER, lambda user, _: PresenceMember(user_id=user, user_info=info))
    data: dict[str, object] = {"user_id": user} | ({} if info is None else {"user_info": info})
    expected = peer.authenticate(
        channel, socket_id, data if channel.startswith("presence") else None
    )

    assert expected == authorize(auth, user, socket_id, channel)
    # Remembered, it is the same.
    assert expected == authorize(auth, user, socket_id, channel)


def test_asked_once_signed_once_remembered_a_while() -> None:
    """
    A connection that asks again is answered from memory for ttl_s; another connection of the
    user is signed for without asking; after ttl_s all is asked again.
    """
    clock, asked = Hands(), []

    def check(user: str, channel: str) -> bool:
        asked.append((user, channel))
        return True

    auth = ChannelAuth(SIGNER, check, ttl_s=300, clock=clock)
    for socket_id, now_s in [("1.1", 0), ("1.1", 200), ("2.2", 250), ("2.2", 299.9), ("1.1", 300)]:
        clock.now_s = now_s
        authorize(auth, "17", socket_id, "private-a")

    assert [("17", "private-a")] * 2 == asked
    stats = auth.stats()
    assert (2, 3, 2, 0, 2) == (
        stats.hits,
        stats.signed,
        stats.checks,
        stats.refused,
        stats.tokens,
    )


def test_a_storm_of_connections_asks_once() -> None:
    """
    A thousand connections of one user at once are let in by one check.
    """
    checks = 0

    async def check(user: str, channel: str) -> bool:
        nonlocal checks
        checks += 1
        await asyncio.sleep(0.1)
        return True

    async def main(loop: SimLoop) -> tuple[int, float]:
        auth = ChannelAuth(SIGNER, check)
        tokens = await asyncio.gather(
            *(auth.authorize("17", f"1.{n}", "private-a") for n in range(1000))
        )
        return len({token.auth for token in tokens}), loop.time()

    assert (1000, 0.1) == simulate(main)
    assert 1 == checks


def test_a_refusal_is_not_remembered() -> None:
    """
    Who may not is refused, and let in as soon as he may; an error of the check is nobody's answer.
    """
    answers = iter([False, ZeroDivisionError(), True])

    def check(user: str, channel: str) -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    auth = ChannelAuth(SIGNER, check)
    with pytest.raises(SubscriptionRefusedError, match="'17' may not"):
        authorize(auth, "17", "1.1", "private-a")
    with pytest.raises(ZeroDivisionError):
        authorize(auth, "17", "1.1", "private-a")
    assert authorize(auth, "17", "1.1", "private-a")
    assert 1 == auth.stats().refused


def test_a_check_that_says_nothing_lets_nobody_in() -> None:
    """
    One that only raises if all is not well, or forgets to return, has not said yes.
    """
    auth = ChannelAuth(SIGNER, lambda user, channel: None)

    with pytest.raises(SubscriptionRefusedError, match="'17' may not"):
        authorize(auth, "17", "1.1", "private-a")


def test_one_user_is_not_answered_for_another() -> None:
    """
    The token of one user's connection is not given to another who names the same connection.
    """
    auth = ChannelAuth(SIGNER, lambda user, _: user == "17")
    authorize(auth, "17", "1.1", "private-a")
    with pytest.raises(SubscriptionRefusedError):
        authorize(auth, "18", "1.1", "private-a")


def test_forgotten_users_are_asked_again() -> None:
    """
    After forget, also in the middle of a check or just after it, nothing of before is used.
    """

    async def main(_: SimLoop) -> list[bool]:
        may = True
        seen = []

        async def check(user: str, channel: str) -> bool:
            answer = may
            await asyncio.sleep(1)
            return answer

        async def comes_in() -> bool:
            try:
                await auth.authorize("17", "1.1", "private-a")
            except SubscriptionRefusedError:
                return False
            return True

        auth = ChannelAuth(SIGNER, check)
        for forget_s in (0.5, 1.0, 1.5):
            may = True
            task = asyncio.create_task(comes_in())
            await asyncio.sleep(forget_s)
            may = False
            auth.forget("17")
            await task
            seen.append(await comes_in())
        return seen

    assert [False, False, False] == simulate(main)


def test_memory_is_bounded() -> None:
    """
    Beyond tokens_max the oldest token is forgotten, and so is the oldest answer of check.
    """
    auth = ChannelAuth(SIGNER, lambda *_: True, tokens_max=10)
    for number in range(100):
        authorize(auth, str(number), "1.1", "private-a")

    assert 10 == auth.stats().tokens == len(auth._answers)
    authorize(auth, "99", "1.1", "private-a")
    authorize(auth, "0", "1.1", "private-a")
    assert (1, 101) == (auth.stats().hits, auth.stats().checks)


@pytest.mark.parametrize(
    ("socket_id", "channel", "member"),
    [
        ("1.1", "public", PresenceMember(user_id="1")),
        ("1.1", "private-encrypted-a", PresenceMember(user_id="1")),
        ("1.1:private-boss", "private-a", PresenceMember(user_id="1")),
        ("1.1", "presence-a", PresenceMember(user_id="")),
        ("1.1", "presence-a", PresenceMember(user_id="x" * 129)),
        ("1.1", "presence-a", PresenceMember(user_id="1", user_info={"a": "x" * 1024})),
        ("1.1", "presence-a", PresenceMember(user_id="1", user_info={"a": float("nan")})),
        ("1.1", "presence-a", PresenceMember(user_id="1", user_info={"a": object()})),
    ],
)
def test_what_the_protocol_forbids_is_not_signed(
    socket_id: str, channel: str, member: PresenceMember
) -> None:
    """
    Public and encrypted channels, odd sockets, and members beyond the limits are refused.
    """
    auth = ChannelAuth(SIGNER, lambda *_: member)
    with pytest.raises(InvalidEventError):
        authorize(auth, "17", socket_id, channel)


def test_the_body_is_what_clients_expect() -> None:
    """
    Encoded as JSON a private token has no channel data, and a presence token has.
    """
    auth = ChannelAuth(SIGNER, lambda *_: True)
    private = json.loads(msgspec.json.encode(authorize(auth, "17", "1.1", "private-a")))
    presence = json.loads(msgspec.json.encode(authorize(auth, "17", "1.1", "presence-a")))

    assert {"auth"} == private.keys()
    assert '{"user_id": "17"}' == presence["channel_data"]


@pytest.mark.parametrize("bad", [{"ttl_s": 0.0}, {"ttl_s": float("inf")}, {"tokens_max": 0}])
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    Tokens kept for no time, or for ever, are refused.
    """
    with pytest.raises(ConfigError):
        ChannelAuth(SIGNER, lambda *_: True, **bad)


@pytest.mark.parametrize(
    ("channel", "kind", "is_cache"),
    [
        ("chat", ChannelKind.PUBLIC, False),
        ("cache-chat", ChannelKind.PUBLIC, True),
        ("privateer", ChannelKind.PUBLIC, False),
        ("private-chat", ChannelKind.PRIVATE, False),
        ("private-cache-chat", ChannelKind.PRIVATE, True),
        ("presence-chat", ChannelKind.PRESENCE, False),
        ("presence-cache-chat", ChannelKind.PRESENCE, True),
    ],
)
def test_kinds_are_in_the_name(channel: str, kind: ChannelKind, is_cache: bool) -> None:
    """
    The prefix of a channel says who may subscribe, and whether its last event is kept.
    """
    assert (kind, is_cache) == (channel_kind(channel), is_cache_channel(channel))


def test_nothing_goes_to_an_encrypted_channel_in_the_clear() -> None:
    """
    An event for an end-to-end encrypted channel is refused, for we would not encrypt it.
    """
    with pytest.raises(InvalidEventError, match="encrypted"):
        make_event("private-encrypted-chat", "secret", {"a": 1})
