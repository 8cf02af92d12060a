"""A cache in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.store.batch import Batch, Later
    from agent_perf.components.store.compression import Compressor, Lz4
    from agent_perf.components.store.near import NearStats, NearTier
    from agent_perf.components.store.redis_store import RedisStore
    from agent_perf.components.store.serializer import Serializer
    from agent_perf.components.store.statistics import StoreStats
    from agent_perf.components.store.zstd import Zstd, train_dictionary

__all__ = [
    "Batch",
    "Compressor",
    "Later",
    "Lz4",
    "NearStats",
    "NearTier",
    "RedisStore",
    "Serializer",
    "StoreStats",
    "Zstd",
    "train_dictionary",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "batch": ("Batch", "Later"),
        "compression": ("Compressor", "Lz4"),
        "near": ("NearStats", "NearTier"),
        "redis_store": ("RedisStore",),
        "serializer": ("Serializer",),
        "statistics": ("StoreStats",),
        "zstd": ("Zstd", "train_dictionary"),
    },
)
