"""A cache in this process, and what every cache needs: keys, sizes, one flight per key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent_perf.components.door import open_door

if TYPE_CHECKING:
    from agent_perf.components.cache.disk import DiskCache, inline
    from agent_perf.components.cache.flight import Flights
    from agent_perf.components.cache.keys import call_key, text_key
    from agent_perf.components.cache.layer import LayerCache, LayerStats
    from agent_perf.components.cache.layers import Layers
    from agent_perf.components.cache.memory import MemoryCache
    from agent_perf.components.cache.stats import MISSING, CacheStats, DiskStats, LayersStats
    from agent_perf.components.cache.warming import Warmable, Warmer, WarmStats

__all__ = [
    "MISSING",
    "CacheStats",
    "DiskCache",
    "DiskStats",
    "Flights",
    "LayerCache",
    "LayerStats",
    "Layers",
    "LayersStats",
    "MemoryCache",
    "WarmStats",
    "Warmable",
    "Warmer",
    "call_key",
    "inline",
    "text_key",
]

__getattr__, __dir__ = open_door(
    __name__,
    {
        "disk": (
            "DiskCache",
            "inline",
        ),
        "flight": ("Flights",),
        "keys": (
            "call_key",
            "text_key",
        ),
        "layer": ("LayerCache", "LayerStats"),
        "layers": ("Layers",),
        "memory": ("MemoryCache",),
        "stats": ("MISSING", "CacheStats", "DiskStats", "LayersStats"),
        "warming": ("WarmStats", "Warmable", "Warmer"),
    },
)
