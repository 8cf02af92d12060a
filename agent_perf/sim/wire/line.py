"""
One direction of a connection as arithmetic: when bytes arrive, and how many may leave.

Latency and bandwidth as in a pipe model of a network: a segment leaves when the line is
free, takes its size through the bandwidth, then the propagation. A receiver that does
not read closes the window: TCP's flow control, RFC 9293, section 3.8.6.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from agent_perf.errors import ConfigError
from agent_perf.units import NS

BYTES_PER_S: Final = 125_000_000
"""One gigabit a second."""
WINDOW_BYTES: Final = 131_072
"""Linux's default receive buffer: ``net.ipv4.tcp_rmem``, second value, ip-sysctl.rst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """
    What the way to a host is like.

    Attributes:
        service: Names the latency tables, the count and the span: ``redis`` takes draws of
            ``redis.connect`` for a handshake and of ``redis.trip`` for there and back.
        bytes_per_s: Bandwidth each way of each connection, >= 1; None: without limit.
        window_bytes: Unread bytes that a receiver takes, >= 1; None: without limit.
        segment_bytes: The largest piece in which bytes arrive, >= 1; None: what was
            written at one instant arrives at once.
    """

    service: str = "http"
    bytes_per_s: int | None = BYTES_PER_S
    window_bytes: int | None = WINDOW_BYTES
    segment_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("bytes_per_s", "window_bytes", "segment_bytes"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigError(f"link {name}={value!r}; want None or an integer >= 1")


class Line:
    """
    One direction of one connection.

    Attributes:
        half_ns: Propagation of what leaves from now on; whoever sends sets it.
    """

    __slots__ = ("_acks", "_free_ns", "_in_flight", "_last_ns", "_link", "half_ns")

    def __init__(self, link: Link) -> None:
        self.half_ns = 0
        self._link = link
        self._free_ns = 0
        self._last_ns = 0
        self._in_flight = 0
        self._acks: deque[tuple[int, int]] = deque()

    def arrival_ns(self, now_ns: int, size_bytes: int) -> int:
        """Return when *size_bytes* that are sent now arrive: in order, and after now."""
        rate = self._link.bytes_per_s
        if rate is None:
            leave_ns = now_ns
        else:
            # Rounded up: the last bit has to be there.
            leave_ns = max(now_ns, self._free_ns) - -size_bytes * NS // rate
            self._free_ns = leave_ns
        self._last_ns = max(self._last_ns, leave_ns + self.half_ns, now_ns + 1)
        return self._last_ns

    def room(self, now_ns: int) -> int | None:
        """Return how many bytes may leave now, >= 0; None: any number."""
        window = self._link.window_bytes
        if window is None:
            return None
        acks = self._acks
        while acks and acks[0][0] <= now_ns:
            self._in_flight -= acks.popleft()[1]
        return window - self._in_flight

    def sent(self, size_bytes: int) -> None:
        """Take note that *size_bytes* have left; not more than there was `room` for."""
        self._in_flight += size_bytes

    def consumed(self, now_ns: int, size_bytes: int) -> None:
        """Take note that the receiver has read *size_bytes*; the sender learns it later."""
        if self._link.window_bytes is not None:
            self._acks.append((now_ns + self.half_ns, size_bytes))

    def next_ack_ns(self) -> int | None:
        """Return when the window will next open; None: when the receiver reads."""
        return self._acks[0][0] if self._acks else None
