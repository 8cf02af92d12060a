"""
Print how many requests to an agent's model simpy and virtual clocks make per CPU second.

Run as ``tox -e peers-simulator``. All run the same path (see tests/sim/agent_path.py) with the
same draws and keep the same book; the books are compared first. Figures are the best of several
rounds in turn, with the garbage collector off, after one round that is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import aiotools
import looptime
import trio
import trio.testing

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_perf.sim import simulate
from tests.sim.agent_path import AsyncioModel, Book, SimpyModel, Tape, TrioModel, draw_tape
from tests.sim.stdlib_loop import StdlibLoop

REQUESTS: Final = 1_000
USERS: Final = 50
ROUNDS: Final = 5
CHUNKS: Final = (20, 0)
# Clocks in float seconds round each wait; their books may be this far off.
FLOAT_NS_MAX: Final = 1_000


def main() -> None:
    """Print a table for each length of the model's stream."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    options = parser.parse_args()
    for chunks in CHUNKS:
        tape = draw_tape(options.requests, chunks=chunks)
        off_ns = _compare({name: run(tape) for name, run in PEERS.items()})
        best_s = dict.fromkeys(PEERS, float("inf"))
        for _ in range(options.rounds):
            for name, run in PEERS.items():
                best_s[name] = min(best_s[name], _cpu_s(run, tape))
        print(f"model streams {chunks} tokens: requests per CPU second, ratio, latencies off by")
        ours_s = best_s[OURS]
        for name, spent_s in sorted(best_s.items(), key=lambda item: item[1]):
            rate = f"{options.requests / spent_s:9,.0f}  {ours_s / spent_s:5.2f}"
            print(f"{rate}  {off_ns[name]:11,} ns  {name}")


def _cpu_s(run: Callable[[Tape], Book], tape: Tape) -> float:
    gc.collect()
    gc.disable()
    begin_s = time.process_time()
    run(tape)
    spent_s = time.process_time() - begin_s
    gc.enable()
    return spent_s


def _compare(books: dict[str, Book]) -> dict[str, int]:
    """Return by how much each book's latencies differ from ours at most, in ns."""
    ours = books[OURS]
    off_ns = {}
    for name, book in books.items():
        if book.counts != ours.counts or book.latency_ns.keys() != ours.latency_ns.keys():
            sys.exit(f"{name} did other work: {book.counts}; ours: {ours.counts}")
        off_ns[name] = max(abs(ns - ours.latency_ns[i]) for i, ns in book.latency_ns.items())
        if off_ns[name] > LIMITS_NS.get(name, FLOAT_NS_MAX):
            sys.exit(f"{name} is {off_ns[name]} ns off: that is no rounding")
    return off_ns


def ours_by_pauses(tape: Tape) -> Book:
    """Run stubs that await loop.pause."""
    return simulate(lambda loop: AsyncioModel(tape, loop.pause, lambda: loop.now_ns).run(USERS))


def ours_without_tasks(tape: Tape) -> Book:
    """Run the same with latencies in place of tools, as by_short_simpy has events."""
    return simulate(
        lambda loop: AsyncioModel(
            tape, loop.pause, lambda: loop.now_ns, wait_all=loop.pause_all
        ).run(USERS)
    )


def ours_by_sleeps(tape: Tape) -> Book:
    """Run plain asyncio code."""
    return simulate(lambda loop: AsyncioModel(tape, _sleep, lambda: loop.now_ns).run(USERS))


def by_simpy(tape: Tape) -> Book:
    """Run simpy's processes."""
    return SimpyModel(tape, tools_as_processes=True).run(USERS)


def by_short_simpy(tape: Tape) -> Book:
    """Run simpy's processes, with events in place of tools."""
    return SimpyModel(tape, tools_as_processes=False).run(USERS)


def by_stdlib(tape: Tape) -> Book:
    """Run asyncio's own loop, with a selector that moves the clock."""
    loop = StdlibLoop()
    try:
        return loop.run_until_complete(AsyncioModel(tape, _sleep, lambda: loop.now_ns).run(USERS))
    finally:
        loop.close()


def by_looptime(tape: Tape) -> Book:
    """Run looptime, to the ns and without the idle cycles in which it waits for real I/O."""
    cls = looptime.make_event_loop_class(asyncio.SelectorEventLoop)
    loop = cls(resolution=1e-9, noop_cycles=0)
    loop.setup_looptime(_enabled=True, resolution=1e-9, noop_cycles=0)
    try:
        return loop.run_until_complete(_in_seconds(loop, tape))
    finally:
        loop.close()


def by_aiotools(tape: Tape) -> Book:
    """Run aiotools' virtual clock, which runs what is due within a millisecond together."""

    async def main() -> Book:
        with aiotools.VirtualClock().patch_loop():
            return await _in_seconds(asyncio.get_running_loop(), tape)

    return asyncio.run(main())


def by_trio(tape: Tape) -> Book:
    """Run trio, whose clock jumps when all wait."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(TrioModel(tape).run, USERS, clock=clock)


def _in_seconds(loop: asyncio.AbstractEventLoop, tape: Tape) -> Coroutine[Any, Any, Book]:
    return AsyncioModel(tape, _sleep, lambda: round(loop.time() * 1e9)).run(USERS)


async def _sleep(ns: int) -> None:
    await asyncio.sleep(ns / 1e9)


OURS: Final = "agent-perf, loop.pause, tools are tasks"
PEERS: Final[dict[str, Callable[[Tape], Book]]] = {
    OURS: ours_by_pauses,
    "agent-perf, loop.pause_all, tools are latencies": ours_without_tasks,
    "agent-perf, asyncio.sleep": ours_by_sleeps,
    "simpy, tools are processes": by_simpy,
    "simpy, tools are events": by_short_simpy,
    "asyncio, moved clock": by_stdlib,
    "looptime": by_looptime,
    "aiotools VirtualClock": by_aiotools,
    "trio MockClock": by_trio,
}
# Exact clocks are held to it. aiotools runs what is due within a millisecond together, and so
# too early; the error of each wait adds up over a request's, and over the queue's.
LIMITS_NS: Final = {
    "agent-perf, loop.pause_all, tools are latencies": 0,
    "agent-perf, asyncio.sleep": 0,
    "simpy, tools are processes": 0,
    "simpy, tools are events": 0,
    "aiotools VirtualClock": 100_000_000,
}


if __name__ == "__main__":
    main()
