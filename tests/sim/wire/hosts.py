"""Hosts on the network in memory, and the same in the process."""

from __future__ import annotations

import httpx
import httpx2
import pytest

from agent_perf.sim import simulate
from agent_perf.sim.wire import Link, Network
from agent_perf.sim.wire.http import WireHttp
from tests.sim.services.ledger import Ledger
from tests.sim.wire.nets import draws, ideal

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2])


def over_wire(main, link: Link | None = None):
    """Return what *main* returns, given the loop and a WireHttp, and the ledger."""
    ledger = Ledger()

    async def run(loop):
        network = Network(loop, draws(), ledger, link=link or ideal())
        try:
            return await main(loop, WireHttp(network, draws(), ledger))
        finally:
            network.close()

    return simulate(run), ledger
