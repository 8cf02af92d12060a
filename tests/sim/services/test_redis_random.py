"""What Redis picks at random hangs on the request that asks, and on nothing else."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio

from agent_perf.sim import SimLoop, SimRedis, request_scope, simulate
from tests.sim.services.ledger import Ledger, round_draws

Client = redis.asyncio.Redis
Pick = Callable[[Client], Awaitable[Any]]


async def _pop_in_a_transaction(client: Client) -> object:
    async with client.pipeline(transaction=True) as pipeline:
        return await pipeline.spop("members", 2).execute()


PICKS: dict[str, Pick] = {
    "SPOP": lambda client: client.spop("members"),
    "SPOP of many": lambda client: client.spop("members", 5),
    "SRANDMEMBER": lambda client: client.srandmember("members", -5),
    "RANDOMKEY": lambda client: client.randomkey(),
    "HRANDFIELD": lambda client: client.hrandfield("hash", 5),
    "ZRANDMEMBER": lambda client: client.zrandmember("sorted", 5),
    "in MULTI": _pop_in_a_transaction,
    "in a script": lambda client: client.eval("return redis.call('SPOP', 'members')", 0),
}


def picked(pick: Pick, *, seed: int = 1, before: int = 0, of_request: int = 7) -> object:
    """Return what *pick* gives request *of_request*, after *before* picks of another."""

    async def main(loop: SimLoop) -> object:
        async with SimRedis(round_draws(seed), Ledger()).client() as client:
            names = [f"name-{number}" for number in range(100)]
            for name in names:
                await client.set(name, "")
            await client.sadd("members", *names)
            await client.sadd("others", *names)
            await client.hset("hash", mapping=dict.fromkeys(names, ""))
            await client.zadd("sorted", dict.fromkeys(names, 0))
            with request_scope(1):
                for _ in range(before):
                    await client.srandmember("others", 3)
                    random.random()
            with request_scope(of_request):
                return await pick(client)

    return simulate(main, seed=before)


@pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS.keys())
def test_a_pick_is_its_requests_own(pick: Pick) -> None:
    """
    Other requests' picks, and the program's own dice, do not change what a request gets;
    another request or another seed gets something else.
    """
    expected = picked(pick)

    assert expected == picked(pick, before=3)
    assert len({str(picked(pick, of_request=number)) for number in range(6)}) > 1
    assert len({str(picked(pick, seed=number)) for number in range(6)}) > 1


def test_a_pick_leaves_the_programs_dice_alone() -> None:
    """
    `random` of the program under test gives the same numbers whatever Redis picked between.
    """

    async def main(loop: SimLoop) -> tuple[float, float]:
        async with SimRedis(round_draws(), Ledger()).client() as client:
            await client.sadd("members", *"abcdefgh")
            first = random.random()
            await client.spop("members")
            return first, random.random()

    dice = random.Random(5)
    assert (dice.random(), dice.random()) == simulate(main, seed=5)


def test_two_picks_of_a_request_differ() -> None:
    """
    The ordinal counts: a request that picks ten times does not get one answer ten times.
    """

    async def ten_times(client: Client) -> object:
        return [await client.srandmember("members") for _ in range(10)]

    found = picked(ten_times)
    assert isinstance(found, list)
    assert len(set(found)) > 5
