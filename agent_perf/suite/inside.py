"""
Runs an async function inside of a simulated world, where it may measure requests itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

from agent_perf.errors import BrokenError, UsageError
from agent_perf.load import Ask, Request, drive_closed
from agent_perf.measure import Recorder
from agent_perf.records import Run, Tier
from agent_perf.repository import WORKTREE
from agent_perf.sim import CpuCharging, Draws, SimLoop, simulate
from agent_perf.suite.building import checked, kept_running
from agent_perf.suite.declaration import Scenario
from agent_perf.suite.desk import open_desk
from agent_perf.suite.incidents import stuck_explained
from agent_perf.suite.result import run_of
from agent_perf.suite.tables import tables_of
from agent_perf.suite.watch import Watch, charging_of
from agent_perf.suite.world import World

T = TypeVar("T")
AnyRequest = Callable[[], Awaitable[object]] | Request


class OpenWorld(World):
    """
    A world whose visitor decides when requests are made, and how many.

    Args:
        loop: As in World.
        recorder: Takes down what happens.
        scenario: Whose seed, tables, faults and promises hold here.
        tier: As in World.
        charging: Likewise.
    """

    def __init__(
        self,
        loop: SimLoop,
        recorder: Recorder,
        scenario: Scenario,
        *,
        tier: Tier,
        charging: CpuCharging,
    ) -> None:
        draws = Draws(scenario.seed, tables_of([scenario]))
        super().__init__(
            loop, draws, recorder, tier=tier, charging=charging, faults=scenario.faults
        )
        self._recorder = recorder
        self._scenario = scenario

    async def drive(
        self,
        request: AnyRequest,
        *,
        name: str,
        users: int,
        requests: int,
        warmup: int,
        think: str | None,
    ) -> Run:
        """
        Return what *requests* requests came to that *users* make, who wait for their answers.

        Request ids begin anew each time: what is measured twice in one world draws the same.

        Args:
            request: Makes one request. An async function of what is asked may return how it was
                answered, in a word; what one of no argument returns is not looked at.
            name: Of the run, ``family.name``.
            users: At least 1.
            requests: At least 1, shared out among the users, rounded up.
            warmup: Requests per user that come first and are forgotten, >= 0.
            think: Operation whose latency table is the users' think time; None for none.

        Raises:
            BrokenError: If *request* is no such function, or all requests failed.
            UsageError: If a number is out of its range.
        """
        __tracebackhide__ = True
        counts = (("users", users, 1), ("requests", requests, 1), ("warmup", warmup, 0))
        for label, number, least in counts:
            if type(number) is not int or number < least:
                raise UsageError(f"{label}={number!r}; want an integer >= {least}")
        self.check_faults()
        desk = open_desk(
            self,
            checked(name, _of_one_argument(request)),
            loop=self._loop,
            recorder=self._recorder,
            think=think,
        )
        await drive_closed(
            desk,
            users=users,
            requests_per_user=-(-requests // users),
            warmup_per_user=warmup,
        )
        recording = self._recorder.finish()
        run = run_of(
            self._scenario,
            recording,
            self.incidents.told(recording.duration_ns),
            users=users,
            commit=WORKTREE,
            tier=self.tier,
            cpu=charging_of(self._scenario).key,
        )
        return replace(run, scenario=name)


def run_inside(
    visit: Callable[[OpenWorld], Coroutine[Any, Any, T]],
    scenario: Scenario,
    *,
    tier: Tier = Tier.CLIENT,
) -> T:
    """
    Return what *visit* returns, an async function that is run in a world of its own.

    Args:
        visit: Called with the world.
        scenario: Gives the world its seed, tables, faults, CPU charging and limits; what it
            builds is not built.
        tier: How much of the real code runs.

    Raises:
        SimulationError: If the simulated world cannot go on.
        UsageError: If *tier* is that of real time.
        BrokenError: If it tries to end the process.
    """
    if tier is Tier.LIVE:
        raise UsageError(
            "tier 'live' is in real time, and a test's world in virtual time; run its scenario on "
            "tier 'live' by itself: agent-perf load SCENARIO --tier live"
        )

    async def main(loop: SimLoop) -> T:
        world = OpenWorld(loop, watch.recorder(loop), scenario, tier=tier, charging=watch.charging)
        with closing(world):
            found = await visit(world)
            world.check_tools()
            return found

    with (
        closing(Watch(charging_of(scenario))) as watch,
        stuck_explained(scenario.faults),
        kept_running(scenario.name),
    ):
        return simulate(
            main,
            seed=scenario.seed,
            virtual_limit_s=scenario.virtual_limit_s,
            executor=scenario.executor,
            meter=watch.meter,
        )


def _of_one_argument(request: AnyRequest) -> Request:
    """Return *request* as a function of what is asked, which it need not take."""
    try:
        signature = inspect.signature(request)
        signature.bind()
    except (TypeError, ValueError):
        return request  # type: ignore[return-value]  # It takes something; checked() looks at it.

    async def of_one(_ask: Ask) -> None:
        answer = request()  # type: ignore[call-arg]  # It can be called without any, as just seen.
        if not inspect.isawaitable(answer):
            raise BrokenError(
                f"the request function returned {answer!r} without being awaited; make it "
                "`async def`, or let it return what is to be awaited"
            )
        await answer

    return of_one
