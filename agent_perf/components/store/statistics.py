"""
What a store has done.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """
    What a store has done since it was made.

    Attributes:
        hits: Keys found, those that hold None included.
        misses: Keys not found, invalidated by a tag, unreadable, or asked while Redis was down.
        refused: Values found that were damaged, foreign or of another type.
        writes: Values written.
        bytes_read: Bytes of the values found in Redis.
        bytes_written: Bytes of the values written.
        failures: Calls that Redis did not answer.
        refreshes: Values computed anew while a stale one was served.
        refresh_failures: Those that failed.
    """

    hits: int
    misses: int
    refused: int
    writes: int
    bytes_read: int
    bytes_written: int
    failures: int
    refreshes: int = 0
    refresh_failures: int = 0

    @property
    def hit_ratio(self) -> float:
        """Hits per key asked for, 0 to 1; 0 before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class Tally:
    """The counts of StoreStats, as they grow."""

    __slots__ = (
        "bytes_read",
        "bytes_written",
        "hits",
        "misses",
        "refresh_failures",
        "refreshes",
        "refused",
        "writes",
    )

    def __init__(self) -> None:
        self.hits = self.misses = self.refused = self.writes = 0
        self.bytes_read = self.bytes_written = 0
        self.refreshes = self.refresh_failures = 0

    def freeze(self, failures: int, near_hits: int) -> StoreStats:
        """Return the counts now, with *failures* of the guard and hits of the near tier."""
        counts = {name: getattr(self, name) for name in self.__slots__}
        counts["hits"] += near_hits
        return StoreStats(failures=failures, **counts)
