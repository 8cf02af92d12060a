"""
Lines from a pipe, each with a deadline.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import Final

_READ_BYTES: Final = 1 << 16
_TICK_S: Final = 0.25
"""How soon a request to stop is noticed."""


class Lines:
    """
    Reads lines from a file descriptor.

    Args:
        fd: Open for reading.
        stop: When set, waiting ends as if the pipe had ended.
    """

    def __init__(self, fd: int, stop: threading.Event | None = None) -> None:
        self._fd = fd
        self._stop = stop or threading.Event()
        self._buffer = b""

    def next(self, timeout_s: float) -> bytes | None:
        """Return the next line; empty at the end of the pipe; None after *timeout_s*."""
        deadline_s = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            if self._stop.is_set():
                return b""
            if select.select([self._fd], [], [], min(left_s, _TICK_S))[0]:
                chunk = os.read(self._fd, _READ_BYTES)
                if not chunk:
                    return b""
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
