"""Clients that are told what has changed."""

from __future__ import annotations

import asyncio

import hiredis
import pytest
from redis.exceptions import ResponseError

from agent_perf.sim import SimRedis, simulate
from agent_perf.sim.wire import Network
from agent_perf.sim.wire.redis import WireRedis
from tests.sim.services.ledger import Ledger
from tests.sim.wire.nets import draws, ideal


def with_redis(tier, story):
    """Return what *story* returns, given a Redis in the process or on the wire."""

    async def main(loop):
        if tier == "client":
            return await story(SimRedis(draws(), Ledger()))
        network = Network(loop, draws(), Ledger())
        try:
            return await story(WireRedis(network, draws(), Ledger(), link=ideal("redis")))
        finally:
            network.close()

    return simulate(main)


async def listener(service, protocol, *options):
    """Return a connection that hears what *options* ask for."""
    client = service.client(protocol=protocol)
    pool = client.connection_pool
    connection = await pool.get_connection()
    await connection.send_command("CLIENT", "ID")
    number = await connection.read_response()
    redirect = ("REDIRECT", str(number)) if protocol == 2 else ()
    await connection.send_command("CLIENT", "TRACKING", "ON", *redirect, *options)
    assert b"OK" == await connection.read_response()
    if protocol == 2:
        await connection.send_command("SUBSCRIBE", "__redis__:invalidate")
        await connection.read_response()
    return connection, client


async def heard(connection):
    """Return the names told of until nothing more comes for a second."""
    names = []
    with pytest.raises(TimeoutError):
        while True:
            async with asyncio.timeout(1):
                message = await connection.read_response(push_request=True)
            names.append(message[-1])
    return names


async def changes(service, connection):
    """Make every kind of change; return what is heard."""
    async with service.client() as other:
        await other.set("a:1", "x")
        await other.set("b:1", "x")
        await other.get("a:1")
        await other.pexpire("a:1", 60_000)
        async with other.pipeline(transaction=True) as pipeline:
            pipeline.set("a:2", "x")
            pipeline.set("c:2", "x")
            pipeline.set("a:3", "x")
            await pipeline.execute()
        await other.unlink("a:1", "a:9")
        await other.eval("return redis.call('SET', KEYS[1], 'x')", 1, "c:3")
        await other.flushdb()
    return await heard(connection)


@pytest.mark.parametrize("tier", ["client", "wire"])
def test_changes_under_the_prefixes_are_told(tier) -> None:
    """Writes, removals, scripts and flushes are told in order, of the prefixes asked for."""

    async def story(service):
        connection, client = await listener(service, 2, "BCAST", "PREFIX", "a:", "PREFIX", "c:")
        told = await changes(service, connection)
        await connection.disconnect()
        await client.aclose()
        return told

    assert [
        [b"a:1"],
        [b"a:1"],
        [b"a:2", b"c:2", b"a:3"],
        [b"a:1"],
        [b"c:3"],
        None,
    ] == with_redis(tier, story)


def test_resp3_gets_pushes_on_the_same_connection() -> None:
    """In RESP3 what a connection itself changes is pushed after the reply; not with NOLOOP."""

    async def exchange(*options):
        async def story(service):
            reader, writer = await asyncio.open_connection("redis.sim", 6379)
            commands = ["HELLO 3", f"CLIENT TRACKING ON BCAST {' '.join(options)}", "SET k v"]
            data = b""
            for command in commands:
                writer.write(hiredis.pack_command(tuple(command.split())))
                await asyncio.sleep(0.1)
                data = await reader.read(10_000)
            writer.close()
            return data

        return story

    async def main(loop):
        found = []
        for options in ((), ("NOLOOP",)):
            network = Network(loop, draws(), Ledger())
            service = WireRedis(network, draws(), Ledger(), link=ideal("redis"))
            found.append(await (await exchange(*options))(service))
            network.close()
        return found

    assert [
        b"+OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
        b"+OK\r\n",
    ] == simulate(main)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("ON",), "BCAST mode only"),
        (("ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"), "overlaps"),
        (("ON", "BCAST", "REDIRECT", "999"), "does not exist"),
        (("ON", "BCAST", "SOMETIMES"), "syntax"),
        (("PERHAPS",), "syntax"),
    ],
)
def test_what_cannot_be_is_refused(words, match) -> None:
    """Modes that are not simulated, and wishes that Redis refuses, are errors."""

    async def story(service):
        async with service.client() as client:
            with pytest.raises(ResponseError, match=match):
                await client.execute_command("CLIENT", "TRACKING", *words)
            await client.execute_command("CLIENT", "TRACKING", "OFF")

    with_redis("client", story)


def test_who_has_left_is_told_nothing() -> None:
    """A listener that closes is forgotten, and writers go on."""

    async def story(service):
        connection, client = await listener(service, 2, "BCAST")
        await connection.disconnect()
        await client.aclose()
        await asyncio.sleep(1)
        async with service.client() as other:
            await other.set("k", "v")
            return await other.get("k")

    assert b"v" == with_redis("wire", story)
