"""
Print how far virtual time is from real time: the same program, with the same draws, on both.

Run as ``python tools/validate_real_time.py`` from the top folder, on a machine that does
nothing else. The real loop is asyncio's own, on a selector that wakes in time: epoll rounds
a wait up to a millisecond, and the kernel adds 50 µs and more, while a Redis trip takes 400.
So it sleeps until shortly before the time, and spins from there on.

What real time has and virtual time has not is the CPU time of the program: latencies are
longer there by what requests wait for the one thread. Each load runs several rounds; told are
all of them, judged is the best, for a busy machine can only add.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import selectors
import sys
import time
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_perf.sim import simulate
from tests.sim.agent_path import AsyncioModel, Book, Tape, draw_tape

LOADS: Final = {10: 600, 100: 3_000}
"""Users to requests: some four seconds each."""
ROUNDS: Final = 5
CHUNKS: Final = 20
P95_OFF_MAX_RATIO: Final = 0.015
# Longer than the kernel's timer slack and the way back into the process take.
_SPIN_S: Final = 0.000_3


class PromptSelector(selectors.SelectSelector):
    """A selector that returns when the time is up, to some µs, at the price of a core."""

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready within *timeout* seconds."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        due_s = time.monotonic() + timeout
        events = super().select(max(0.0, timeout - _SPIN_S))
        while not events and time.monotonic() < due_s:
            pass
        return events


def in_virtual_time(tape: Tape, users: int) -> Book:
    """Run the model in a simulation."""
    return simulate(lambda loop: AsyncioModel(tape, _sleep, lambda: loop.now_ns).run(users))


def in_real_time(tape: Tape, users: int) -> Book:
    """Run the model as it is, for as long as it takes."""
    loop = asyncio.SelectorEventLoop(PromptSelector())
    gc.collect()
    gc.disable()
    try:
        model = AsyncioModel(tape, _sleep, time.monotonic_ns)
        return loop.run_until_complete(model.run(users))
    finally:
        gc.enable()
        loop.close()


def p95_ns(book: Book) -> int:
    """Return the 95th percentile of *book*'s latencies, by nearest rank."""
    ordered = sorted(book.latency_ns.values())
    return ordered[-(-95 * len(ordered) // 100) - 1]


def paired_ratio(virtual: Book, real: Book) -> float:
    """Return the median over requests of real to virtual latency, less 1."""
    ratios = sorted(real.latency_ns[i] / ns for i, ns in virtual.latency_ns.items())
    return ratios[len(ratios) // 2] - 1


async def _sleep(ns: int) -> None:
    await asyncio.sleep(ns / 1e9)


def main() -> int:
    """Print each round; return 1 if the best of a load is too far off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    failed = False
    for users, requests in LOADS.items():
        tape = draw_tape(requests, chunks=CHUNKS)
        virtual = in_virtual_time(tape, users)
        off = []
        for _ in range(options.rounds):
            real = in_real_time(tape, users)
            off.append(p95_ns(real) / p95_ns(virtual) - 1)
            print(
                f"{users:4} users: P95 {p95_ns(virtual) / 1e6:.3f} ms in virtual time, "
                f"{p95_ns(real) / 1e6:.3f} in real time, {off[-1]:+.2%}; "
                f"request by request {paired_ratio(virtual, real):+.2%} in the median"
            )
        best = min(off, key=abs)
        print(f"{users:4} users: P95 {best:+.2%} at best of {options.rounds} rounds")
        failed = failed or abs(best) > P95_OFF_MAX_RATIO
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
