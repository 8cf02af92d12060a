"""
Which channels there are, whether anybody listens, and who: from webhooks, or from calls.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from agent_perf.components.errors import InvalidEventError
from agent_perf.components.events.channels import ChannelKind, channel_kind, is_cache_channel
from agent_perf.components.events.webhook import Webhook, WebhookEvent
from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """
    What is known of a channel.

    Attributes:
        name: Its name.
        kind: Who may subscribe.
        is_cache: Whether new subscribers get its last event.
        is_occupied: Whether somebody is subscribed; None if nothing was said of it.
        subscribers: How many connections are; None if nothing was said of it.
        members: User ids on a presence channel, sorted.
    """

    name: str
    kind: ChannelKind
    is_cache: bool
    is_occupied: bool | None
    subscribers: int | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRegistryStats:
    """
    What the registry knows, and how it came to.

    Attributes:
        channels: Channels known now.
        members: Members of all channels now.
        applied: News that were taken in.
        stale: News that were older than what was known.
        ignored: News of something else, or of channels or members that cannot be.
        expired: Channels forgotten because there was no news of them.
        evicted: Channels forgotten for others.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"channels", "members"})

    channels: int
    members: int
    applied: int
    stale: int
    ignored: int
    expired: int
    evicted: int


class ChannelRegistry:
    """
    Keeps track of channels by news of them, whatever the order in which it arrives.

    A channel without news for *idle_s* is forgotten, occupied or not: a webhook may have
    been lost, so ask for ``is_occupied(...) is False`` before you save yourself an event.

    Args:
        channels_max: >= 1; beyond it the one longest without news is forgotten.
        members_max: Members kept per channel, >= 1; the protocol's limit is 100.
        idle_s: > 0.
        clock: Unix time in seconds, as webhooks tell it; ``time.time`` if not given.

    Example::

        registry.apply(read_webhook(signer, key=key, signature=signature, body=body, now_s=now_s))
        if registry.is_occupied("chat-17") is not False:
            events.publish("chat-17", "answer.done", {"tokens": 42})
    """

    def __init__(
        self,
        *,
        channels_max: int = 100_000,
        members_max: int = 100,
        idle_s: float = 3600.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if channels_max < 1 or members_max < 1 or not idle_s > 0:
            raise ConfigError(
                f"channels_max={channels_max}, members_max={members_max}, idle_s={idle_s}; "
                "want >= 1, and idle_s > 0"
            )
        self._channels_max = channels_max
        self._members_max = members_max
        self._idle_s = idle_s
        self._now_s = time.time if clock is None else clock
        # By the time of their last news.
        self._channels: OrderedDict[str, _Tracked] = OrderedDict()
        self._applied = self._stale = self._ignored = self._expired = self._evicted = 0

    def __len__(self) -> int:
        return len(self._channels)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._channels))

    def get(self, channel: str) -> Channel | None:
        """Return what is known of *channel*; None if nothing is."""
        tracked = self._live(channel)
        if tracked is None:
            return None
        return Channel(
            name=channel,
            kind=channel_kind(channel),
            is_cache=is_cache_channel(channel),
            is_occupied=tracked.is_occupied,
            subscribers=tracked.subscribers,
            members=tuple(sorted(tracked.members)),
        )

    def is_occupied(self, channel: str) -> bool | None:
        """Return whether somebody is subscribed to *channel*; None if that is not known."""
        tracked = self._live(channel)
        return None if tracked is None else tracked.is_occupied

    def apply(self, webhook: Webhook) -> None:
        """Take in all that *webhook* tells; what is of no use here is counted."""
        for event in webhook.events:
            self.note(event, at_s=webhook.time_ms / 1e3)

    def note(self, event: WebhookEvent, *, at_s: float | None = None) -> bool:
        """
        Take in one piece of news, and return whether it was new.

        Args:
            event: ``channel_occupied``, ``channel_vacated``, ``member_added``,
                ``member_removed`` or ``subscription_count``; anything else is ignored.
            at_s: When it happened, as Unix time; now by default.
        """
        now_s = self._now_s()
        change = _CHANGES.get(event.name)
        try:
            is_presence = channel_kind(event.channel) is ChannelKind.PRESENCE
        except InvalidEventError:
            change = None
        if change is None or (change in _MEMBER_CHANGES and not (event.user_id and is_presence)):
            self._ignored += 1
            return False
        at_s = now_s if at_s is None else at_s
        tracked = self._channels.get(event.channel)
        if tracked is None:
            tracked = self._channels[event.channel] = _Tracked()
        tracked.news_s = now_s
        self._channels.move_to_end(event.channel)
        self._tidy(now_s)
        if change(tracked, event, at_s, self._members_max):
            self._applied += 1
            return True
        self._stale += 1
        return False

    def stats(self) -> ChannelRegistryStats:
        """Return what is known, and how it came to be."""
        self._tidy(self._now_s(), at_most=len(self._channels))
        return ChannelRegistryStats(
            channels=len(self._channels),
            members=sum(len(tracked.members) for tracked in self._channels.values()),
            applied=self._applied,
            stale=self._stale,
            ignored=self._ignored,
            expired=self._expired,
            evicted=self._evicted,
        )

    def _live(self, channel: str) -> _Tracked | None:
        tracked = self._channels.get(channel)
        if tracked is not None and self._now_s() >= tracked.news_s + self._idle_s:
            del self._channels[channel]
            self._expired += 1
            return None
        return tracked

    def _tidy(self, now_s: float, at_most: int = 2) -> None:
        """Forget what is old, a few with each piece of news, and what is too much."""
        channels = self._channels
        while len(channels) > self._channels_max:
            channels.popitem(last=False)
            self._evicted += 1
        for _ in range(min(at_most, len(channels))):
            oldest = next(iter(channels))
            if now_s < channels[oldest].news_s + self._idle_s:
                break
            del channels[oldest]
            self._expired += 1


