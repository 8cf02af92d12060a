"""
Listens in on a connection to a real Redis: trips, commands, hits, misses and bytes.

They are counted as the simulated server counts them, so that a run here and one in virtual time
can be laid side by side.
"""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from typing import Any, Final

import hiredis

from agent_perf.live.world.route import Data
from agent_perf.sim import RealTimeLoop, RequestState, Witness, running_request
from agent_perf.sim.services.redis_wire import batch_name, command_name, lookups

TRIP: Final = "redis.trip"
_LISTENING: Final = frozenset({"MONITOR", "PSUBSCRIBE", "SSUBSCRIBE", "SUBSCRIBE"})


class _Trip:
    """What one request has written without waiting, until its last reply is there."""

    __slots__ = ("context", "is_heard", "left", "names", "start_ns", "state")

    def __init__(self, state: RequestState, start_ns: int) -> None:
        self.state = state
        self.start_ns = start_ns
        self.is_heard = False
        self.names: list[str] = []
        self.left = 0
        self.context = copy_context()

    @property
    def detail(self) -> str:
        return self.names[0] if len(self.names) == 1 else batch_name(self.names)


class RedisTap:
    """
    Listens in on one connection.

    Args:
        loop: Whose time it is.
        witness: Who is told.
    """

    def __init__(self, loop: RealTimeLoop, witness: Witness) -> None:
        self._loop = loop
        self._witness = witness
        self._asked = hiredis.Reader()
        self._answered = hiredis.Reader(replyError=_Error, notEnoughData=_NOTHING)
        self._trips: deque[_Trip] = deque()
        self._waiting: deque[str] = deque()
        self._queued: list[str] = []
        # A subscriber is told what it did not ask for, and replies cannot be told from it.
        self._listens = False

    def sent(self, data: Data) -> None:
        """Take note of the commands that the client writes."""
        self._asked.feed(bytes(data))
        names: list[str] = []
        while (fields := self._asked.gets()) is not False:
            names.append(command_name(fields))
        for name in dict.fromkeys(names):
            self._witness.count("redis_commands", names.count(name), name)
        detail = names[0] if len(names) == 1 else batch_name(names)
        if self._listens or not _LISTENING.isdisjoint(names):
            self._listens = True
            self.lost()
            self._witness.count("redis_trips", 1, detail)
            self._witness.count("bytes_sent", len(data), detail)
            return
        state = running_request()
        trip = self._trips[-1] if self._trips else None
        # What a request writes before it has heard anything is one pipeline made by hand.
        if trip is None or trip.is_heard or trip.state is not state:
            trip = _Trip(state, self._loop.now_ns)
            self._trips.append(trip)
            self._witness.count("redis_trips", 1, detail)
        trip.names += names
        trip.left += len(names)
        self._waiting += names
        self._witness.count("bytes_sent", len(data), trip.detail)

    def received(self, data: Data) -> None:
        """Take note of the replies that arrive."""
        if self._trips:
            trip = self._trips[0]
            trip.context.run(self._witness.count, "bytes_received", len(data), trip.detail)
        else:
            self._witness.count("bytes_received", len(data), "PUSH")
        if self._listens:
            return
        self._answered.feed(bytes(data))
        while (reply := self._answered.gets()) is not _NOTHING:
            if isinstance(reply, hiredis.PushNotification):
                continue
            self._reply(reply)

    def lost(self) -> None:
        """Take note that no reply will come any more."""
        while self._trips:
            self._end_trip(self._trips.popleft())
        self._waiting.clear()

    def _reply(self, reply: Any) -> None:
        if not self._trips:
            return
        trip = self._trips[0]
        trip.context.run(self._note_lookups, self._waiting.popleft(), reply)
        trip.is_heard = True
        trip.left -= 1
        if not trip.left:
            self._end_trip(self._trips.popleft())

    def _end_trip(self, trip: _Trip) -> None:
        # A copy: this may be called in the very context.
        trip.context.copy().run(
            self._witness.span, TRIP, trip.start_ns, self._loop.now_ns, trip.detail
        )

    def _note_lookups(self, name: str, reply: Any) -> None:
        if name == "MULTI":
            self._queued = []
        elif name == "EXEC":
            if isinstance(reply, list):
                for queued, item in zip(self._queued, reply, strict=False):
                    self._count_lookups(queued, item)
            self._queued = []
        elif reply == b"QUEUED":
            self._queued.append(name)
        else:
            self._count_lookups(name, reply)

    def _count_lookups(self, name: str, reply: Any) -> None:
        if isinstance(reply, _Error):
            return
        hits, misses = lookups(name, reply)
        if hits:
            self._witness.count("redis_hits", hits, name)
        if misses:
            self._witness.count("redis_misses", misses, name)


class _Error(Exception):
    """An error that Redis answered."""


_NOTHING: Final = object()
