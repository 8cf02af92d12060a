"""
A limit on dollars that holds whatever runs at the same time: reserve first, settle after.
"""

from __future__ import annotations

import asyncio
import math
from typing import Final

from agent_perf.components.errors import BudgetError
from agent_perf.errors import ConfigError

PICO: Final = 1_000_000_000_000
"""Picodollars in a dollar. Sums of floats drift; sums of these integers do not."""


def pico_up(cost_usd: float) -> int:
    """
    Return *cost_usd* in picodollars, rounded up.

    Raises:
        ConfigError: If it is negative or not finite.
    """
    if not 0 <= cost_usd < math.inf:
        raise ConfigError(f"a cost of {cost_usd} dollars; want finite, >= 0")
    return math.ceil(cost_usd * PICO)


class Purse:
    """
    Dollars that may be spent, those spent, and those that calls under way may come to.

    Spent and reserved together never exceed the limit, so that no order of answers can.

    Args:
        limit_usd: The limit, >= 0; None for none.
        spent_pico: Picodollars spent already.
    """

    def __init__(self, limit_usd: float | None, spent_pico: int = 0) -> None:
        if limit_usd is not None and not 0 <= limit_usd < math.inf:
            raise ConfigError(f"max_cost_usd={limit_usd}; want finite dollars >= 0, or None")
        self._limit_pico = None if limit_usd is None else math.floor(limit_usd * PICO)
        self.spent_pico = spent_pico
        self.reserved_pico = 0
        self.overrun_pico = 0
        self._open = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def check(self, bound_pico: int) -> None:
        """
        Return if a call of at most *bound_pico* fits, or may fit when others have settled.

        Raises:
            BudgetError: If it cannot fit any more.
        """
        if self.overrun_pico:
            raise BudgetError(
                f"a call cost ${self.overrun_pico / PICO:.6f} more than the most it was said to: "
                "no further call is made; correct tokens_out_max, or the price"
            )
        if not self._open and not self._fits(bound_pico):
            assert self._limit_pico is not None
            raise BudgetError(
                f"not called: ${self.spent_pico / PICO:.6f} of ${self._limit_pico / PICO:.6f} is "
                f"spent, and the call may cost ${bound_pico / PICO:.6f}"
            )

    async def reserve(self, bound_pico: int) -> None:
        """
        Set *bound_pico* aside, waiting for calls under way if it does not fit beside them.

        Raises:
            BudgetError: If it does not fit.
        """
        self.check(bound_pico)
        while not self._fits(bound_pico):
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)
            self.check(bound_pico)
        self.reserved_pico += bound_pico
        self._open += 1

    def settle(self, bound_pico: int, cost_pico: int) -> None:
        """Give back a reservation of *bound_pico* of which *cost_pico* was spent."""
        self.reserved_pico -= bound_pico
        self._open -= 1
        self.spent_pico += cost_pico
        self.overrun_pico += max(0, cost_pico - bound_pico)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def _fits(self, bound_pico: int) -> bool:
        if self._limit_pico is None:
            return True
        return self.spent_pico + self.reserved_pico + bound_pico <= self._limit_pico
