"""
Looks on while a simulation runs, by the real clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def looking_on(look: Callable[[float], None], *, every_s: float) -> Iterator[None]:
    """
    Call *look* every so often while the body runs, and once at its end.

    It is called in a thread of its own, to which clocks tell real time even while the body
    is a simulation: it gets the seconds since the body began. What it raises ends the
    looking on, and is raised when the body has ended.

    Args:
        look: Must be quick.
        every_s: Real seconds, > 0.
    """
    begin_s = time.monotonic()
    is_over = threading.Event()
    failures: list[Exception] = []

    def watch() -> None:
        try:
            while not is_over.wait(every_s):
                look(time.monotonic() - begin_s)
        except Exception as error:  # noqa: BLE001 (raised below, where somebody sees it)
            failures.append(error)

    thread = threading.Thread(target=watch, name="agent-perf-lookout", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    look(time.monotonic() - begin_s)
    if failures:
        raise failures[0]
