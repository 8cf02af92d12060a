"""
One connection to Redis that many callers share: each reply reaches the caller whose it is.

Redis answers a connection's commands in their order. So each command has a slot in a queue,
and a slot leaves it with its reply only: a caller who has given up leaves the slot behind, and
the late reply is dropped there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from agent_perf.components.link.client import Reply
from agent_perf.components.link.slots import Batch, Kept, LinkLostError, Slot, fail, refusal, waiter
from agent_perf.components.link.tally import Tally

_MORE: Final = object()
_READ_BYTES: Final = 65_536
"""Read at once: 10 MB take as long with 256 KiB, and more than that is wasted on a GET."""
_PATIENCE: Final = 3
"""Time-outs after which a reply that others overtook cannot be waited for any more."""

PushHandler: TypeAlias = Callable[[list[Reply]], object]


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def connection_writable(self) -> None:
        """Take note that more can be sent."""
        ...

    def connection_gone(self, connection: LinkConnection, error: RedisConnectionError) -> None:
        """Take note that it ended."""
        ...


class _Mark(NamedTuple):
    """
    What was written at once.

    Attributes:
        end: How many slots there have been on this connection, with the last of these.
        deadline_s: On the loop's clock: when its callers give up.
        chunks: How much the server had said when it was written.
    """

    end: int
    deadline_s: float
    chunks: int


class LinkConnection(asyncio.BufferedProtocol):
    """
    One connection, from the first byte to the last.

    Args:
        loop: The running loop.
        where: The server, for people.
        timeout_s: Longest wait for a reply, > 0.
        tally: Where work is added up.
        owner: Who is told.
        on_push: Called with each push message.

    Attributes:
        writable: Whether commands can be sent: connected, not lost, and the peer reads.
        slots: Where the replies go that have not come, oldest first.
        closed: Done when the transport has ended.
        chunks: How often something has arrived.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        where: str,
        timeout_s: float,
        tally: Tally,
        owner: Owner,
        on_push: PushHandler | None,
    ) -> None:
        self.writable = False
        self.closed: asyncio.Future[None] = loop.create_future()
        self.slots: deque[Slot] = deque()
        self.chunks = 0
        self._loop = loop
        self._where = where
        self._timeout_s = timeout_s
        self._tally = tally
        self._owner = owner
        self._on_push = on_push
        self._transport: asyncio.Transport | None = None
        self._lost = False
        self._answered = 0
        self._parts: list[bytes] = []
        self._marks: deque[_Mark] = deque()
        self._overdue: _Mark | None = None
        self._timer: asyncio.TimerHandle | None = None
        # A view: asyncio's TLS reads into slices of it, and those of a bytearray are copies.
        self._buffer = memoryview(bytearray(_READ_BYTES))
        # Its types know no memoryview, which it takes.
        self._reader: Any = hiredis.Reader(
            protocolError=InvalidResponse, replyError=refusal, notEnoughData=_MORE
        )

    def check(self) -> None:
        """Raise LinkLostError if it has ended."""
        if self._lost:
            raise LinkLostError(self._where, "it ended with the greeting")

    def waiting(self) -> list[asyncio.Future[Reply]]:
        """Return the futures of the callers who still wait."""
        return [waiter(slot) for slot in self.slots if not slot.done()]

    def send(self, packed: bytes, slot: Slot) -> None:
        """Write *packed* at the end of this turn of the loop, with all else of the turn."""
        self.slots.append(slot)
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(packed)

    def send_kept(self, kept: Sequence[Kept]) -> None:
        """Write *kept*, at least one, oldest first, after what was sent before, in one piece."""
        self.flush()
        timer = self._timer
        if timer is not None and timer.when() > kept[0].deadline_s:
            # They have waited since before the greeting, whose deadline it was set for.
            timer.cancel()
            self._timer = None
        parts = []
        for slot, packed, deadline_s in kept:
            self.slots.append(slot)
            self._mark(deadline_s)
            parts.append(packed)
        self._write(b"".join(parts))

    def flush(self) -> None:
        """Write what was sent."""
        parts = self._parts
        # Once it is lost, nobody waits for the replies.
        if parts and not self._lost:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
            self._mark(self._loop.time() + self._timeout_s)
            self._write(data)

    def lose(self, reason: str) -> None:
        """Give the connection up: all who wait get an error that gives *reason*."""
        if self._lost:
            return
        self._lost = True
        self.writable = False
        if self._timer is not None:
            self._timer.cancel()
        slots, self.slots = self.slots, deque()
        for slot in slots:
            if not slot.done():
                self._tally.lost += 1
                fail(slot, LinkLostError(self._where, reason))
        self._parts.clear()
        self._marks.clear()
        if self._transport is not None:
            self._transport.abort()
        else:
            self.closed.set_result(None)
        self._owner.connection_gone(
            self, RedisConnectionError(f"lost the connection to Redis at {self._where}: {reason}")
        )

    def close(self) -> None:
        """Close once all is written; `closed` tells when."""
        if self._transport is not None:
            self._transport.close()

    # -- What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.writable = True

    def connection_lost(self, error: Exception | None) -> None:
        """Take note of the end."""
        self.lose(str(error) if error else "closed by the server")
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Take note that the peer does not read as fast as we write."""
        self.writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self.writable = not self._lost
        if self.writable:
            self._owner.connection_writable()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand out the replies that are complete with the *nbytes* that have come."""
        if self._lost:
            return
        self.chunks += 1
        self._tally.bytes_received += nbytes
        self._reader.feed(self._buffer, 0, nbytes)
        try:
            self._hand_out()
        except InvalidResponse as error:
            self.lose(f"what it sent is not RESP: {error}")

    # -- Replies

    def _hand_out(self) -> None:
        gets, slots = self._reader.gets, self.slots
        popleft = slots.popleft
        while (reply := gets()) is not _MORE:
            kind = reply.__class__
            if kind is hiredis.PushNotification:
                self._push(reply)
                continue
            if not slots:
                self.lose(f"it sent a reply that nobody asked for: {reply!r:.80}")
                return
            slot = slots[0]
            if isinstance(slot, Batch) and not slot.take(reply):
                continue
            popleft()
            self._answered += 1
            if slot.done():
                self._tally.late_replies += 1
            elif isinstance(slot, Batch):
                slot.finish()
            elif kind is bytes or not isinstance(reply, RedisError):
                slot.set_result(reply)
            else:
                slot.set_exception(reply)

    def _push(self, message: list[Reply]) -> None:
        self._tally.pushes += 1
        if self._on_push is None:
            return
        try:
            self._on_push(message)
        except Exception as error:  # noqa: BLE001  # The callers' replies come all the same.
            self._loop.call_exception_handler(
                {"message": "on_push of a RedisLink failed", "exception": error}
            )

    # -- Deadlines: one timer, at or before the oldest deadline, for all commands

    def _mark(self, deadline_s: float) -> None:
        marks = self._marks
        while marks and marks[0].end <= self._answered:
            marks.popleft()
        marks.append(_Mark(self._answered + len(self.slots), deadline_s, self.chunks))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline_s, self._sweep, deadline_s)

    def _write(self, data: bytes) -> None:
        tally, pending = self._tally, len(self.slots)
        tally.round_trips += 1
        tally.bytes_sent += len(data)
        if pending > tally.pending_max:  # noqa: PLR1730  # A call of max costs as much as all this.
            tally.pending_max = pending
        assert self._transport is not None
        self._transport.write(data)

    def _sweep(self, due_s: float) -> None:
        self._timer = None
        marks = self._marks
        while marks and not self._lost and marks[0].deadline_s <= due_s:
            mark = marks.popleft()
            if mark.end > self._answered:
                self._expire(mark)
        while marks and marks[0].end <= self._answered:
            marks.popleft()
        if marks and not self._lost:
            deadline_s = marks[0].deadline_s
            self._timer = self._loop.call_at(deadline_s, self._sweep, deadline_s)

    def _expire(self, mark: _Mark) -> None:
        for slot in islice(self.slots, mark.end - self._answered):
            if not slot.done():
                self._tally.timeouts += 1
                fail(
                    slot,
                    RedisTimeoutError(
                        f"no reply from Redis at {self._where} within timeout_s={self._timeout_s:g}"
                    ),
                )
        if mark.chunks == self.chunks:
            self.lose(f"it was silent for timeout_s={self._timeout_s:g}")
            return
        if self._overdue is None or self._overdue.end <= self._answered:
            self._overdue = mark
        elif mark.deadline_s - self._overdue.deadline_s >= (_PATIENCE - 1) * self._timeout_s:
            self.lose(f"a reply is {_PATIENCE} times timeout_s={self._timeout_s:g} late")
