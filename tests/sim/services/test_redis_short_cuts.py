"""What the short cuts around fakeredis do is what fakeredis would have done."""

from __future__ import annotations

import asyncio
import threading

import pytest
from fakeredis._core._database import Database
from redis.exceptions import ResponseError, WatchError

from agent_perf.sim import SimLoop
from agent_perf.sim.services.redis_short_cuts import set_plainly
from tests.sim.services.ledger import Ledger
from tests.sim.services.redis_stage import Client, play

_LINES = (
    "SET a 1",
    "GET a",
    "SET a 2 EX 60",
    "TTL a",
    "SET a 3",
    "TTL a",
    "set a 4 ex 7",
    "PTTL a",
    "SET a 5 EX 0",
    "SET a 5 EX -1",
    "SET a 5 EX 007",
    "SET a 5 EX 9999999999999999",
    "SET a 5 EX many",
    "SET a 5 PX 1500",
    "SET a 6 KEEPTTL",
    "SET a 6 NX",
    "SET a 6 EX",
    "SET a",
    "LPUSH list x",
    "GET list",
    "SET list text EX 5",
    "GET list",
    "KEYS *",
)


async def _answers(loop: SimLoop, client: Client, *, all_the_way: bool) -> list[object]:
    if all_the_way:
        # Once users can be restricted, no command takes a short cut.
        await client.execute_command("ACL WHOAMI")
    said: list[object] = [loop.now_ns]
    for line in _LINES:
        try:
            said.append(await client.execute_command(*line.split()))
        except ResponseError as error:
            said.append(str(error))
        said.append(loop.now_ns - int(str(said[0])))
    await asyncio.sleep(6)
    said.append(await client.execute_command("KEYS", "*"))
    return said[1:]


@pytest.mark.parametrize("protocol", [2, 3])
def test_short_cuts_answer_as_fakeredis(protocol: int) -> None:
    """
    GET and SET of all kinds are answered alike, error or not, and leave the same keys.
    """

    async def quickly(loop: SimLoop, client: Client, ledger: Ledger) -> list[object]:
        return await _answers(loop, client, all_the_way=False)

    async def slowly(loop: SimLoop, client: Client, ledger: Ledger) -> list[object]:
        return await _answers(loop, client, all_the_way=True)

    assert play(slowly, protocol=protocol) == play(quickly, protocol=protocol)


@pytest.mark.parametrize(
    ("line", "is_plain"),
    [
        ("SET a 1", True),
        ("SET a 1 EX 60", True),
        ("SET a 1 EX 0", False),
        ("SET a 1 EX 1000000000", False),
        ("SET a 1 PX 60", False),
        ("SET a 1 NX", False),
        ("SET a", False),
    ],
)
def test_only_plain_sets_are_cut_short(line: str, is_plain: bool) -> None:
    """
    A value alone or with its seconds is set at once; all else is left to fakeredis, untouched.
    """
    lock = threading.Lock()
    database = Database(lock)
    with lock:
        assert is_plain == set_plainly(database, [word.encode() for word in line.split()])

    assert ([b"a"] if is_plain else []) == list(database)


def test_a_watched_key_notices_a_short_cut() -> None:
    """
    A transaction whose key was set meanwhile, by way of the short cut, is not executed.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> None:
        async with client.pipeline() as pipeline:
            await pipeline.watch("a")
            await client.set("a", "2", ex=60)
            pipeline.multi()
            pipeline.set("a", "3")
            with pytest.raises(WatchError):
                await pipeline.execute()
        assert b"2" == await client.get("a")

    play(scene, max_connections=5)


def test_who_listens_to_keys_hears_of_a_short_cut() -> None:
    """
    A subscriber to a key's events is told of a plain SET.
    """

    async def scene(loop: SimLoop, client: Client, ledger: Ledger) -> None:
        async with client.pubsub() as listener:
            await listener.subscribe("__keyspace@0__:a")
            await listener.get_message(timeout=1)
            await client.set("a", "2")
            message = await listener.get_message(timeout=1)
        assert message is not None
        assert b"set" == message["data"]

    play(scene, max_connections=5)
