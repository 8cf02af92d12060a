"""
The noisy neighbour: ``python -m tools.study.neighbour CORE SEED`` keeps a core busy on and off.

On and off last a second on average, exponentially, five at most; when on, it computes and
moves memory. It ends with the process that started it.
"""

from __future__ import annotations

import os
import random
import sys
import time


def main() -> None:
    """Burn until the parent is gone."""
    core, seed = map(int, sys.argv[1:])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    dice, parent, memory = random.Random(seed), os.getppid(), bytearray(8 << 20)
    while os.getppid() == parent:
        end_s = time.perf_counter() + min(5.0, dice.expovariate(1.0))
        while time.perf_counter() < end_s:
            sum(range(2_000))
            bytes(memory[: 1 << 20])
        time.sleep(min(5.0, dice.expovariate(1.0)))


if __name__ == "__main__":
    main()
