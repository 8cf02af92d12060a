"""A connected redis-py client, and a scene to play with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import redis.asyncio

from agent_perf.sim import (
    SimLoop,
    SimRedis,
    simulate,
)
from tests.sim.services.ledger import Ledger, round_draws

T = TypeVar("T")


Client = redis.asyncio.Redis


Scene = Callable[[SimLoop, Client, Ledger], Awaitable[T]]


MS = 1_000_000


def play(
    scene: Scene[T],
    *,
    command_ns: int = 0,
    latencies: dict[str, float] | None = None,
    **kwargs: object,
) -> T:
    """Run *scene* with a client that is connected already, and close the client."""

    async def main(loop: SimLoop) -> T:
        ledger = Ledger()
        service = SimRedis(round_draws(**(latencies or {})), ledger, command_ns=command_ns)
        async with service.client(**kwargs) as client:
            await client.ping()
            ledger.__init__()  # type: ignore[misc]  # What came before is of no interest.
            return await scene(loop, client, ledger)

    return simulate(main)


async def elapsed_ns(loop: SimLoop, work: Awaitable[object]) -> int:
    start_ns = loop.now_ns
    await work
    return loop.now_ns - start_ns
