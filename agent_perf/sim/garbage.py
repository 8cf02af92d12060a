"""
Garbage collection at reproducible moments.

Python collects when its allocation counters say so, and those remember what the process
did before. Finalizers act on the loop: a forgotten async generator is closed by a new
task, a forgotten connection goes back to its pool. So they must run at the same step
in every run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# Python's own ratio of young to middle, and of middle to full collections.
_RATIO: Final = 10


@contextmanager
def collected_by_hand() -> Iterator[Callable[[], None]]:
    """
    Switch automatic collection off while the body runs; give it a function that collects.

    If it is off already, that is the caller's wish: the function then does nothing. What
    the caller has frozen is thawed at the end.
    """
    if not gc.isenabled():
        yield _do_nothing
        return
    # What exists by now is left alone: how old it is depends on what ran before.
    gc.freeze()
    gc.disable()
    try:
        yield _Collector().collect
    finally:
        gc.enable()
        gc.unfreeze()


class _Collector:
    """Counts its calls, to look at the old generations less often."""

    def __init__(self) -> None:
        self._calls = 0

    def collect(self) -> None:
        self._calls += 1
        if self._calls % _RATIO:
            gc.collect(0)
        elif self._calls % _RATIO**2:
            gc.collect(1)
        else:
            gc.collect(2)


def _do_nothing() -> None:
    pass
