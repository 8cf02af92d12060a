"""Events to subscribers, in batches, through the Pusher protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.events.aiohttp_client import AiohttpClient
    from agent_perf.components.events.batcher import EventBatcher
    from agent_perf.components.events.batcher_stats import BatcherStats
    from agent_perf.components.events.channel_auth import (
        ChannelAuth,
        ChannelAuthStats,
        ChannelToken,
        PresenceMember,
    )
    from agent_perf.components.events.channels import ChannelKind, channel_kind, is_cache_channel
    from agent_perf.components.events.delivery import DeliveryGuarantee
    from agent_perf.components.events.event import Event, make_event
    from agent_perf.components.events.flushing import FlushPolicy, Overflow, flush_count
    from agent_perf.components.events.leftovers import EventFile, Leftovers
    from agent_perf.components.events.pool import PusherPool, PusherPoolStats
    from agent_perf.components.events.pusher import PusherClient
    from agent_perf.components.events.recent_keys import RecentKeys
    from agent_perf.components.events.registry import (
        Channel,
        ChannelRegistry,
        ChannelRegistryStats,
    )
    from agent_perf.components.events.signing import Signer
    from agent_perf.components.events.webhook import Webhook, WebhookEvent, read_webhook

__all__ = [
    "AiohttpClient",
    "BatcherStats",
    "Channel",
    "ChannelAuth",
    "ChannelAuthStats",
    "ChannelKind",
    "ChannelRegistry",
    "ChannelRegistryStats",
    "ChannelToken",
    "DeliveryGuarantee",
    "Event",
    "EventBatcher",
    "EventFile",
    "FlushPolicy",
    "Leftovers",
    "Overflow",
    "PresenceMember",
    "PusherClient",
    "PusherPool",
    "PusherPoolStats",
    "RecentKeys",
    "Signer",
    "Webhook",
    "WebhookEvent",
    "channel_kind",
    "flush_count",
    "is_cache_channel",
    "make_event",
    "read_webhook",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "aiohttp_client": ("AiohttpClient",),
        "batcher": ("EventBatcher",),
        "batcher_stats": ("BatcherStats",),
        "channel_auth": (
            "ChannelAuth",
            "ChannelAuthStats",
            "ChannelToken",
            "PresenceMember",
        ),
        "channels": (
            "ChannelKind",
            "channel_kind",
            "is_cache_channel",
        ),
        "delivery": ("DeliveryGuarantee",),
        "flushing": (
            "FlushPolicy",
            "Overflow",
            "flush_count",
        ),
        "leftovers": (
            "EventFile",
            "Leftovers",
        ),
        "event": (
            "Event",
            "make_event",
        ),
        "pool": (
            "PusherPool",
            "PusherPoolStats",
        ),
        "pusher": ("PusherClient",),
        "recent_keys": ("RecentKeys",),
        "registry": (
            "Channel",
            "ChannelRegistry",
            "ChannelRegistryStats",
        ),
        "signing": ("Signer",),
        "webhook": (
            "Webhook",
            "WebhookEvent",
            "read_webhook",
        ),
    },
)
