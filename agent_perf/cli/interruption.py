"""
What Ctrl-C and SIGTERM do to a load: it sends no more, and tells what it measured until then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_STDERR: Final = 2
_TOLD: Final = b"interrupted: answers under way are waited for; once more ends it at once\n"


@dataclass(slots=True)
class Interruption:
    """
    Whether somebody wants an end before its time.

    Attributes:
        came: Whether the load was told to end.
    """

    came: bool = False


@contextlib.contextmanager
def interruptible(end: Callable[[], bool]) -> Iterator[Interruption]:
    """
    Let the first Ctrl-C or SIGTERM end what the body does in order, a second one at once.

    Args:
        end: Tells what runs to send no more, and returns whether there is something to be told
            of it. If there is not, KeyboardInterrupt is raised, as by a second signal.
    """
    told = Interruption()
    if threading.current_thread() is not threading.main_thread():
        # No other thread hears signals.
        yield told
        return

    def hear(_number: int, _frame: FrameType | None) -> None:
        if told.came or not end():
            raise KeyboardInterrupt
        told.came = True
        # Not through Python's buffers: whoever was interrupted may be writing to them just now.
        with contextlib.suppress(OSError):
            os.write(_STDERR, _TOLD)

    before = {number: signal.signal(number, hear) for number in _SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