@dataclass(slots=True)
class _Tracked:
    news_s: float = 0.0
    is_occupied: bool | None = None
    occupied_at_s: float = -math.inf
    vacated_at_s: float = -math.inf
    subscribers: int | None = None
    counted_at_s: float = -math.inf
    # When each came, and when each left: news of a member may overtake each other.
    members: dict[str, float] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)


def _occupy(tracked: _Tracked, event: WebhookEvent, at_s: float, members_max: int) -> bool:
    if at_s < tracked.occupied_at_s:
        return False
    tracked.is_occupied, tracked.occupied_at_s = True, at_s
    return True


def _vacate(tracked: _Tracked, event: WebhookEvent, at_s: float, members_max: int) -> bool:
    # Even if the channel was occupied again since, whoever was there before it was left is gone.
    gone = [user for user, since_s in tracked.members.items() if since_s <= at_s]
    for user_id in gone:
        del tracked.members[user_id]
    tracked.vacated_at_s = max(at_s, tracked.vacated_at_s)
    if at_s >= tracked.counted_at_s:
        tracked.subscribers, tracked.counted_at_s = 0, at_s
    if at_s < tracked.occupied_at_s:
        return bool(gone)
    tracked.is_occupied, tracked.occupied_at_s = False, at_s
    return True


def _count(tracked: _Tracked, event: WebhookEvent, at_s: float, members_max: int) -> bool:
    if at_s < tracked.counted_at_s:
        return False
    tracked.subscribers, tracked.counted_at_s = event.subscription_count, at_s
    return True


def _join(tracked: _Tracked, event: WebhookEvent, at_s: float, members_max: int) -> bool:
    user_id = event.user_id
    # Even if the member is gone again since, somebody was there.
    is_new = _occupy(tracked, event, at_s, members_max)
    gone = at_s < max(tracked.left.get(user_id, at_s), tracked.vacated_at_s)
    if gone or (user_id not in tracked.members and len(tracked.members) >= members_max):
        return is_new
    tracked.left.pop(user_id, None)
    tracked.members[user_id] = max(at_s, tracked.members.get(user_id, at_s))
    return True


def _leave(tracked: _Tracked, event: WebhookEvent, at_s: float, members_max: int) -> bool:
    user_id = event.user_id
    since_s = tracked.members.get(user_id)
    if since_s is not None and at_s < since_s:
        return False
    tracked.members.pop(user_id, None)
    # Put last, and the first forgotten: as many as members, and no more.
    tracked.left.pop(user_id, None)
    tracked.left[user_id] = at_s
    if len(tracked.left) > members_max:
        del tracked.left[next(iter(tracked.left))]
    return True


_CHANGES = {
    "channel_occupied": _occupy,
    "channel_vacated": _vacate,
    "member_added": _join,
    "member_removed": _leave,
    "subscription_count": _count,
}
_MEMBER_CHANGES = (_join, _leave)
