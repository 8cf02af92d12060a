"""
Who may subscribe to private and presence channels: asked once, signed once, remembered a while.

Source: Pusher Channels, *Authorization signatures*; *Presence channels*, "limits".
"""

from __future__ import annotations

import inspect
import json
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

import msgspec

from agent_perf.components.cache.flight import Flights
from agent_perf.components.errors import InvalidEventError, SubscriptionRefusedError
from agent_perf.components.events.channels import ChannelKind, channel_kind
from agent_perf.components.events.signing import Signer
from agent_perf.errors import ConfigError
from agent_perf.units import KIB

K = TypeVar("K")
V = TypeVar("V")

_USER_ID_CHARS_MAX: Final = 128
_USER_BYTES_MAX: Final = KIB


class PresenceMember(msgspec.Struct, frozen=True, kw_only=True):
    """
    How a user appears to the other members of a presence channel.

    Attributes:
        user_id: 1 to 128 characters.
        user_info: What the others see, as JSON has it; with the id, at most 1 KiB.
    """

    user_id: str
    user_info: Mapping[str, object] | None = None


class ChannelToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    The answer to a client that wants to subscribe; ``msgspec.json.encode`` makes its body.

    Attributes:
        auth: Key and signature.
        channel_data: For presence channels, the member as it was signed.
    """

    auth: str
    channel_data: str = ""


Check = Callable[[str, str], "Awaitable[bool | PresenceMember] | bool | PresenceMember"]
"""Says of a user and a channel whether the one may subscribe to the other, and as whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAuthStats:
    """
    What was asked.

    Attributes:
        hits: Tokens given out again.
        signed: Tokens made.
        checks: Calls of *check*.
        refused: Users that may not.
        tokens: Tokens remembered now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"tokens"})

    hits: int
    signed: int
    checks: int
    refused: int
    tokens: int


class ChannelAuth:
    """
    Gives out tokens for channels, to those that *check* lets in.

    That a user may subscribe is remembered for *ttl_s*, for all of the user's connections;
    that one may not is not. What the service was given a token for it lets subscribe for as
    long as the connection lasts: forget keeps us from giving out more.

    Args:
        signer: Of the application.
        check: Asked with user and channel, in that order.
        ttl_s: Seconds, > 0 and finite.
        tokens_max: Tokens, and answers of *check*, remembered; >= 1.
        clock: Monotonic seconds; ``time.monotonic`` if not given.

    Example::

        auth = ChannelAuth(signer, lambda user, channel: channel == f"private-user-{user}")
        token = await auth.authorize("17", "1234.5678", "private-user-17")
    """

    def __init__(
        self,
        signer: Signer,
        check: Check,
        *,
        ttl_s: float = 300.0,
        tokens_max: int = 50_000,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if not 0 < ttl_s < math.inf or tokens_max < 1:
            raise ConfigError(
                f"ttl_s={ttl_s}, tokens_max={tokens_max}; want a finite ttl_s > 0, and >= 1"
            )
        self._signer = signer
        self._check = check
        self._ttl_s = ttl_s
        self._tokens_max = tokens_max
        self._now_s = time.monotonic if clock is None else clock
        # Both with when they expire, in the order in which they were made.
        self._tokens: OrderedDict[tuple[str, str, str], tuple[float, ChannelToken]] = OrderedDict()
        self._answers: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._flights = Flights()
        self._hits = self._signed = self._checks = self._refused = 0

    async def authorize(self, user: str, socket_id: str, channel: str) -> ChannelToken:
        """
        Return the token with which *user*'s connection *socket_id* may subscribe to *channel*.

        Raises:
            SubscriptionRefusedError: If the user may not.
            InvalidEventError: If an argument is not of the protocol's form, the channel is
                public, or what *check* says of the user is too large.
        """
        entry = self._tokens.get((user, socket_id, channel))
        if entry is not None and self._now_s() < entry[0]:
            self._hits += 1
            return entry[1]
        return await self._authorize(user, socket_id, channel)

    def forget(self, user: str) -> None:
        """Ask *check* again when *user* comes back; what was given out stays valid."""
        for answer_key in [key for key in self._answers if key[0] == user]:
            del self._answers[answer_key]
        for token_key in [key for key in self._tokens if key[0] == user]:
            del self._tokens[token_key]
        # What is being asked now was asked before: its answer is for those who wait only.
        self._flights.forget_all()

    def stats(self) -> ChannelAuthStats:
        """Return what was asked."""
        return ChannelAuthStats(
            hits=self._hits,
            signed=self._signed,
            checks=self._checks,
            refused=self._refused,
            tokens=len(self._tokens),
        )

    async def _authorize(self, user: str, socket_id: str, channel: str) -> ChannelToken:
        if channel_kind(channel) is ChannelKind.PUBLIC:
            raise InvalidEventError(f"channel {channel!r} is public: it needs no token")
        answer = self._answers.get((user, channel))
        if answer is None or self._now_s() >= answer[0]:
            answer = await self._flights.join((user, channel), lambda: self._ask(user, channel))
        expires_s, channel_data = answer
        token = ChannelToken(
            auth=self._signer.channel_token(socket_id, channel, channel_data),
            channel_data=channel_data,
        )
        self._signed += 1
        # If the user was forgotten meanwhile, the next time is asked again.
        if self._answers.get((user, channel)) is answer:
            _keep(self._tokens, (user, socket_id, channel), (expires_s, token), self._tokens_max)
        return token

    async def _ask(self, user: str, channel: str) -> tuple[float, str]:
        """Return when the answer expires, and the channel data."""
        self._checks += 1
        asked_s = self._now_s()
        said = self._check(user, channel)
        verdict = await said if inspect.isawaitable(said) else said
        # None, too: a check that forgets to answer lets nobody in.
        if not verdict:
            self._refused += 1
            raise SubscriptionRefusedError(
                f"user {user[:200]!r} may not subscribe to channel {channel!r}"
            )
        data = ""
        if channel_kind(channel) is ChannelKind.PRESENCE:
            member = (
                verdict if isinstance(verdict, PresenceMember) else PresenceMember(user_id=user)
            )
            data = presence_data(member)
        answer = (asked_s + self._ttl_s, data)
        if self._flights.carries((user, channel)):
            _keep(self._answers, (user, channel), answer, self._tokens_max)
        return answer


def presence_data(member: PresenceMember) -> str:
    """
    Return *member* as it is signed, and as the service's own library writes it.

    Raises:
        InvalidEventError: If it exceeds the protocol's limits, or is not JSON's.
    """
    if not 0 < len(member.user_id) <= _USER_ID_CHARS_MAX:
        raise InvalidEventError(
            f"user id of {len(member.user_id)} characters; want 1 to {_USER_ID_CHARS_MAX}"
        )
    data: dict[str, object] = {"user_id": member.user_id}
    if member.user_info is not None:
        data["user_info"] = dict(member.user_info)
    try:
        text = json.dumps(data, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEventError(f"user_info of {member.user_id!r}: {error}") from error
    if len(text) > _USER_BYTES_MAX:
        raise InvalidEventError(
            f"member {member.user_id!r} takes {len(text)} bytes, at most {_USER_BYTES_MAX} are "
            "allowed: send less of user_info"
        )
    return text


def _keep(store: OrderedDict[K, V], key: K, value: V, entries_max: int) -> None:
    store[key] = value
    store.move_to_end(key)
    while len(store) > entries_max:
        store.popitem(last=False)
