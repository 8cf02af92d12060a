"""
Where the requests of a world are made: each begins when its user has thought.
"""

from __future__ import annotations

import gc

from agent_perf.load import Desk, Request
from agent_perf.measure import Recorder
from agent_perf.records import Tier
from agent_perf.sim import SimLoop, request_scope
from agent_perf.suite.incidents import BeginningLedger
from agent_perf.suite.world import World


def open_desk(
    world: World, request: Request, *, loop: SimLoop, recorder: Recorder, think: str | None
) -> Desk:
    """
    Return the desk of *world*.

    Args:
        world: Whose faults begin with the first request that counts.
        request: Makes one request.
        loop: The world's.
        recorder: Takes requests down.
        think: Operation whose latency table is the users' think time; None for none.
    """

    async def thought() -> int | None:
        if think is None:
            return None
        think_ns = world.draws.ns(think)
        # On a busy loop the turn comes later, and that is the request's time, not the user's.
        due_ns = loop.now_ns + think_ns
        await loop.pause(think_ns)
        return due_ns

    return Desk(
        request=request,
        ledger=BeginningLedger(recorder, world.incidents.begin),
        scope=request_scope,
        think=thought,
        now_ns=lambda: loop.now_ns,
        # A full collection of what libraries hold takes a tenth of a second, in which everybody
        # waits; it comes when enough is new, and most of that is a run's own preparation.
        settle=gc.collect if world.tier is Tier.LIVE else None,
    )
