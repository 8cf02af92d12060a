"""What holds for any values, any timing and any seed."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from redis.exceptions import WatchError

from agent_perf.sim import (
    Draws,
    SimLoop,
    SimRedis,
    request_scope,
    simulate,
)
from tests.sim.services.ledger import Ledger
from tests.sim.services.redis_stage import MS, Client, play


@settings(max_examples=25, deadline=None)
@given(key=st.binary(max_size=40), value=st.binary(max_size=300), protocol=st.sampled_from([2, 3]))
def test_values_are_bytes(key: bytes, value: bytes, protocol: int) -> None:
    """
    Any bytes, line ends and zeros included, come back as they were, as key and as value.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> list[object]:
        await client.set(key, value)
        return [await client.get(key), await client.mget(key, b"other" + key)]

    assert [value, [value, None]] == play(scene, protocol=protocol)


Step = tuple[str, int, int]


steps = st.tuples(
    st.sampled_from(["incr", "pipeline", "transaction", "watch", "lock"]),
    st.integers(0, 3 * MS),
    st.integers(1, 4),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, max_size=8), st.integers(0, 50), st.integers(0, 100_000))
def test_no_increment_is_lost(plan: list[Step], seed: int, command_ns: int) -> None:
    """
    However increments interleave, by commands, pipelines, transactions and locks, the
    counter ends at their sum.
    """

    async def add(client: Client, kind: str, amount: int) -> None:
        match kind:
            case "incr":
                for _ in range(amount):
                    await client.incr("n")
            case "pipeline" | "transaction":
                pipeline = client.pipeline(transaction=kind == "transaction")
                for _ in range(amount):
                    pipeline.incr("n")
                await pipeline.execute()
            case "watch":
                await _add_watched(client, amount)
            case "lock":
                # All that read and write back must hold the lock: a key of their own.
                async with client.lock("lock", timeout=60, sleep=0.001):
                    value = int(await client.get("m") or 0)
                    await client.set("m", value + amount)

    async def main(loop: SimLoop) -> int:
        service = SimRedis(Draws(seed), Ledger(), command_ns=command_ns)
        async with service.client(max_connections=3) as client:

            async def step(request_id: int, kind: str, delay_ns: int, amount: int) -> None:
                await asyncio.sleep(delay_ns / 1e9)
                with request_scope(request_id):
                    await add(client, kind, amount)

            await asyncio.gather(*(step(i, *entry) for i, entry in enumerate(plan)))
            return int(await client.get("n") or 0) + int(await client.get("m") or 0)

    assert sum(amount for *_, amount in plan) == simulate(main)


async def _add_watched(client: Client, amount: int) -> None:
    async with client.pipeline() as pipeline:
        while True:
            try:
                await pipeline.watch("n")
                value = int(await pipeline.get("n") or 0)
                pipeline.multi()
                pipeline.set("n", value + amount)
                await pipeline.execute()
            except WatchError:
                continue
            return


def test_the_same_seed_does_the_same() -> None:
    """
    Two runs of one seed tell the same spans and counts, with subscribers and waiters.
    """

    def once() -> tuple[object, ...]:
        async def main(loop: SimLoop) -> tuple[object, ...]:
            ledger = Ledger()
            service = SimRedis(Draws(5), ledger)
            async with service.client() as client:
                heard: list[tuple[int, int]] = []

                async def listen(number: int) -> None:
                    async with client.pubsub() as pubsub:
                        await pubsub.subscribe("channel")
                        while (await pubsub.get_message(timeout=9) or {}).get("type") != "message":
                            pass
                        heard.append((number, loop.now_ns))

                async def pop() -> object:
                    return await client.blpop(["queue"], timeout=4)

                tasks = [asyncio.create_task(listen(number)) for number in range(6)]
                tasks += [asyncio.create_task(pop()) for _ in range(4)]
                await asyncio.sleep(1)
                await client.publish("channel", "x")
                await client.rpush("queue", 1, 2, 3)
                done = await asyncio.gather(*tasks)
            return heard, done, ledger.spans, ledger.details, loop.now_ns

        return simulate(main)

    assert once() == once()
