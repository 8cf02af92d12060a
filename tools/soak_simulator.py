"""
Print what an hour of load costs: CPU time, memory over time, and what the faults did.

Run as ``python tools/soak_simulator.py [--tier stub|client] [--minutes 60]`` from the top folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent_perf import Scenario, World
from agent_perf.load import Soak
from agent_perf.records import Tier
from agent_perf.suite import Ask, Request, run_load
from agent_perf.units import MIB
from benchmarks.simulator import USERS, soak

WARM_MINUTES = 10
"""Until then caches fill and the fault of the first window is yet to come."""


def main() -> None:
    """Run the soak once, and print what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=[tier.value for tier in Tier], default=Tier.STUB.value)
    parser.add_argument("--minutes", type=int, default=60)
    options = parser.parse_args()
    rss_bytes: dict[int, int] = {}
    start_s = time.process_time()
    run = run_load(
        _watched(soak, rss_bytes),
        Soak(rate_hz=20, for_s=60.0 * options.minutes),
        users=USERS,
        tier=Tier(options.tier),
    )
    cpu_s = time.process_time() - start_s
    print(f"{run.offered:,} requests in {options.minutes} virtual minutes, tier {options.tier}")
    print(f"{cpu_s:.2f} CPU-s, {1e6 * cpu_s / run.offered:.0f} µs a request")
    print(f"errors {dict(run.errors)}, paths { {p: s.count for p, s in run.paths.items()} }")
    for minute in range(0, options.minutes + 1, 10):
        if minute in rss_bytes:
            print(f"  minute {minute:3} {rss_bytes[minute] / MIB:8.1f} MiB")
    last, warm = rss_bytes[max(rss_bytes)], rss_bytes.get(WARM_MINUTES)
    if warm:
        print(f"{last / warm - 1:+.1%} of memory since minute {WARM_MINUTES}")
    print(f"trace digest {run.trace_digest}")


def _watched(scenario: Scenario, rss_bytes: dict[int, int]) -> Scenario:
    """Return *scenario*, which keeps the memory in use in *rss_bytes*, by virtual minute."""
    process = psutil.Process()

    @asynccontextmanager
    async def build(world: World) -> AsyncIterator[Request]:
        async with scenario.build(world) as request:

            async def watched(ask: Ask) -> str | None:
                minute = int(world.now_s() // 60)
                if minute not in rss_bytes:
                    rss_bytes[minute] = process.memory_info().rss
                return await request(ask)

            yield watched

    return replace(scenario, build=build)


if __name__ == "__main__":
    main()
