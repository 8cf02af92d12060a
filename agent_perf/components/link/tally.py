"""
What a RedisLink has done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class Tally:
    """Work that the connections of one link add up; see LinkStats."""

    commands: int = 0
    round_trips: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    connects: int = 0
    connect_failures: int = 0
    reconnects: int = 0
    timeouts: int = 0
    late_replies: int = 0
    lost: int = 0
    refused: int = 0
    pushes: int = 0
    pending_max: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """
    What a link has done since it was made.

    Attributes:
        commands: Commands it was given, those of batches and repeated ones each.
        round_trips: Writes: all commands of one turn of the loop are one.
        bytes_sent: Of commands.
        bytes_received: Of replies and pushes.
        connects: Connections that were made.
        connect_failures: Attempts that failed.
        reconnects: Those among *connects* that replaced a lost one.
        timeouts: Calls that got no reply in time.
        late_replies: Replies whose callers had given up.
        lost: Calls that the end of a connection left without reply.
        refused: Calls that were refused unsent: too many pending, or Redis known to be away.
        pushes: Push messages.
        connections: Open now.
        pending: Calls without reply now.
        pending_max: Most calls without reply at once on one connection.
    """

    LEVELS: ClassVar[frozenset[str]] = frozenset({"connections", "pending", "pending_max"})

    commands: int
    round_trips: int
    bytes_sent: int
    bytes_received: int
    connects: int
    connect_failures: int
    reconnects: int
    timeouts: int
    late_replies: int
    lost: int
    refused: int
    pushes: int
    connections: int
    pending: int
    pending_max: int
