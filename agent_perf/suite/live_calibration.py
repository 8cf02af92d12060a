"""
Measures what operations cost in CPU time at tier ``live``: on real sockets, with real services.

There the scenario's hosts and models live in the process, and their work delays it as well. So
nothing is taken off: it is what a run in real time spends, kernel and hosts included.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

from agent_perf.measure import Recorder
from agent_perf.records import Tier
from agent_perf.sim import CpuCosts, Draws, SimLoop
from agent_perf.suite.calibration import (
    COUNTED_CALLS_MAX,
    OPERATIONS,
    Open,
    Sample,
    Sampling,
    costs_of,
)
from agent_perf.suite.live_world import LiveWorld
from agent_perf.suite.pace import run_in_time

LIVE_SAMPLING: Final = Sampling(rounds=5, calls=20)
"""Models take their time in real time: so many calls take a minute."""

_LIMIT_S: Final = 600.0


def calibrate_live(
    sampling: Sampling = LIVE_SAMPLING,
    tell: Callable[[str, Sample], None] = lambda *_: None,
    *,
    ns_per_call: int,
) -> CpuCosts:
    """
    Return what operations cost on this machine in real time.

    Services are found as for tier ``live``: where the environment says, or started for it.

    Args:
        sampling: How much is measured.
        tell: As in calibrate.
        ns_per_call: Of a Python function; nobody counts calls in real time.

    Raises:
        UsageError: If there is no Redis or PostgreSQL, or the one that was named is in use.
    """
    ns: dict[str, int] = {}
    for name, open_operation in OPERATIONS.items():
        sample = _sample(name, open_operation, sampling)
        ns[name] = sample.client_ns
        tell(name, sample)
    return costs_of(
        ns,
        sampling,
        ns_per_call=ns_per_call,
        source=(
            f"{platform.machine()}, {platform.python_implementation()} "
            f"{platform.python_version()}; tier live, hosts and models included; least of "
            f"{sampling.rounds} rounds of {sampling.calls} calls"
        ),
    )


def _sample(name: str, open_operation: Open, sampling: Sampling) -> Sample:
    async def main(loop: SimLoop) -> Sample:
        recorder = Recorder(lambda: loop.now_ns, lambda: -1)
        found = []
        with closing(LiveWorld(loop, Draws(1), recorder)) as world:
            async with open_operation(world) as call:
                for _ in range(min(sampling.calls, COUNTED_CALLS_MAX)):
                    await call()
                for _ in range(sampling.rounds):
                    begin_ns = time.process_time_ns()
                    for _ in range(sampling.calls):
                        await call()
                    found.append((time.process_time_ns() - begin_ns) // sampling.calls)
        # All of it is charged for: no share is taken off.
        return Sample(cpu_ns=tuple(found), call_count=1, priced_count=1)

    return run_in_time(
        main, tier=Tier.LIVE, whose=name, seed=1, limit_s=_LIMIT_S, executor="refuse"
    )
