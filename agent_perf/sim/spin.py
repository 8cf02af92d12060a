"""
Noticing code that waits for a clock without giving way: `while time.monotonic() < end`.

Virtual time stands still while one step runs, so such a loop would never end.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Final

from agent_perf.errors import SimLivelock
from agent_perf.sim.refusal import call_site
from agent_perf.units import NS

_OWN: Final = str(Path(__file__).parent)

READS_PER_INSTANT_MAX: Final = 1_000_000
"""More than 200 users read in a burst at one instant; reading that often takes a second."""


class SpinWatch:
    """
    Counts readings of the clock at one instant.

    Attributes:
        error: The first error that was raised, even if somebody swallowed it.
    """

    __slots__ = ("_count", "_now_ns", "error")

    def __init__(self) -> None:
        self.error: SimLivelock | None = None
        self._now_ns = -1
        self._count = 0

    def note(self, now_ns: int) -> None:
        """Take note of one reading; make its reader raise SimLivelock if it is one too many."""
        if now_ns != self._now_ns:
            self._now_ns = now_ns
            self._count = 0
        self._count += 1
        if self._count >= READS_PER_INSTANT_MAX:
            # From here on again, should somebody swallow the error and go on.
            self._count = 0
            self._raise(now_ns)

    def _raise(self, now_ns: int) -> None:
        message = (
            f"virtual time {now_ns / NS:.9f} s: the clock was read {READS_PER_INSTANT_MAX:,} times "
            f"and no time passed, last at {call_site()}; virtual time stands still until the code "
            "awaits: use `await asyncio.sleep(...)`"
        )
        self.error = self.error or SimLivelock(message)

        def raise_error(_frame: FrameType, _event: str, _argument: object) -> None:
            raise SimLivelock(message)

        # A clock is read from C, through which no exception passes. So the reader gets a
        # visit before its next line, as from a debugger; Python ends the tracing when it
        # raises.
        frame = self._reader()
        if frame is not None:
            frame.f_trace = raise_error
            sys.settrace(lambda *_: None)

    @staticmethod
    def _reader() -> FrameType | None:
        """Return the frame of the code that read the clock."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith(_OWN):
            frame = frame.f_back
        return frame
