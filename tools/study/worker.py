"""
One launch of one variant: ``python -m tools.study.worker PERCENT TAIL_PERCENT SEED``.

Reads ``<workload> <calls>`` from standard input, runs that many calls, and answers with their
wall and then their CPU nanoseconds, each 8 bytes; at ``freeze 0`` it takes what there is from
the garbage collector, and answers nothing. PERCENT is how much more every call does,
TAIL_PERCENT the share of calls that do all twice.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from array import array
from collections.abc import Callable

from tools.study.workloads import BASE_UNITS, SHORT_REPEATS, build


def main() -> None:
    """Answer until standard input ends."""
    percent, tail_percent, seed = map(int, sys.argv[1:])
    units = draw_units(percent, tail_percent, seed)
    calls = {
        name: _timed_call(workload, units, SHORT_REPEATS if name == "short" else 1)
        for name, workload in build().items()
    }
    for line in sys.stdin.buffer:
        name, number = line.split()
        if name == b"freeze":
            gc.freeze()
            continue
        wall_ns, cpu_ns = _measure(calls[name.decode()], int(number))
        answer = memoryview((wall_ns + cpu_ns).tobytes())
        while answer:
            answer = answer[os.write(1, answer) :]


def draw_units(percent: int, tail_percent: int, seed: int) -> Callable[[], int]:
    """Return what draws the units of the next call."""
    units, left = divmod(BASE_UNITS * (100 + percent), 100)
    if left:
        sys.exit(f"+{percent} % of {BASE_UNITS} units; want whole units")
    dice = random.Random(seed)

    def draw() -> int:
        # Drawn for every variant, so that drawing costs them all the same.
        return 2 * units if dice.random() * 100 < tail_percent else units

    return draw


def _timed_call(
    workload: Callable[[int], object], draw: Callable[[], int], repeats: int
) -> Callable[[], None]:
    if repeats == 1:
        return lambda: workload(draw())

    def call() -> None:
        for _ in range(repeats):
            workload(draw())

    return call


def _measure(call: Callable[[], None], number: int) -> tuple[array[int], array[int]]:
    wall, cpu = time.perf_counter_ns, time.process_time_ns
    wall_ns, cpu_ns = array("q"), array("q")
    for _ in range(number):
        cpu_start, wall_start = cpu(), wall()
        call()
        wall_end, cpu_end = wall(), cpu()
        wall_ns.append(wall_end - wall_start)
        cpu_ns.append(cpu_end - cpu_start)
    return wall_ns, cpu_ns


if __name__ == "__main__":
    main()
