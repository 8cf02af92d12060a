"""
Where a program's connections to a service really lead, and who listens in on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

Data = bytes | bytearray | memoryview


class Tap(Protocol):
    """What listens in on one connection."""

    def sent(self, data: Data) -> None:
        """Take note of what the client writes, in the client's own context."""

    def received(self, data: Data) -> None:
        """Take note of what arrives."""

    def lost(self) -> None:
        """Take note that the connection is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    The way to one service.

    Attributes:
        address: Gives its host and port; asked for each connection.
        tap: Makes what listens in on one connection.
    """

    address: Callable[[], tuple[str, int]]
    tap: Callable[[], Tap]

    def tapped(self, protocol: asyncio.BaseProtocol) -> TappedProtocol:
        """Return what stands between *protocol* and its transport, listening."""
        return TappedProtocol(protocol, self.tap())


class TappedProtocol(asyncio.Protocol):
    """
    A protocol that passes everything on to *inner*, and tells *tap*.

    Attributes:
        transport: What *inner* writes to.
    """

    transport: TappedTransport

    def __init__(self, inner: Any, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand on a transport that tells, too."""
        self.transport = TappedTransport(transport, self._tap)
        self._inner.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        """Hand on what arrives."""
        self._tap.received(data)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on that no more will arrive."""
        answer: bool | None = self._inner.eof_received()
        return answer

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on that it is over."""
        self._tap.lost()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """Hand on that the way is full."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that there is room again."""
        self._inner.resume_writing()


class TappedTransport(asyncio.Transport):
    """A transport that tells *tap* of what is written, and is *inner* in all else."""

    def __init__(self, inner: Any, tap: Tap) -> None:
        super().__init__()
        self._inner = inner
        self._tap = tap

    def write(self, data: Data) -> None:
        """Send *data*."""
        self._tap.sent(data)
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """Send all of *list_of_data* at once."""
        self.write(b"".join(list_of_data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the connection tells of itself."""
        return self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        closing: bool = self._inner.is_closing()
        return closing

    def close(self) -> None:
        """Close once all is sent."""
        self._inner.close()

    def abort(self) -> None:
        """Close at once."""
        self._inner.abort()

    def can_write_eof(self) -> bool:
        """Return whether either way can be closed by itself."""
        can: bool = self._inner.can_write_eof()
        return can

    def write_eof(self) -> None:
        """Send no more."""
        self._inner.write_eof()

    def pause_reading(self) -> None:
        """Receive nothing until `resume_reading`."""
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        self._inner.resume_reading()

    def is_reading(self) -> bool:
        """Return whether it receives."""
        reads: bool = self._inner.is_reading()
        return reads

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set how much may wait to be sent."""
        self._inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how much waits to be sent."""
        size: int = self._inner.get_write_buffer_size()
        return size

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let *protocol* be told from now on; the tap still is."""
        self._inner.set_protocol(TappedProtocol(protocol, self._tap))

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who is told."""
        protocol: asyncio.BaseProtocol = self._inner.get_protocol()
        return protocol
