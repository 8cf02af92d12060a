"""
One simulation: a fresh loop, virtual clocks, a guarded world, a seeded `random`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from agent_perf.sim.clocks import virtual_clocks
from agent_perf.sim.loop import ExecutorPolicy, SimLoop, Trace
from agent_perf.sim.request import BACKGROUND_ID, request_scope

T = TypeVar("T")

EPOCH_S: Final = 1_767_225_600
"""When simulations begin: 2026-01-01 00:00 UTC."""


def simulate(
    main: Callable[[SimLoop], Coroutine[Any, Any, T]],
    *,
    epoch_s: int = EPOCH_S,
    executor: ExecutorPolicy = "refuse",
    trace: Trace | None = None,
    seed: int = 0,
) -> T:
    """
    Run *main* to its end in virtual time and return what it returns.

    Args:
        main: Called with the loop; its coroutine is the simulation.
        epoch_s: Unix time at the begin, in seconds, as `time.time` shows it.
        executor: As in SimLoop.
        trace: As in SimLoop.
        seed: Of the module `random`, whose state is restored afterwards.

    Raises:
        SimDeadlock: If tasks wait and nothing is left that could wake them.
        SimLivelock: If steps run for ever at one instant.
        RealWorldAccess: If code touched a real socket, thread, process or clock.
    """
    loop = SimLoop(executor=executor, trace=trace)
    with ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(seed)
        stack.enter_context(request_scope(BACKGROUND_ID))
        stack.enter_context(virtual_clocks(loop, epoch_s))
        runner = stack.enter_context(asyncio.Runner(loop_factory=lambda: loop))
        return runner.run(main(loop))
