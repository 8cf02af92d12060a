"""
What the policies of the in-process cache have in common: bounds, counts, and their interface.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent_perf.errors import ConfigError

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)
V_contra = TypeVar("V_contra", contravariant=True)
D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds(Generic[V]):
    """
    How many entries, how many bytes, how long.

    Attributes:
        entries_max: Entries held at most, >= 1.
        bytes_max: Bytes held at most, >= 1; None for no such bound.
        ttl_s: Time to live where none is given, > 0; None for ever.
        size_of: Size in bytes of a key and its value; asked only under *bytes_max*.
        now_s: Clock in seconds.
    """

    entries_max: int
    bytes_max: int | None
    ttl_s: float | None
    size_of: Callable[[Hashable, V], int]
    now_s: Callable[[], float]

    def __post_init__(self) -> None:
        if self.entries_max < 1 or (self.bytes_max is not None and self.bytes_max < 1):
            raise ConfigError(
                f"entries_max={self.entries_max}, bytes_max={self.bytes_max}; want >= 1"
            )
        if self.ttl_s is not None:
            checked_ttl(self.ttl_s)


class Tally:
    """Counts that change with every lookup: an attribute each, because that is quick."""

    __slots__ = (
        "evictions",
        "expired",
        "hits",
        "misses",
        "refresh_failures",
        "refreshes",
        "rejected",
        "room",
        "size_bytes",
        "stale",
    )

    def __init__(self, entries_max: int) -> None:
        self.hits = self.misses = self.stale = 0
        self.evictions = self.expired = self.rejected = 0
        self.refreshes = self.refresh_failures = 0
        self.size_bytes = 0
        # Entries that may still come before one must go.
        self.room = entries_max


class Get(Protocol[V_co]):
    """A lookup that counts as a use."""

    def __call__(self, key: Hashable, default: D) -> V_co | D:
        """Return the live value of *key*, or *default*."""


class Put(Protocol[V_contra]):
    """
    What stores.

    Its times may be given by position: CPython calls functions with keyword-only arguments
    the long way, which costs a sixth of the whole.
    """

    def __call__(
        self, key: Hashable, value: V_contra, ttl_s: float | None = None, stale_s: float = 0.0
    ) -> None:
        """Store *value*: for *ttl_s*, else for the cache's own, and stale for *stale_s* more."""


class Entries(Protocol[V]):
    """Entries under a policy, which says who goes when there are too many."""

    @property
    def get(self) -> Get[V]:
        """What looks a key up."""

    @property
    def put(self) -> Put[V]:
        """What stores a value, and checks its times."""

    def look(self, key: Hashable) -> tuple[V, float | None, float | None] | None:
        """Return value, expiry and end of staleness of *key*, without counting it as a use."""

    def remove(self, key: Hashable) -> bool:
        """Remove *key*; return whether it was there."""

    def clear(self) -> None:
        """Remove everything."""

    def purge(self, now_s: float) -> int:
        """Remove what is neither live nor stale; return how many."""

    def __len__(self) -> int: ...


def checked_ttl(ttl_s: float) -> float:
    """Return *ttl_s* if it is > 0, and raise ConfigError if not."""
    if not ttl_s > 0:
        raise bad_ttl(ttl_s)
    return ttl_s


def bad_ttl(ttl_s: float) -> ConfigError:
    """Return the error for *ttl_s*."""
    return ConfigError(f"ttl_s={ttl_s}; want > 0, or None for entries that do not expire")


def checked_stale(stale_s: float) -> float:
    """Return *stale_s* if it is >= 0 and finite, and raise ConfigError if not."""
    if not 0 <= stale_s < math.inf:
        raise ConfigError(f"stale_s={stale_s}; want >= 0 and finite, 0 for never stale")
    return stale_s
