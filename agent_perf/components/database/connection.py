"""
One connection as a pool sees it, and the numbers of a pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol


class Connection(Protocol):
    """
    What a pool can hold.

    Attributes:
        opened_s: When it was opened, by the pool's clock; the pool sets it.
        freed_s: When it was last given back; the pool sets it.
    """

    opened_s: float
    freed_s: float

    def is_open(self) -> bool:
        """Return whether it seems usable, without asking the server."""

    async def settle(self) -> bool:
        """Return whether it is usable after a statement that was cut short; may ask."""

    async def close(self) -> None:
        """Close it in order."""

    def abandon(self) -> None:
        """Close it at once, and tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStats:
    """
    A pool of connections now, and since the beginning.

    Attributes:
        in_use: Connections with a caller.
        idle: Connections that are free.
        opening: Connections being opened.
        settling: Connections being put right or closed.
        waiting: Callers in line.
        open_max: Most connections at once, whatever their fate.
        waiting_max: Most callers in line at once.
        taken: Connections handed out.
        waits: Callers who stood in line.
        wait_s: Seconds they stood there, all together.
        timeouts: Those who left without a connection.
        opened: Connections opened.
        open_errors: Attempts to open one that failed.
        overflow: Connections opened beyond the pool's size.
        closed: Connections closed on purpose: too many, too old, or idle for too long.
        lost: Connections found broken, or beyond being put right.
        settled: Connections put right after a statement that was cut short.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset(
        {"in_use", "idle", "opening", "settling", "waiting", "open_max", "waiting_max"}
    )

    in_use: int
    idle: int
    opening: int
    settling: int
    waiting: int
    open_max: int
    waiting_max: int
    taken: int
    waits: int
    wait_s: float
    timeouts: int
    opened: int
    open_errors: int
    overflow: int
    closed: int
    lost: int
    settled: int
