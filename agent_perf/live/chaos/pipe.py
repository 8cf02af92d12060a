"""
One way of one connection: what comes in at one end goes out at the other, late or in pieces.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent_perf.live.chaos.toxic import NO_EFFECT, Effect

QUEUE_BYTES_MAX: Final = 1 << 20
"""Held back at most, before no more is read: 1 MiB in 100 ms is 80 Mbit/s."""

_PACE_S: Final = 0.02
"""A limited rate passes what it may in so long as one piece: fifty a second look even."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    What is to be done next.

    Attributes:
        size: Bytes to pass on now; 0: none.
        wait_s: After that, nothing for so long.
    """

    size: int
    wait_s: float


def next_step(size: int, due_s: float, now_s: float, effect: Effect) -> Step:
    """
    Return what becomes of a piece at the head of the queue.

    Args:
        size: Its bytes, >= 1.
        due_s: Not before.
        now_s: On the same clock.
        effect: What is done to it.
    """
    if due_s > now_s:
        return Step(size=0, wait_s=due_s - now_s)
    wait_s = 0.0
    if effect.slice_bytes is not None:
        size = min(size, effect.slice_bytes)
        wait_s = effect.gap_s
    if effect.bytes_per_s is not None:
        size = min(size, max(1, int(effect.bytes_per_s * _PACE_S)))
        wait_s = max(wait_s, size / effect.bytes_per_s)
    return Step(size=size, wait_s=wait_s)


class Pipe:
    """
    Passes bytes on, in their order, none lost and none twice.

    Args:
        write: Takes the bytes.
        write_end: Is told that there are no more.
        slow_down: Is told whether whoever feeds is to wait.
        ended: Is told when the pipe has passed as much as *stop_after* allowed.
    """

    def __init__(
        self,
        *,
        write: Callable[[bytes | memoryview], None],
        write_end: Callable[[], None],
        slow_down: Callable[[bool], None],
        ended: Callable[[], None],
    ) -> None:
        self._write = write
        self._write_end = write_end
        self._slow_down = slow_down
        self._ended = ended
        self._effect = NO_EFFECT
        self._queue: deque[tuple[float, memoryview]] = deque()
        self._queued_bytes = 0
        self._last_due_s = 0.0
        self._free_s = 0.0
        self._left_bytes: int | None = None
        self._is_full = self._is_slowed = False
        self._has_end = self._is_done = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        # Most of the time, what comes goes on as it is.
        self._is_plain = True

    @property
    def queued_bytes(self) -> int:
        """Bytes taken in that have not been passed on."""
        return self._queued_bytes

    def feed(self, data: bytes) -> None:
        """Take in *data*."""
        if self._is_plain:
            self._write(data)
            return
        if self._is_done:
            return
        now_s = self._loop.time()
        # What was sent later does not overtake.
        self._last_due_s = max(self._last_due_s, now_s + self._effect.delay_s())
        self._queue.append((self._last_due_s, memoryview(data)))
        self._queued_bytes += len(data)
        self._advance()

    def feed_end(self) -> None:
        """Take note that no more will be fed."""
        self._has_end = True
        self._advance()

    def set_effect(self, effect: Effect) -> None:
        """Do *effect* from now on; what is under way keeps the delay that it had."""
        self._effect = effect
        self._free_s = self._loop.time()
        self._replan()

    def stop_after(self, size: int | None) -> None:
        """Pass on *size* >= 0 more bytes, and call *ended*; None: any number."""
        self._left_bytes = size
        self._replan()

    def hold_up(self, *, is_full: bool) -> None:
        """Take note that the far end takes no more, or does again."""
        self._is_full = is_full
        self._replan()

    def close(self) -> None:
        """Forget everything; nothing is passed on from now on."""
        self._is_done, self._is_plain = True, False
        self._queue.clear()
        self._queued_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _replan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._advance()

    def _advance(self) -> None:
        """Pass on what is due, and come back for the rest."""
        while self._timer is None and not self._is_done and self._may_pass():
            if self._left_bytes == 0:
                self.close()
                self._ended()
                break
            if not self._queue:
                break
            due_s, data = self._queue[0]
            now_s = self._loop.time()
            step = next_step(len(data), max(due_s, self._free_s), now_s, self._effect)
            if step.size:
                self._pass_on(step.size)
                # A timer that rings late must not make a limited rate a lower one.
                late_s = 0.0 if self._effect.bytes_per_s is None else _PACE_S
                self._free_s = max(self._free_s, now_s - late_s) + step.wait_s
            elif step.wait_s:
                self._timer = self._loop.call_later(step.wait_s, self._wake)
        self._settle()

    def _wake(self) -> None:
        self._timer = None
        self._advance()

    def _may_pass(self) -> bool:
        return not self._effect.is_held and not self._is_full

    def _pass_on(self, size: int) -> None:
        due_s, data = self._queue[0]
        if self._left_bytes is not None:
            size = min(size, self._left_bytes)
            self._left_bytes -= size
        self._queued_bytes -= size
        if size == len(data):
            self._queue.popleft()
        else:
            self._queue[0] = due_s, data[size:]
        self._write(data[:size])

    def _settle(self) -> None:
        """Say whether who feeds is to wait, whether the end is reached, and what comes next."""
        if self._is_done:
            return
        waits = self._is_full or self._effect.is_held or self._queued_bytes >= QUEUE_BYTES_MAX
        if waits != self._is_slowed:
            self._is_slowed = waits
            self._slow_down(waits)
        if self._has_end and not self._queue and self._may_pass():
            self.close()
            self._write_end()
            return
        self._is_plain = (
            not self._queue
            and not self._is_full
            and self._left_bytes is None
            and self._effect is NO_EFFECT
        )
