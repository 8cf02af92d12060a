"""
One connection through a proxy: its two ends, and a pipe each way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Final

from agent_perf.live.chaos.pipe import Pipe
from agent_perf.live.chaos.toxic import Toxic, ToxicKind, Way, effect_of

_BUFFER_BYTES: Final = 256 * 1024
"""Written and not yet taken, before the other end is to wait."""

_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Link:
    """
    What a client and a service say each other.

    Args:
        ordinal: Its number among those of the proxy, from 1.
        opened: Is told when the client is there.
        forget: Is told when it is over.
    """

    def __init__(
        self, ordinal: int, *, opened: Callable[[Link], None], forget: Callable[[Link], None]
    ) -> None:
        self.ordinal = ordinal
        self.client = _End(self, Way.UP)
        self.service = _End(self, Way.DOWN)
        self.client.join(self.service)
        self.service.join(self.client)
        self._opened = opened
        self._forget = forget
        self._toxics: tuple[Toxic, ...] = ()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._is_over

    @property
    def is_held(self) -> bool:
        """Whether nothing gets through to the service now."""
        return any(
            one.kind in (ToxicKind.PARTITION, ToxicKind.BLACKHOLE) and one.way.takes(Way.UP)
            for one in self._toxics
        )

    def set_toxics(self, toxics: tuple[Toxic, ...]) -> None:
        """Suffer *toxics*, all of which strike it, from now on."""
        new = [one for one in toxics if one not in self._toxics]
        gone = [one for one in self._toxics if one not in toxics]
        if not new and not gone:
            return
        self._toxics = toxics
        if any(one.kind is ToxicKind.BLACKHOLE for one in gone):
            # What was sent into it is lost for ever, and no stream goes on with a hole.
            self.reset()
        if any(one.kind is ToxicKind.REFUSE for one in new):
            self.reset()
        for end in (self.client, self.service):
            if self._is_over:
                return
            end.pipe.set_effect(effect_of(toxics, end.way, self.ordinal))
            ending = [one for one in toxics if one.kind in _ENDING and one.way.takes(end.way)]
            if any(one in new for one in ending) or (gone and not ending):
                end.pipe.stop_after(min((one.after_bytes for one in ending), default=None))

    def end_reached(self) -> None:
        """Break it off: as much as a toxic allows has passed."""
        if any(one.kind is ToxicKind.RESET for one in self._toxics):
            self.reset()
        else:
            self._finish()
            for end in (self.client, self.service):
                end.close()

    def reset(self) -> None:
        """End it by RST on both sides."""
        self._finish()
        for end in (self.client, self.service):
            end.abort()

    def lost(self, error: Exception | None) -> None:
        """Take note that one end is gone: so is the other, in the same manner."""
        if self._is_over:
            return
        if error is not None:
            self.reset()
            return
        self._finish()
        for end in (self.client, self.service):
            end.close()

    def made(self, end: _End) -> None:
        """Take note that *end* is connected; the client's always is first."""
        if end is self.client:
            # It says nothing yet: there is nobody to hear it.
            end.pipe.hold_up(is_full=True)
            self._opened(self)
        else:
            self.client.pipe.hold_up(is_full=False)

    def end_written(self) -> None:
        """Take note that one way has come to its end; with the other one, all has."""
        if self.client.has_written_end and self.service.has_written_end:
            self._finish()
            for end in (self.client, self.service):
                end.close()

    def _finish(self) -> None:
        if not self._is_over:
            self._is_over = True
            for end in (self.client, self.service):
                end.pipe.close()
            self._forget(self)


_ENDING: Final = (ToxicKind.RESET, ToxicKind.TRUNCATE)


class _End(asyncio.Protocol):
    """One end: what it reads goes into its pipe, which leads to the far end."""

    pipe: Pipe
    _far: _End

    def __init__(self, link: Link, way: Way) -> None:
        self.way = way
        self.has_written_end = False
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._is_slowed = False

    def join(self, far: _End) -> None:
        """Lead what is read here to *far*."""
        self._far = far
        self.pipe = Pipe(
            write=far.write,
            write_end=far.write_end,
            slow_down=self._slow_down,
            ended=self._link.end_reached,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._link.is_over:
            self.abort()
            return
        transport.set_write_buffer_limits(high=_BUFFER_BYTES)
        if self._is_slowed:
            transport.pause_reading()
        self._link.made(self)

    def data_received(self, data: bytes) -> None:
        """Pass *data* on."""
        self.pipe.feed(data)

    def eof_received(self) -> bool:
        """Pass on that no more will come; the other way stays open."""
        self.pipe.feed_end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Let the link know."""
        self._link.lost(error)

    def pause_writing(self) -> None:
        """Hold up what leads here."""
        self._far.pipe.hold_up(is_full=True)

    def resume_writing(self) -> None:
        """Let it come again."""
        self._far.pipe.hold_up(is_full=False)

    def write(self, data: bytes | memoryview) -> None:
        """Send *data* out here."""
        assert self._transport is not None
        self._transport.write(data)

    def write_end(self) -> None:
        """Say here that no more will come."""
        assert self._transport is not None
        self.has_written_end = True
        if not self._transport.is_closing():
            # The far side may have gone meanwhile; its end is told by connection_lost.
            with contextlib.suppress(OSError):
                self._transport.write_eof()
        self._link.end_written()

    def close(self) -> None:
        """End it when all is written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it by RST, at once."""
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        # Of a Unix socket there is no RST; and a socket that is closed already has no options.
        if sock is not None and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def _slow_down(self, slow: bool) -> None:
        self._is_slowed = slow
        if self._transport is None or self._transport.is_closing():
            return
        if slow:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
