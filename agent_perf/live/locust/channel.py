"""
A Locust process's line to us: its plan and our orders come in, frames go out.
"""

from __future__ import annotations

import os
from typing import Final

import gevent
import gevent.os
import msgspec
from gevent.event import Event

from agent_perf.live.locust.wire import FRAME, GO, STOP, Plan

_INPUT: Final = 0
_OUTPUT: Final = 1
_READ_BYTES: Final = 1 << 16


class Channel:
    """
    Made before anything else reads or writes. Standard output is ours alone from then on: what a
    library prints goes to standard error.

    Attributes:
        plan: What to do.
        go: Set when the load may begin; *begin_ns* is known then.
        begin_ns: The load's begin, on the clock of now_ns.
        stop: Set when no more is to be sent.
    """

    def __init__(self) -> None:
        self._out = os.dup(_OUTPUT)
        os.dup2(2, _OUTPUT)
        self._in = bytearray()
        self.plan = msgspec.json.decode(self._plan_line(), type=Plan)
        gevent.os.make_nonblocking(_INPUT)
        gevent.os.make_nonblocking(self._out)
        self.go, self.stop = Event(), Event()
        self.begin_ns = 0
        self._listening = gevent.spawn(self._listen)

    def send(self, kind: int, payload: bytes = b"") -> None:
        """Send a frame; others run while the pipe is full."""
        data = memoryview(FRAME.pack(kind, len(payload)) + payload)
        while data:
            data = data[gevent.os.nb_write(self._out, data) :]

    def _plan_line(self) -> bytes:
        while b"\n" not in self._in:
            self._in += self._read_blocking()
        line, _, rest = self._in.partition(b"\n")
        self._in = bytearray(rest)
        return bytes(line)

    def _read_blocking(self) -> bytes:
        data = os.read(_INPUT, _READ_BYTES)
        if not data:
            os._exit(0)
        return data

    def _listen(self) -> None:
        while True:
            while b"\n" in self._in:
                line, _, rest = self._in.partition(b"\n")
                self._in = bytearray(rest)
                self._obey(line.decode().split())
            data = gevent.os.nb_read(_INPUT, _READ_BYTES)
            if not data:
                # Whoever started us is gone, in whichever way: nothing is left to be told.
                os._exit(0)
            self._in += data

    def _obey(self, words: list[str]) -> None:
        if words[:1] == [GO]:
            self.begin_ns = int(words[1])
            self.go.set()
        elif words[:1] == [STOP]:
            self.stop.set()
            # Who waits for the begin of a load that will not be waits no more.
            self.go.set()
