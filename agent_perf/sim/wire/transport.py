"""
One end of a connection in memory: asyncio's transport, over two modelled lines.

What asyncio and the kernel do is kept apart, as programs see both: bytes that the
kernel would have taken leave even if the transport is aborted; an end that is closed
with bytes unread, or that gets some later, answers with a reset: RFC 9293, 3.6 and 3.10.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from agent_perf.sim.wire.line import Line
from agent_perf.sim.wire.outlet import Address, Outlet
from agent_perf.sim.wire.sockets import WireSocket
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop

READ_BYTES: Final = 262_144
"""What asyncio reads at once: ``_SelectorSocketTransport.max_size``."""
_RESET: Final = "Connection reset by peer"


class WireTransport(Outlet):
    """
    One end: what `Outlet` writes, and what arrives.

    Args:
        loop: The running loop.
        line: The direction in which this end sends.
        own: This end's address.
        other: The other end's.
        segment_bytes: As in Link.

    Attributes:
        peer: The other end.
        on_lost: Called when this end is gone.
        blocked: Asked, on arrival, how long nothing passes, in ns; None: all passes.
    """

    peer: WireTransport

    def __init__(
        self,
        loop: SimLoop,
        line: Line,
        *,
        own: Address,
        other: Address,
        segment_bytes: int | None,
    ) -> None:
        super().__init__(loop, line, own=own, other=other, segment_bytes=segment_bytes)
        self.on_lost: list[Callable[[], object]] = []
        self.blocked: Callable[[], int] | None = None
        self._socket = WireSocket(own, other, self._is_readable)
        self._inbox: deque[bytes | None] = deque()
        self._reading_paused = False
        self._draining = False
        self._eof_seen = False

    # -- What protocols call

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``sockname``, ``peername`` or a stand-in for the ``socket``."""
        return self._socket if name == "socket" else super().get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand what arrives to *protocol* from now on."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return cast("asyncio.BaseProtocol", self._protocol)

    def is_closing(self) -> bool:
        """Return True once it is closed, or about to be."""
        return self._closing

    def is_reading(self) -> bool:
        """Return whether what arrives is handed on."""
        return not self._closing and not self._reading_paused

    def pause_reading(self) -> None:
        """Leave what arrives where it is; the sender's window closes."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Hand on what has arrived, and what will."""
        if self._reading_paused and not self._closing:
            self._reading_paused = False
            self._drain_later()

    def close(self) -> None:
        """Close when all is sent."""
        if self._closing:
            return
        self._flush()
        self._closing = True
        if not self._unsent:
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """Close now; what the kernel has already still leaves."""
        self._flush()
        self._force(None)

    def reset(self, reason: str) -> None:
        """Break the connection, as a fault does: here now, at the other end on arrival."""
        if not self._lost:
            self._fin_sent = True
            self._post(0, self.peer.cut, reason)
            self._force(ConnectionResetError(104, reason))

    def forsake(self) -> None:
        """End both ends without a word: the simulation is over."""
        self._closing = self._lost = self.peer._closing = self.peer._lost = True

    # -- Receiving

    def arrive(self, data: bytes | None, half_ns: int) -> None:
        """Take *data* from the other end, None for its end, that took *half_ns* to come."""
        if self.blocked is not None and (wait_ns := self.blocked()):
            self._loop.call_later(wait_ns / NS, self.arrive, data, half_ns)
            return
        if self.tap is None:
            # The way back takes as long as the way there: one draw for a round trip.
            self.line.half_ns = half_ns
        if self._lost:
            if data is not None:
                self._post(0, self.peer.cut, _RESET)
        elif self._reading_paused or self._closing or self._inbox:
            self._inbox.append(data)
        else:
            self._deliver(data)

    def cut(self, reason: str) -> None:
        """Take note that the other end has broken the connection."""
        if self.blocked is not None and (wait_ns := self.blocked()):
            self._loop.call_later(wait_ns / NS, self.cut, reason)
            return
        self._inbox.clear()
        self._fin_sent = True
        self._force(ConnectionResetError(104, reason))

    def _drain_later(self) -> None:
        if self._inbox and not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._draining = False
        inbox = self._inbox
        if not inbox or self._reading_paused or self._closing:
            return
        data = inbox.popleft()
        if data is not None and inbox and inbox[0] is not None:
            # As one read of the socket would give it.
            parts, size_bytes = [data], len(data)
            while inbox and (more := inbox[0]) is not None and size_bytes < READ_BYTES:
                parts.append(more)
                size_bytes += len(more)
                inbox.popleft()
            data = b"".join(parts)
        self._drain_later()
        self._deliver(data)

    def _deliver(self, data: bytes | None) -> None:
        try:
            if data is None:
                self._eof_seen = True
                if not self._protocol.eof_received():
                    self.close()
                return
            if self.tap is not None:
                self.tap.received(len(data))
            self.peer.line.consumed(self._loop.now_ns, len(data))
            self.peer.await_window()
            if isinstance(self._protocol, asyncio.BufferedProtocol):
                _feed(self._protocol, data)
            else:
                self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  # As asyncio: it ends the connection.
            message = "Fatal error: the protocol failed on what it received."
            context = {"message": message, "exception": error, "transport": self}
            self._loop.call_exception_handler({**context, "protocol": self._protocol})
            self._force(error)

    # -- Ending

    def receiver(self) -> WireTransport:
        """Return the other end."""
        return self.peer

    def all_sent(self) -> None:
        """Take note, once it is closing, that nothing is left to send."""
        self._lose(None)

    def _is_readable(self) -> bool:
        return self._closing or self._eof_seen or bool(self._inbox)

    def _force(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._out.clear()
        self._unsent.clear()
        self._closing = True
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: BaseException | None) -> None:
        if self._lost:
            return
        self._lost = True
        if self._ack_timer is not None:
            self._ack_timer.cancel()
        if any(data is not None for data in self._inbox):
            self._fin_sent = True
            self._post(0, self.peer.cut, _RESET)
        self._send_fin()
        self._inbox.clear()
        if self.tap is not None:
            self.tap.lost()
        protocol, self._protocol = self._protocol, None
        try:
            protocol.connection_lost(error)
        finally:
            for call in self.on_lost:
                call()


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    left = memoryview(data)
    while left:
        buffer = memoryview(cast("bytearray", protocol.get_buffer(len(left)))).cast("B")
        size = min(len(buffer), len(left))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:size] = left[:size]
        protocol.buffer_updated(size)
        left = left[size:]
