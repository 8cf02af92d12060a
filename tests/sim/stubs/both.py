"""
The same code on a service of tier CLIENT and on its stub, and what either was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agent_perf.records import Tier
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.draws import Draws
from agent_perf.suite import World


@dataclass
class Told:
    """What came of a run: its result, its end in ns, counts by name and detail, spans."""

    result: Any
    end_ns: int
    counts: dict[tuple[str, str], int]
    spans: list[tuple[str, int, int, str]]


class _Witness:
    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.spans: list[tuple[str, int, int, str]] = []

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        self.counts[name, detail] += amount

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        self.spans.append((name, start_ns, end_ns, detail))

    def level(self, name: str, change: int) -> None:
        """Runs of both tiers are compared by their levels elsewhere."""

    def bound(self, name: str, most: int | None) -> None:
        """Nor by what bounds them."""


def told(work: Callable[[World], Awaitable[Any]], tier: Tier) -> Told:
    """Return what *work* came to in a fresh world of *tier*."""
    witness = _Witness()

    async def main(loop: SimLoop) -> Told:
        world = World(loop, Draws(1), witness, tier=tier)
        try:
            result = await work(world)
        finally:
            world.close()
        counts = {key: amount for key, amount in sorted(witness.counts.items()) if amount}
        return Told(result, loop.now_ns, counts, sorted(witness.spans))

    return simulate(main)


def agreed(work: Callable[[World], Awaitable[Any]]) -> Any:
    """Return what *work* came to, after asserting that both tiers tell the same."""
    client, stub = told(work, Tier.CLIENT), told(work, Tier.STUB)

    assert client.result == stub.result
    assert client.counts == stub.counts
    assert client.spans == stub.spans
    assert client.end_ns == stub.end_ns
    return stub.result


async def outcome(awaitable: Awaitable[Any]) -> Any:
    """Return what *awaitable* returns, or the type and words of its error."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001  # Errors are compared, too.
        return type(error), str(error)
