"""
What a cache has done, and the default that no cached value can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, Literal


class Missing(Enum):
    """The type of MISSING."""

    MISSING = "missing"


MISSING: Final[Literal[Missing.MISSING]] = Missing.MISSING
"""A default that no cached value can be: tells a cached None from a miss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """
    What a cache has done since it was made.

    Attributes:
        hits: Lookups that were answered, by None or by a stale value too.
        misses: Lookups that found nothing, or an expired entry.
        stale: Those of the hits that were answered by an expired entry, see *stale_s*.
        refreshes: Computations begun in the background because of them.
        refresh_failures: Those of the refreshes that failed.
        evictions: Live or expired entries that made room for others.
        expired: Entries found expired and removed.
        rejected: Values not stored because one alone exceeds the byte bound.
        entry_count: Entries held now, expired ones included.
        size_bytes: What they were sized at; 0 without a byte bound.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"entry_count", "size_bytes"})

    hits: int
    misses: int
    stale: int
    refreshes: int
    refresh_failures: int
    evictions: int
    expired: int
    rejected: int
    entry_count: int
    size_bytes: int

    @property
    def hit_ratio(self) -> float:
        """Hits per lookup, 0 to 1; 0 before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskStats:
    """
    What a disk cache has done since it was made, in this process.

    Attributes:
        hits: Lookups that found a live entry.
        misses: Lookups that did not, those that failed included.
        stores: Values stored.
        rejected: Values not stored because one alone exceeds the byte bound.
        failures: Batches that failed, or were not tried, because of the disk.
        batches: Times that the disk was asked for something.
        evictions: Entries that made room for others.
        expired: Entries found expired while room was made, and removed.
        damaged: Entries found whose bytes were not those that were stored, or no value.
        set_aside: Times that the file was found damaged and a new one begun.
        waiting_count: Calls that wait for the disk now.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"waiting_count"})

    hits: int
    misses: int
    stores: int
    rejected: int
    failures: int
    batches: int
    evictions: int
    expired: int
    damaged: int
    set_aside: int
    waiting_count: int

    @property
    def hit_ratio(self) -> float:
        """Hits per lookup, 0 to 1; 0 before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersStats:
    """
    What a layered cache has done since it was made; see layer_stats for each layer.

    Attributes:
        hits: Lookups that some layer answered.
        misses: Lookups that none did.
        computations: Values computed because of misses.
        failures: Calls that a layer failed, and that went on without it.
        copies: Values copied into upper layers from lower ones.
        outdated: Values not kept because their key was set or deleted meanwhile.
    """

    hits: int
    misses: int
    computations: int
    failures: int
    copies: int
    outdated: int

    @property
    def hit_ratio(self) -> float:
        """Hits per lookup, 0 to 1; 0 before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else 0.0
