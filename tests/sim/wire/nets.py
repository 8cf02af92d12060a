"""Networks whose every latency is a round number, and what they told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent_perf.sim import Draws, SimLoop, constant_table, simulate
from agent_perf.sim.wire import Link, Network
from tests.sim.services.ledger import Ledger

T = TypeVar("T")

CONNECT_NS = 2_000_000
TRIP_NS = 1_000_000
MS = 1_000_000


def draws() -> Draws:
    """Return draws whose connects take 2 ms and whose round trips take 1 ms."""
    tables = {
        f"{service}.{name}": constant_table(f"{service}.{name}", ns / 1e9)
        for service in ("http", "redis")
        for name, ns in (("connect", CONNECT_NS), ("trip", TRIP_NS))
    }
    return Draws(1, tables)


def on_network(
    main: Callable[[SimLoop, Network], Awaitable[T]], link: Link | None = None
) -> tuple[T, Ledger]:
    """Return what *main* returns on a network of *link*, without bandwidth by default."""
    ledger = Ledger()

    async def run(loop: SimLoop) -> T:
        network = Network(loop, draws(), ledger, link=link or ideal())
        try:
            return await main(loop, network)
        finally:
            network.close()

    return simulate(run), ledger


def ideal(service: str = "http") -> Link:
    """Return a link of latency only."""
    return Link(service=service, bytes_per_s=None, window_bytes=None)
