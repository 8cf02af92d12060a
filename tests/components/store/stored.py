"""A store in a simulated Redis, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from agent_perf.components import RedisStore
from agent_perf.sim import SimLoop, SimRedis, simulate
from agent_perf.sim.faults import Fault, FaultSchedule
from tests.components.fakes import Counts, constant_draws

TRIP_S = 0.001

Story = Callable[[RedisStore[str], "World"], Awaitable[object]]


class World:
    """A simulated Redis in which a trip takes 1 ms and everything else no time."""

    def __init__(self, loop: SimLoop, faults: tuple[Fault, ...]) -> None:
        self.counts = Counts()
        draws = constant_draws(redis_trip=TRIP_S, redis_connect=0.0)
        self.redis = SimRedis(draws, self.counts, command_ns=0)
        self.faults = FaultSchedule(faults, loop=loop, draws=draws, witness=self.counts)
        self.redis.faults = self.faults.point("redis")
        self.client = self.redis.client(retry=Retry(NoBackoff(), 0))

    def trips(self) -> int:
        return self.counts.total["redis_trips"]


def tell(story: Story, *faults: Fault, **options: object) -> object:
    """Run *story* with a store in a world, and return what it returns."""

    async def main(loop: SimLoop) -> object:
        world = World(loop, faults)
        # The first command pays for the connection's greeting.
        await world.client.ping()
        store = RedisStore(world.client, namespace="answers", kind=str, **options)
        try:
            return await story(store, world)
        finally:
            await world.client.aclose()

    return simulate(main)


async def cost(world: World, work: Awaitable[object]) -> tuple[object, int, float]:
    """Return the result of *work*, its round trips, and the virtual seconds it took."""
    loop = asyncio.get_running_loop()
    trips, start_s = world.trips(), loop.time()
    result = await work
    return result, world.trips() - trips, round(loop.time() - start_s, 9)
