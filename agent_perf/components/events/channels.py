"""
What a channel's name says of it.

Source: Pusher Channels, *Channels*, "Channel naming conventions"; *Cache channels*.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from agent_perf.components.errors import InvalidEventError

_CHANNEL: Final = re.compile(r"[-A-Za-z0-9_=@,.;]{1,164}")
_ENCRYPTED: Final = "private-encrypted-"


class ChannelKind(Enum):
    """
    Who may subscribe.

    Attributes:
        PUBLIC: Everybody.
        PRIVATE: Who has a token.
        PRESENCE: Who has a token; all members know of each other.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    PRESENCE = "presence"


@lru_cache(maxsize=4096)
def checked_channel(channel: str) -> str:
    """
    Return *channel* as it is.

    Raises:
        InvalidEventError: If the protocol does not allow it as a channel's name, or it is an
            encrypted channel, which we cannot serve: its events would go out in the clear.
    """
    # fullmatch: a $ would let a trailing line break through, into what is signed.
    if not _CHANNEL.fullmatch(channel):
        raise InvalidEventError(
            f"channel {channel[:200]!r}; want 1 to 164 letters, digits and any of -_=@,.;"
        )
    if channel.startswith(_ENCRYPTED):
        raise InvalidEventError(
            f"channel {channel!r} is end-to-end encrypted, and we have no keys; use a private one"
        )
    return channel


def channel_kind(channel: str) -> ChannelKind:
    """
    Return the kind of *channel*.

    Raises:
        InvalidEventError: As checked_channel.
    """
    match checked_channel(channel).partition("-"):
        case ("private", "-", _):
            return ChannelKind.PRIVATE
        case ("presence", "-", _):
            return ChannelKind.PRESENCE
    return ChannelKind.PUBLIC


def is_cache_channel(channel: str) -> bool:
    """Return whether who subscribes to *channel* gets its last event at once."""
    return channel.startswith(("cache-", "private-cache-", "presence-cache-"))
