"""
What a proxy does to the connections through it, and to which of them.
"""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import ConfigError


class ToxicKind(enum.Enum):
    """What is done."""

    LATENCY = "latency"
    BANDWIDTH = "bandwidth"
    SLICES = "slices"
    PARTITION = "partition"
    BLACKHOLE = "blackhole"
    REFUSE = "refuse"
    RESET = "reset"
    TRUNCATE = "truncate"


class Way(enum.Enum):
    """Which way bytes go: from the client up to the service, or down from it."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    def takes(self, other: Way) -> bool:
        """Return whether *other*, up or down, is among what this is."""
        return self in (Way.BOTH, other)


_NEEDS: Final = {
    ToxicKind.LATENCY: ("latency_s", "jitter_s"),
    ToxicKind.BANDWIDTH: ("bytes_per_s",),
    ToxicKind.SLICES: ("slice_bytes",),
}
_MAY_HAVE: Final = {
    ToxicKind.LATENCY: frozenset({"latency_s", "jitter_s"}),
    ToxicKind.BANDWIDTH: frozenset({"bytes_per_s"}),
    ToxicKind.SLICES: frozenset({"slice_bytes", "latency_s"}),
    ToxicKind.RESET: frozenset({"after_bytes"}),
    ToxicKind.TRUNCATE: frozenset({"after_bytes"}),
}
_AMOUNTS: Final = ("latency_s", "jitter_s", "bytes_per_s", "slice_bytes", "after_bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxic:
    """
    One thing that a proxy does while it is on.

    Attributes:
        name: What draws and messages call it.
        kind: ``latency`` delays each piece, ``bandwidth`` lets so many bytes a second pass,
            ``slices`` passes on small pieces; ``partition`` holds everything until it is off,
            as TCP does; ``blackhole`` does so, and then the connections are dead; ``refuse``
            cuts all and takes no connection; ``reset`` and ``truncate`` end a connection, by
            RST or as if all had been said.
        way: Which bytes it concerns.
        latency_s: Added to each piece, >= 0; of slices: between two.
        jitter_s: Up to so much is added, drawn anew for each piece, >= 0.
        bytes_per_s: > 0.
        slice_bytes: Most bytes in a piece, >= 1.
        after_bytes: So many bytes of *way* pass before the end, >= 0; from when it is on.
        first: Strikes only the first so many connections that are opened while it is on.
        probability: Share of the connections that it strikes, in (0, 1].
        seed: Of the draws.
    """

    name: str
    kind: ToxicKind
    way: Way = Way.DOWN
    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    slice_bytes: int = 0
    after_bytes: int = 0
    first: int | None = None
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        what = f"fault {self.name}"
        for name in _AMOUNTS:
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"{what}: {name}={value}; want finite, >= 0")
            if value and name not in _MAY_HAVE.get(self.kind, ()):
                raise ConfigError(f"{what}: {name}={value} has no meaning for {self.kind.value}")
        needs = _NEEDS.get(self.kind, ())
        if needs and not any(getattr(self, name) for name in needs):
            raise ConfigError(f"{what} changes nothing; give {' or '.join(needs)} > 0")
        if not 0 < self.probability <= 1:
            raise ConfigError(f"{what}: probability={self.probability}; want a share in (0, 1]")
        if self.first is not None and self.first < 1:
            raise ConfigError(f"{what}: first={self.first}; want 1 or more connections")
        if self.kind is ToxicKind.REFUSE and (self.first is not None or self.probability < 1):
            raise ConfigError(f"{what}: a port refuses all or none; want kind = reset for some")

    def strikes(self, ordinal: int, since: int = 0) -> bool:
        """
        Return whether it strikes connection number *ordinal*, from 1, of a proxy.

        Args:
            ordinal: In the order in which they were opened.
            since: How many had been opened when it was switched on.
        """
        if self.first is not None and not since < ordinal <= since + self.first:
            return False
        return self.probability == 1 or self.draws(ordinal).random() < self.probability

    def draws(self, ordinal: int, way: str = "") -> random.Random:
        """Return the source of its chances for connection number *ordinal*."""
        return random.Random(f"{self.seed}/{self.name}/{ordinal}/{way}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """
    What all toxics together do to one way of one connection.

    Attributes:
        latency_s: Added to each piece.
        jitters: What may be added, of each toxic, with where it is drawn.
        bytes_per_s: None: as fast as it goes.
        slice_bytes: None: pieces as they come.
        gap_s: Between two pieces.
        is_held: Whether nothing passes.
    """

    latency_s: float = 0.0
    jitters: tuple[tuple[float, random.Random], ...] = ()
    bytes_per_s: float | None = None
    slice_bytes: int | None = None
    gap_s: float = 0.0
    is_held: bool = False

    def delay_s(self) -> float:
        """Return by how much the next piece is late; each call draws anew."""
        return self.latency_s + sum(size * draws.random() for size, draws in self.jitters)


NO_EFFECT: Final = Effect()


def effect_of(toxics: Iterable[Toxic], way: Way, ordinal: int) -> Effect:
    """Return what *toxics*, all of which strike connection *ordinal*, do to its *way*."""
    mine = [one for one in toxics if one.way.takes(way)]
    lasting = [one for one in mine if one.kind is ToxicKind.LATENCY]
    holds = any(one.kind in (ToxicKind.PARTITION, ToxicKind.BLACKHOLE) for one in mine)
    effect = Effect(
        latency_s=sum(one.latency_s for one in lasting),
        jitters=tuple(
            (one.jitter_s, one.draws(ordinal, way.value)) for one in lasting if one.jitter_s
        ),
        bytes_per_s=min((one.bytes_per_s for one in mine if one.bytes_per_s), default=None),
        slice_bytes=min((one.slice_bytes for one in mine if one.slice_bytes), default=None),
        gap_s=sum(one.latency_s for one in mine if one.kind is ToxicKind.SLICES),
        is_held=holds,
    )
    return NO_EFFECT if effect == NO_EFFECT else effect
