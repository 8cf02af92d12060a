"""
In which time a run takes place: virtual, or real.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final, TypeVar, cast

from agent_perf.records import Tier
from agent_perf.sim import CallMeter, CpuMode, ExecutorPolicy, SimLoop, Trace, simulate
from agent_perf.suite.declaration import Scenario

T = TypeVar("T")

LIVE_REQUESTS_PER_USER_MAX: Final = 20
"""Of a scenario's requests, so many of each user are asked in real time: twenty seconds or so."""


def run_in_time(  # noqa: PLR0913  # Those of simulate, which are options there.
    main: Callable[[SimLoop], Coroutine[Any, Any, T]],
    *,
    tier: Tier,
    whose: str,
    seed: int,
    limit_s: float,
    executor: ExecutorPolicy,
    trace: Trace | None = None,
    meter: CallMeter | None = None,
    tie_seed: int | None = None,
) -> T:
    """
    Return what *main* returns, run in the time of *tier*: real if that is ``live``.

    Args:
        main: Called with the loop.
        tier: How much of the real code runs.
        whose: Scenarios that it runs, for messages.
        seed: As in simulate.
        limit_s: Seconds of that time after which it is stopped.
        executor: As in simulate; in real time, threads are threads.
        trace: As in simulate, and so are the next two; of no meaning in real time.
        meter: Likewise.
        tie_seed: Likewise.

    Raises:
        TimeLimitError: If it takes longer than that in real time.
        SimulationError: As in simulate.
    """
    if tier is not Tier.LIVE:
        return simulate(
            main,
            seed=seed,
            virtual_limit_s=limit_s,
            executor=executor,
            trace=trace,
            meter=meter,
            tie_seed=tie_seed,
        )
    from agent_perf.live.world import RealLoop, run_in_real_time

    def in_real_time(loop: RealLoop) -> Coroutine[Any, Any, T]:
        # It has all of a SimLoop that a world, its desk and its services use.
        return main(cast("SimLoop", loop))

    return run_in_real_time(in_real_time, limit_s=limit_s, whose=whose)


def cpu_at(tier: Tier, cpu: CpuMode | None) -> CpuMode | None:
    """Return *cpu*; at tier ``live`` CPU time is not charged for, but taken."""
    return CpuMode.NONE if tier is Tier.LIVE else cpu


def shortened(scenario: Scenario, users: int, tier: Tier) -> Scenario:
    """Return *scenario* with as many requests as *users* can ask in bearable time at *tier*."""
    most = LIVE_REQUESTS_PER_USER_MAX * users
    if tier is not Tier.LIVE or scenario.requests <= most:
        return scenario
    return replace(scenario, requests=most)
