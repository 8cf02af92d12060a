"""Libraries that limit, retry and cache: their clocks are virtual."""

import asyncio

import aiolimiter
import anyio
import pytest
import stamina
import tenacity
from cashews import Cache

from agent_perf.sim import SimLoop, SimRedis, simulate
from tests.sim.services.ledger import Ledger, round_draws


def test_aiolimiter_lets_a_burst_through_and_then_its_rate() -> None:
    """Ten at once, then one each tenth of a second."""

    async def main(loop: SimLoop) -> list[float]:
        limiter = aiolimiter.AsyncLimiter(10, 1)
        at_s = []

        async def enter() -> None:
            async with limiter:
                at_s.append(loop.time())

        await asyncio.gather(*[enter() for _ in range(30)])
        return at_s

    want_s = [0.0] * 10 + [0.1 * (i + 1) for i in range(20)]
    assert pytest.approx(want_s, abs=1e-6) == simulate(main)


def test_tenacity_waits_in_virtual_time() -> None:
    """Exponential waits of 1, 2 and 4 seconds, to the nanosecond."""

    async def main(loop: SimLoop) -> list[float]:
        at_s = []

        @tenacity.retry(
            stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_exponential(), reraise=True
        )
        async def fail() -> None:
            at_s.append(loop.time())
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await fail()
        return at_s

    assert [0.0, 1.0, 3.0, 7.0] == simulate(main)


def test_tenacity_stops_after_virtual_seconds() -> None:
    """`stop_after_delay` reads the virtual clock."""

    async def main(loop: SimLoop) -> float:
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(7), reraise=True
        )
        with pytest.raises(ConnectionError):
            async for attempt in retrying:
                with attempt:
                    raise ConnectionError
        return loop.time()

    assert 63.0 == simulate(main)


@pytest.mark.filterwarnings("ignore")
def test_stamina_jitters_reproducibly() -> None:
    """Jitter differs from seed to seed, and not from run to run."""

    async def main(loop: SimLoop) -> list[float]:
        at_s = []

        @stamina.retry(on=ConnectionError, attempts=4, wait_initial=0.1, wait_jitter=1.0)
        async def fail() -> None:
            at_s.append(loop.time())
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await fail()
        return at_s

    assert simulate(main, seed=1) == simulate(main, seed=1) != simulate(main, seed=2)


def test_cashews_expires_in_virtual_time() -> None:
    """An entry lives its ten seconds, and fifty callers share one computation."""

    async def main(loop: SimLoop) -> tuple[object, object, int, float]:
        cache = Cache()
        cache.setup("mem://")
        await cache.set("a", 1, expire=10)
        await asyncio.sleep(9.999)
        before = await cache.get("a")
        await asyncio.sleep(0.002)
        after = await cache.get("a")
        computed = 0

        @cache(ttl="10s", lock=True)
        async def slow(key: int) -> int:
            nonlocal computed
            computed += 1
            await asyncio.sleep(1)
            return key

        begin_s = loop.time()
        await asyncio.gather(*[slow(1) for _ in range(50)])
        await cache.close()
        return before, after, computed, loop.time() - begin_s

    before, after, computed, took_s = simulate(main)

    assert (1, None, 1) == (before, after, computed)
    assert pytest.approx(1.0, abs=1e-9) == took_s


def test_redis_locks_are_fair_to_virtual_time() -> None:
    """Who waits for redis-py's lock tries again each tenth of a second."""

    async def main(loop: SimLoop) -> list[float]:
        redis = SimRedis(round_draws(redis_trip=0.0, redis_connect=0.0), Ledger(), command_ns=0)
        client = redis.client()
        at_s = []

        async def work() -> None:
            async with client.lock("lock", timeout=10, sleep=0.1):
                at_s.append(round(loop.time(), 6))
                await asyncio.sleep(0.05)

        await asyncio.gather(*[work() for _ in range(3)])
        await client.aclose()
        return at_s

    assert [0.0, 0.1, 0.2] == simulate(main)


def test_anyio_streams_and_limits_take_exact_time() -> None:
    """A rendezvous stream, a deadline and a limiter of two."""

    async def main(loop: SimLoop) -> tuple[list[tuple[int, float]], bool, float]:
        send, receive = anyio.create_memory_object_stream[int](0)

        async def produce() -> None:
            async with send:
                for number in range(3):
                    await anyio.sleep(1)
                    await send.send(number)

        async with anyio.create_task_group() as group, receive:
            group.start_soon(produce)
            got = [(number, loop.time()) async for number in receive]
        with anyio.move_on_after(2.5) as scope:
            await anyio.sleep_forever()
        limiter, begin_s = anyio.CapacityLimiter(2), loop.time()

        async def limited() -> None:
            async with limiter:
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            for _ in range(6):
                group.start_soon(limited)
        return got, scope.cancelled_caught, loop.time() - begin_s

    assert ([(0, 1.0), (1, 2.0), (2, 3.0)], True, 3.0) == simulate(main)
