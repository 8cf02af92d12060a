"""
What a worker takes down while it asks, in as few bytes and instructions as will do.
"""

from __future__ import annotations

import resource
from typing import Final

import gevent
import msgspec

from agent_perf.live.locust.channel import Channel
from agent_perf.live.locust.clock import now_ns
from agent_perf.live.locust.exchange import Told
from agent_perf.live.locust.wire import (
    BATCH,
    BEGIN,
    DONE,
    DROPPED,
    END,
    ERRORS,
    FAILURE,
    RECORDS,
    Account,
    Failure,
)
from agent_perf.units import NS

_FLUSH_S: Final = 0.2
_CODES: Final = {name: number for number, name in enumerate(ERRORS)}
_UINT_MAX: Final = (1 << 32) - 1


class Tally:
    """
    Takes down begins and ends, and sends them on in batches.

    Args:
        channel: Where they go; the load has begun.

    Attributes:
        in_flight: Requests under way.
        unsent: Requests that were not sent at all, for the load was over before it was their turn.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._zero_ns = channel.begin_ns
        self._begins, self._ends = bytearray(), bytearray()
        self._begin_count = self._end_count = 0
        self._has_failed = False
        self._cpu_s = _cpu_s()
        self.in_flight = 0
        self.unsent = 0
        self._flushing = gevent.spawn(self._flush_often)

    def begin(self, request_id: int, intended_ns: int) -> None:
        """A request starts that was to start at *intended_ns* of the load."""
        self.in_flight += 1
        self._begin_count += 1
        self._begins += BEGIN.pack(request_id, intended_ns)

    def drop(self, request_id: int, name: int, intended_ns: int) -> None:
        """It is not sent at all."""
        at_ns = now_ns() - self._zero_ns
        self._end_count += 1
        self._ends += END.pack(request_id, name, DROPPED, 0, 0, intended_ns, at_ns, -1, at_ns)

    def end(self, request_id: int, name: int, intended_ns: int, sent_ns: int, told: Told) -> None:
        """It ends; *sent_ns* is on the clock of now_ns."""
        end_ns = now_ns() - self._zero_ns
        self.in_flight -= 1
        self._end_count += 1
        self._ends += END.pack(
            request_id,
            name,
            _CODES[told.error],
            min(told.size_bytes, _UINT_MAX),
            told.events,
            intended_ns,
            sent_ns - self._zero_ns,
            told.first_ns - self._zero_ns if told.first_ns >= 0 else -1,
            end_ns,
        )
        if told.error and not self._has_failed:
            self._has_failed = True
            failure = Failure(at_ns=end_ns, text=f"{told.error}: {told.detail}")
            self._channel.send(FAILURE, msgspec.json.encode(failure))

    def close(self) -> None:
        """Send what is left, and the worker's own account."""
        self._flushing.kill()
        self._flush()
        wall_s = max(0, now_ns() - self._zero_ns) / NS
        account = Account(cpu_s=_cpu_s() - self._cpu_s, wall_s=wall_s, unsent=self.unsent)
        self._channel.send(DONE, msgspec.json.encode(account))

    def _flush_often(self) -> None:
        while True:
            gevent.sleep(_FLUSH_S)
            self._flush()

    def _flush(self) -> None:
        head = BATCH.pack(now_ns() - self._zero_ns, self._begin_count, self._end_count)
        payload = head + self._begins + self._ends
        self._begins, self._ends = bytearray(), bytearray()
        self._begin_count = self._end_count = 0
        self._channel.send(RECORDS, payload)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
