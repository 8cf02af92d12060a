"""
The half of a transport that writes: what leaves now, and what waits for the window.
"""

from __future__ import annotations

import asyncio
from asyncio.transports import _FlowControlMixin
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from agent_perf.sim.wire.line import Line
from agent_perf.units import NS

if TYPE_CHECKING:
    from agent_perf.sim.loop import SimLoop

Data = bytes | bytearray | memoryview
Address = tuple[str, int]


class Tap(Protocol):
    """Who looks at one connection from its client's side, in the context of what it sees."""

    def sent(self, size_bytes: int) -> int:
        """Take note of what was written at one instant; return its way there in ns."""

    def received(self, size_bytes: int) -> None:
        """Take note that this much has arrived at the client."""

    def lost(self) -> None:
        """Take note that the client's end is gone."""


class Receiver(Protocol):
    """The other end, as far as a writer knows it."""

    def arrive(self, data: bytes | None, half_ns: int) -> None:
        """Take *data*, None for its end, that took *half_ns* to come."""


class Outlet(_FlowControlMixin, asyncio.Transport):
    """
    Writes. What writes at one instant have in common leaves together, as one piece.

    Args:
        loop: The running loop.
        line: The direction in which this end sends.
        own: This end's address.
        other: The other end's.
        segment_bytes: As in Link.

    Attributes:
        tap: Of a client's end; None at the server's.
        line: As given.
    """

    _loop: SimLoop
    _protocol: Any

    def __init__(
        self,
        loop: SimLoop,
        line: Line,
        *,
        own: Address,
        other: Address,
        segment_bytes: int | None,
    ) -> None:
        super().__init__({"sockname": own, "peername": other}, loop)
        self.tap: Tap | None = None
        self.line = line
        self._segment_bytes = segment_bytes
        self._protocol = None
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._unsent = bytearray()
        self._ack_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._lost = False
        self._eof_wanted = False
        self._fin_sent = False

    def receiver(self) -> Receiver:
        """Return the other end."""
        raise NotImplementedError

    def all_sent(self) -> None:
        """Take note, once it is closing, that nothing is left to send."""
        raise NotImplementedError

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait for the window."""
        size = len(self._unsent) + self._out_bytes
        if size:
            room = self.line.room(self._loop.now_ns)
            if room is None:
                return 0
            if not self._unsent:
                size = max(0, size - room)
        return size

    def write(self, data: Data) -> None:
        """Send *data*; what is written at one instant leaves together."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__}")
        if self._eof_wanted:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._closing:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(bytes(data))
        self._out_bytes += len(data)
        self._maybe_pause_protocol()  # type: ignore[attr-defined]  # asyncio's mixin has it.

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        """Send all of *list_of_data*."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return True: connections close one way at a time."""
        return True

    def write_eof(self) -> None:
        """Send no more; go on receiving."""
        if self._closing or self._eof_wanted:
            return
        self._flush()
        self._eof_wanted = True
        if not self._unsent:
            self._send_fin()

    def await_window(self) -> None:
        """Go on sending when the window opens, if there is something left to send."""
        if not self._unsent or self._ack_timer is not None:
            return
        due_ns = self.line.next_ack_ns()
        if due_ns is not None:
            delay_s = max(0, due_ns - self._loop.now_ns) / NS
            self._ack_timer = self._loop.call_later(delay_s, self._window_opened)

    def _flush(self) -> None:
        if not self._out:
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_bytes = 0
        if self.tap is not None:
            self.line.half_ns = self.tap.sent(len(data))
        if self._unsent:
            self._unsent += data
        else:
            self._send(data)

    def _send(self, data: Data) -> None:
        room = self.line.room(self._loop.now_ns)
        if room is not None:
            if len(data) > room:
                self._unsent = bytearray(data[room:])
                data = data[:room]
                self.await_window()
            self.line.sent(len(data))
        data = bytes(data)
        step = self._segment_bytes or len(data) or 1
        for start in range(0, len(data), step):
            piece = data[start : start + step] if step < len(data) else data
            self._post(len(piece), self.receiver().arrive, piece, self.line.half_ns)

    def _send_fin(self) -> None:
        if not self._fin_sent:
            self._fin_sent = True
            self._post(0, self.receiver().arrive, None, self.line.half_ns)

    def _post(self, size_bytes: int, callback: Callable[..., object], *args: object) -> None:
        now_ns = self._loop.now_ns
        due_ns = self.line.arrival_ns(now_ns, size_bytes)
        self._loop.call_later((due_ns - now_ns) / NS, callback, *args)

    def _window_opened(self) -> None:
        self._ack_timer = None
        if self._lost:
            return
        data, self._unsent = self._unsent, bytearray()
        self._send(data)
        self._maybe_resume_protocol()  # type: ignore[attr-defined]  # asyncio's mixin has it.
        if not self._unsent:
            if self._closing:
                self.all_sent()
            elif self._eof_wanted:
                self._send_fin()
