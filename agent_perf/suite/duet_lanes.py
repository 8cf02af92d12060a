"""
Lanes at work: a thread and a core for each order of a round.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from agent_perf.suite.cores import usable_cores
from agent_perf.suite.duet_round import Measured, Order, measure_round
from agent_perf.suite.lanes import LANES_MAX


def measure_lanes(orders: Sequence[Order]) -> list[Measured]:
    """Return what the lanes measured, side by side; on an interrupt their processes are ended."""
    stop = threading.Event()

    def measure(order: Order) -> list[Measured]:
        return list(measure_round(order, stop))

    with ThreadPoolExecutor(max_workers=len(orders)) as pool:
        pending = [pool.submit(measure, order) for order in orders]
        try:
            return [one for future in pending for one in future.result()]
        except BaseException:
            # Without this, leaving the pool would wait for the rest of the round.
            stop.set()
            raise


def lane_count() -> int:
    """Return how many lanes there may be here."""
    return min(LANES_MAX, len(usable_cores()))
