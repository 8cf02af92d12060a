"""References to clocks and to sleep, taken in all ways before a simulation began."""

import functools
import time
from collections.abc import Callable
from time import monotonic, perf_counter_ns, sleep
from time import time as wall_time

__all__ = ["READINGS", "by_default", "sleep"]


def by_default(clock: Callable[[], float] = time.monotonic) -> float:
    return clock()


class Holder:
    clock = staticmethod(time.monotonic_ns)

    def __init__(self) -> None:
        self.mine = time.perf_counter


holder = Holder()

READINGS: dict[str, Callable[[], float]] = {
    "attribute": time.monotonic,
    "imported name": monotonic,
    "imported ns": lambda: perf_counter_ns() / 1e9,
    "default argument": by_default,
    "class attribute": lambda: Holder.clock() / 1e9,
    "instance attribute": holder.mine,
    "partial": functools.partial(time.monotonic),
    "wall time": lambda: wall_time() - 1_767_225_600,
    "wall ns": lambda: (time.time_ns() - 1_767_225_600 * 10**9) / 1e9,
}
