"""
When all is well again after a fault.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent_perf.live.chaos.condition import Condition, broken
from agent_perf.live.chaos.observations import Observations

ASKED_MIN = 20
"""Requests, at least, over which a steady state is told: of fewer, a share says nothing."""


def recovered_after(
    observations: Observations,
    steady: Sequence[Condition],
    *,
    end_s: float,
    until_s: float,
    window_s: float,
) -> float | None:
    """
    Return how long after *end_s* the first stretch begins that is all well; None: there is none.

    A stretch is *window_s* long, and it is well if its requests keep *steady*. It is 0 if the
    one that begins with the fault's end is. What was sent before the fault's end is not looked
    at: it met the fault.

    Args:
        observations: All requests.
        steady: What must hold.
        end_s: End of the fault.
        until_s: A stretch must end by then.
        window_s: > 0.
    """
    first = observations.first_from(end_s)
    size = max(1, observations.first_from(end_s + window_s) - first)
    last = observations.first_from(until_s)
    begin = first
    while begin + size <= last:
        if not broken(steady, observations.sample(begin, begin + size)):
            return 0.0 if begin == first else observations.at_s(begin) - end_s
        begin += 1
    return None
