"""
Whose turn it is among several clients: the least busy one's that is well and has room.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Member(Generic[C]):
    """
    A client, and how it is doing.

    Attributes:
        client: The client.
        in_flight: Requests on their way, >= 0.
        failures: Failures in a row, >= 0.
        rests_until_s: On the rota's clock, when it may be tried again.
    """

    client: C
    in_flight: int = 0
    failures: int = 0
    rests_until_s: float = -math.inf


class Rota(Generic[C]):
    """
    Gives out clients, and leaves those alone that fail.

    Args:
        clients: At least one.
        requests_max: Requests on their way per client, >= 1.
        failures_max: Failures in a row after which a client rests, >= 1.
        rest_s: For how long, > 0. It is tried with a single request then.
        clock: Monotonic seconds.

    Attributes:
        rests: Times that a client was sent to rest.

    Example::

        member = await rota.claim()
        try:
            await member.client.send(event)
        finally:
            rota.release(member)
    """

    def __init__(
        self,
        clients: Sequence[C],
        *,
        requests_max: int,
        failures_max: int,
        rest_s: float,
        clock: Callable[[], float],
    ) -> None:
        self.rests = 0
        self._members = [Member(client) for client in clients]
        self._requests_max = requests_max
        self._failures_max = failures_max
        self._rest_s = rest_s
        self._now_s = clock
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Claims that wait for room."""
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        """Clients given out, each as often as it was."""
        return sum(member.in_flight for member in self._members)

    @property
    def resting(self) -> int:
        """Clients that are left alone."""
        now_s = self._now_s()
        return sum(member.rests_until_s > now_s for member in self._members)

    @property
    def idlest(self) -> C:
        """The client with the fewest requests."""
        return min(self._members, key=_load).client

    async def claim(self) -> Member[C]:
        """Return a client with room, in order of asking."""
        member = None if self._queue else self._pick()
        push = self._queue.append
        while member is None:
            future = asyncio.get_running_loop().create_future()
            push(future)
            try:
                await future
            except asyncio.CancelledError:
                with contextlib.suppress(ValueError):
                    self._queue.remove(future)
                if not future.cancelled():
                    # The room that was meant for us is somebody else's.
                    self._wake()
                raise
            member = self._pick()
            push = self._queue.appendleft
        member.in_flight += 1
        return member

    def claim_other(self, tried: Sequence[Member[C]]) -> Member[C] | None:
        """
        Return a client that is well and not among *tried*, whether it has room or not.

        A request that was turned away once is not to queue again.
        """
        now_s = self._now_s()
        rest = [m for m in self._members if m not in tried and self._may_work(m, now_s)]
        member = min(rest, key=_load, default=None)
        if member is not None:
            member.in_flight += 1
        return member

    def release(self, member: Member[C]) -> None:
        """Give *member* back."""
        member.in_flight -= 1
        self._wake()

    def note_answer(self, member: Member[C]) -> None:
        """Take note that the service answered, whatever it was."""
        if member.failures:
            member.failures = 0
            member.rests_until_s = -math.inf

    def note_failure(self, member: Member[C]) -> None:
        """Take note of a failure; if it is one too many, the client rests."""
        member.failures += 1
        now_s = self._now_s()
        # Those that were on their way when it began to rest tell nothing new.
        if member.failures >= self._failures_max and now_s >= member.rests_until_s:
            member.rests_until_s = now_s + self._rest_s
            self.rests += 1
            _log.warning(
                "client %d of %d rests for %g s after %d failures in a row",
                self._members.index(member) + 1,
                len(self._members),
                self._rest_s,
                member.failures,
            )

    def _wake(self) -> None:
        while self._queue:
            future = self._queue.popleft()
            if not future.done():
                future.set_result(None)
                return

    def _pick(self) -> Member[C] | None:
        """Return the client with the fewest requests; None if those that are well are full."""
        best: Member[C] | None = None
        least, now_s, some_well = self._requests_max, -math.inf, False
        for member in self._members:
            if member.failures >= self._failures_max:
                now_s = self._now_s() if now_s == -math.inf else now_s
                if not self._may_work(member, now_s):
                    continue
            some_well = True
            if member.in_flight < least:
                best, least = member, member.in_flight
        if some_well:
            return best
        # Somebody must try; that all are ill says more of the service than of them.
        idlest = min(self._members, key=_load)
        return idlest if idlest.in_flight < self._requests_max else None

    def _may_work(self, member: Member[C], now_s: float) -> bool:
        if member.failures < self._failures_max:
            return True
        return now_s >= member.rests_until_s and not member.in_flight


def _load(member: Member[C]) -> int:
    return member.in_flight
