"""
What we and Locust's processes tell each other: one plan there, frames back.

A process reads its plan as one line of its standard input, then orders, one line each. The end of
that input means that we are gone, and it goes as well. What it answers goes to its standard output
as frames: a kind, a length, a payload.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent_perf.config import NamedRequest

FRAME: Final = struct.Struct("<BI")
"""Kind and length of the payload that follows."""

PORT: Final = 1
"""The master listens; JSON: its port."""
READY: Final = 2
"""The worker's users are there, and wait for the begin."""
RECORDS: Final = 3
"""What began and ended."""
FAILURE: Final = 4
"""JSON: the first request that failed on this worker."""
DONE: Final = 5
"""JSON: the worker's own account, after its last answer."""

BATCH: Final = struct.Struct("<qII")
"""
What lies before that instant was told with this frame or before; numbers of begins and of ends.
"""
BEGIN: Final = struct.Struct("<qq")
END: Final = struct.Struct("<qHBIIqqqq")
ARRIVAL: Final = struct.Struct("<qqH")
"""Number of the request, intended start in ns from the load's begin, index of what is asked."""

ERRORS: Final = ("", "timeout", "network", "status", "content", "too_long", "cancelled", "dropped")
"""Categories by their number in an End; the last was not sent at all."""
DROPPED: Final = len(ERRORS) - 1

GO: Final = "go"
STOP: Final = "stop"


class End(NamedTuple):
    """
    A request that ended; times are ns since the load's begin.

    Attributes:
        request_id: As in its begin.
        name: Index of what was asked.
        error: Index of ERRORS.
        size_bytes: Of the body.
        events: Of a stream, with data.
        intended_ns: When it was to start.
        sent_ns: When the generator came to it.
        first_ns: First event of its stream; -1: none.
        end_ns: Last byte, or failure.
    """

    request_id: int
    name: int
    error: int
    size_bytes: int
    events: int
    intended_ns: int
    sent_ns: int
    first_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What a process of Locust is to do. It holds no secret: variables are filled in over there.

    Attributes:
        url: Of the service, perhaps with a path before those of the requests.
        requests: Name to request, in the order of their indices.
        weights: Of each, likewise.
        port: Of the master on this machine; 0 for the master itself.
        workers: How many there are.
        worker: Which one this is, from 0.
        users: Users in a closed loop, over all workers; 0: an open one.
        for_s: How long users ask.
        think_s: How long a user waits after each answer.
        in_flight_max: Requests under way on this worker, beyond which more are dropped.
        arrivals: File descriptor of ARRIVAL records, for an open loop; -1: none.
        seed: Of what users choose.
    """

    url: str
    requests: Mapping[str, NamedRequest] = field(default_factory=dict)
    weights: tuple[int, ...] = ()
    port: int = 0
    workers: int
    worker: int = 0
    users: int = 0
    for_s: float = 0.0
    think_s: float = 0.0
    in_flight_max: int = 10_000
    arrivals: int = -1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    What a worker says of itself at its end.

    Attributes:
        cpu_s: CPU time from the load's begin to its last answer.
        wall_s: Real time of the same stretch.
        unsent: Requests that were not sent: the load was over before it was their turn.
    """

    cpu_s: float
    wall_s: float
    unsent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first request that failed on a worker: when, and how, without secrets."""

    at_ns: int
    text: str


class Batch(NamedTuple):
    """What one frame tells: until when, begins as number and intended start, ends."""

    until_ns: int
    begins: tuple[tuple[int, int], ...]
    ends: tuple[End, ...]


def begin_count(payload: bytes) -> int:
    """Return how many requests a RECORDS frame says to have begun."""
    _, begins, _ = BATCH.unpack_from(payload)
    return int(begins)


def read_batch(payload: bytes) -> Batch:
    """Return the batch that a RECORDS frame holds."""
    until_ns, begins, ends = BATCH.unpack_from(payload)
    middle = BATCH.size + begins * BEGIN.size
    view = memoryview(payload)
    return Batch(
        until_ns,
        tuple((one, at_ns) for one, at_ns in BEGIN.iter_unpack(view[BATCH.size : middle])),
        tuple(map(End._make, END.iter_unpack(view[middle : middle + ends * END.size]))),
    )


class Frames:
    """Puts frames together from the pieces in which a pipe delivers them."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield kind and payload of each frame that *data* completes."""
        rest = self._rest
        rest += data
        at = 0
        while len(rest) - at >= FRAME.size:
            kind, length = FRAME.unpack_from(rest, at)
            end = at + FRAME.size + length
            if len(rest) < end:
                break
            yield kind, bytes(rest[at + FRAME.size : end])
            at = end
        del rest[:at]
