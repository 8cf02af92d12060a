from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from bisect import bisect_right

import pytest

from agent_perf.components import NearTier, RedisLink, RedisStore
from tests.services.proxy import Proxy
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services

STALENESS_S = 0.4
WRITER = """
import sys, time
import redis
from agent_perf.components import Serializer

client, dumps = redis.Redis.from_url(sys.argv[1]), Serializer(list).dumps
end_s = time.monotonic() + 2.5
number = 0
while time.monotonic() < end_s:
    number += 1
    key = f"k{number % 5}"
    client.set(f"near:{key}", dumps([key, number]), ex=60)
    print(number, time.monotonic(), flush=True)
    time.sleep(0.002)
"""


async def disturb(line: Proxy, until: asyncio.Event) -> None:
    """Cut the line, in the middle of a message too, silence it and slow it down, in turn."""
    rng = random.Random(7)
    while not until.is_set():
        for mishap in ("cut", "bytes", "hole", "slow"):
            match mishap:
                case "cut":
                    line.cut_all()
                case "bytes":
                    line.cut_after_bytes(rng.randrange(1, 500))
                case "hole":
                    line.blackhole()
                case "slow":
                    line.delay_s = 0.1
            await asyncio.sleep(rng.uniform(0.1, 0.6) if mishap in {"hole", "slow"} else 0.05)
            line.heal()
            await asyncio.sleep(0.15)


def test_no_read_is_older_than_promised_whatever_becomes_of_the_line() -> None:
    """
    While another process writes, and the line of changes is cut, silent and slow, no value is
    read that was replaced longer ago than staleness_s, and none of another key.
    """
    reads: list[tuple[int, int, float]] = []

    async def main() -> tuple[str, int]:
        async with (
            RedisServer() as server,
            Proxy(server.host, server.port) as line,
            RedisLink(server.url, timeout_s=5) as link,
        ):
            near: NearTier[list] = NearTier(
                f"redis://127.0.0.1:{line.port}/0", staleness_s=STALENESS_S
            )
            store = RedisStore(link, namespace="near", kind=list, near=near)
            await near.ready()
            over = asyncio.Event()
            writer = await asyncio.create_subprocess_exec(
                sys.executable, "-c", WRITER, server.url, stdout=subprocess.PIPE
            )

            async def read(rng: random.Random) -> None:
                while not over.is_set():
                    which, begin_s = rng.randrange(5), time.monotonic()
                    value = await store.get(f"k{which}")
                    if value is not None:
                        assert f"k{which}" == value[0]
                        reads.append((which, value[1], begin_s))
                    await asyncio.sleep(0.001)

            tasks = [asyncio.create_task(read(random.Random(seed))) for seed in range(3)]
            tasks.append(asyncio.create_task(disturb(line, over)))
            written, _ = await writer.communicate()
            over.set()
            await asyncio.gather(*tasks)
            await store.aclose()
            return written.decode(), near.hits

    written, hits = asyncio.run(main())
    acknowledged_s: dict[int, list[tuple[int, float]]] = {which: [] for which in range(5)}
    for line in written.splitlines():
        number, at_s = line.split()
        acknowledged_s[int(number) % 5].append((int(number), float(at_s)))
    assert hits
    for which, number, begin_s in reads:
        later = acknowledged_s[which]
        replaced = bisect_right(later, number, key=lambda one: one[0])
        if replaced < len(later):
            assert begin_s - later[replaced][1] <= STALENESS_S
