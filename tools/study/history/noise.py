"""
Real noise of our own: the same code timed again and again, each time in a fresh process.

``python -m tools.study.history.noise FILE`` takes half an hour by default, so that it meets what a
machine goes through between two commits; whatever else the machine does is part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

_CALLS: Final = 40


def main() -> None:
    """Collect launches into a file of arrays, one array per workload and statistic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the .npz to write")
    parser.add_argument("--launches", type=int, default=600, help="fresh processes (600)")
    parser.add_argument("--minutes", type=float, default=30.0, help="spread over so long (30)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(_launch()))
        return
    launches = []
    start_s = time.monotonic()
    for index in range(options.launches):
        due_s = start_s + index * options.minutes * 60 / options.launches
        time.sleep(max(0.0, due_s - time.monotonic()))
        command = [sys.executable, "-m", "tools.study.history.noise", "--inside", "-"]
        done = subprocess.run(command, check=True, capture_output=True)
        launches.append(json.loads(done.stdout))
    arrays = {key: np.array([launch[key] for launch in launches]) for key in launches[0]}
    # Six digits are more than a clock tells of such calls, and compress better.
    rounded = {key: np.array([float(f"{x:.6g}") for x in array]) for key, array in arrays.items()}
    np.savez_compressed(options.file, **rounded)  # type: ignore[arg-type]


def _launch() -> dict[str, float]:
    """Return seconds a call: medians on the wall and of CPU time."""
    found = {}
    for name, call in _WORKLOADS.items():
        wall, cpu = [], []
        for _ in range(_CALLS):
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            call()
            cpu.append(time.process_time() - cpu_s)
            wall.append(time.perf_counter() - wall_s)
        found[f"{name}, wall median"] = statistics.median(wall)
        found[f"{name}, CPU median"] = statistics.median(cpu)
    return found


def _compute() -> None:
    total = 0
    for i in range(12_000):
        total = (total * 31 + i) % 1_000_003


def _allocate() -> None:
    rows = [{"id": i, "text": str(i), "parts": [i] * 4} for i in range(800)]
    rows.sort(key=lambda row: str(row["text"]))


def _encode() -> None:
    history = [{"role": "user", "content": f"turn {i} " * 8} for i in range(150)]
    json.loads(json.dumps(history))


def _step() -> None:
    async def one() -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    async def steps() -> None:
        await asyncio.gather(*(one() for _ in range(12)))

    asyncio.run(steps())


_WORKLOADS: Final[dict[str, Callable[[], None]]] = {
    "compute": _compute,
    "allocate": _allocate,
    "encode": _encode,
    "asyncio": _step,
}


if __name__ == "__main__":
    main()
