"""
Worlds in which something goes wrong, and what a client makes of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from agent_perf.sim import Draws, SimLoop
from agent_perf.sim.faults import Fault, FaultSchedule
from tests.sim.services.ledger import Ledger, round_draws

MS = 1_000_000

Outcome = tuple[object, int]
"""What came back, or the error's class; and when, in ms of virtual time."""


class Plan(FaultSchedule):
    """A schedule with a ledger; its clock has yet to begin."""

    def __init__(self, loop: SimLoop, *faults: Fault, draws: Draws | None = None) -> None:
        self.ledger = Ledger()
        self.draws = draws or round_draws()
        super().__init__(faults, loop=loop, draws=self.draws, witness=self.ledger)

    def struck(self) -> dict[str, int]:
        """Return how often each fault struck, by kind and service."""
        return {
            name.removeprefix("faults:"): amount
            for name, amount in self.ledger.details.items()
            if name.startswith("faults:")
        }


async def outcome(loop: SimLoop, work: Awaitable[object]) -> Outcome:
    """Return what *work* came to, and when."""
    try:
        result: object = await work
    except Exception as error:  # noqa: BLE001 (any failure is an outcome)
        result = f"{type(error).__name__}: {error}"
    return result, round(loop.now_ns / MS, 3)  # type: ignore[return-value]


async def at_ms(loop: SimLoop, ms: float) -> None:
    """Wait until *ms* of virtual time."""
    await asyncio.sleep((ms * MS - loop.now_ns) / 1e9)
