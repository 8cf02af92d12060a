"""Ways to a real Redis: users, sockets, TLS, IPv6, processes, loops, and what it pushes."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys

import pytest
import redis.exceptions as redis_errors

from agent_perf.components import RedisLink
from tests.components.link.peers import HELLO, Peer, outcome
from tests.services.servers import RedisServer

pytestmark = pytest.mark.services

LOST = redis_errors.ConnectionError


def test_users_passwords_databases_and_sockets(tmp_path) -> None:
    """
    AUTH by password and by user, SELECT, a name, a unix socket; wrong ones say what is wrong.
    """
    # The path of a unix socket has 108 bytes at most.
    path = f"/tmp/agent-perf-{os.getpid()}.sock"

    async def ask(url, *command, **options):
        async with RedisLink(url, timeout_s=10.0, **options) as link:
            return await outcome(link.execute(*command))

    async def main():
        options = ("--requirepass", "pa ss@", "--unixsocket", path)
        async with RedisServer(*options) as server:
            at = f"127.0.0.1:{server.port}"
            good = f"redis://:pa%20ss%40@{at}"
            await ask(good, "ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", "-flushall")
            return [
                await ask(f"{good}/2", "SET", "k", "two"),
                await ask(f"{good}/2", "GET", "k", protocol=2),
                await ask(f"{good}/0", "GET", "k"),
                await ask(f"redis://bob:secret@{at}", "ACL", "WHOAMI", protocol=2),
                await ask(f"redis://bob:secret@{at}", "ACL", "WHOAMI", protocol=3),
                await ask(f"unix://:pa%20ss%40@{path}?db=2", "GET", "k"),
                await ask(good, "CLIENT", "GETNAME", client_name="us", protocol=2),
                await ask(good, "CLIENT", "GETNAME", client_name="us"),
            ], [
                await ask(f"redis://:wrong@{at}", "PING"),
                await ask(f"redis://:wrong@{at}", "PING", protocol=2),
                await ask(f"redis://{at}", "PING"),
                await ask(f"redis://{at}", "PING", protocol=2),
                await ask(f"redis://bob:secret@{at}", "FLUSHALL"),
                await ask(f"{good}/99", "PING"),
            ]

    good, bad = asyncio.run(main())

    assert [b"OK", b"two", None, b"bob", b"bob", b"two", b"us", b"us"] == good
    assert [redis_errors.AuthenticationError] * 4 == [type(error) for error in bad[:4]]
    assert [redis_errors.NoPermissionError, redis_errors.ResponseError] == [
        type(error) for error in bad[4:]
    ]


def test_a_server_that_is_full_or_a_replica_says_so() -> None:
    """
    -OOM and -READONLY are redis-py's errors, and reads go on.
    """

    async def main():
        async with RedisServer("--maxmemory", "1") as server, RedisLink(server.url) as link:
            full = await outcome(link.execute("SET", "a", "b"))
            await link.execute("CONFIG", "SET", "maxmemory", 0)
            await link.execute("REPLICAOF", "127.0.0.1", server.port)
            replica = await outcome(link.execute("SET", "a", "b"))
            return type(full), type(replica), await link.execute("PING")

    expected = redis_errors.OutOfMemoryError, redis_errors.ReadOnlyError, b"PONG"
    assert expected == asyncio.run(main())


def test_invalidations_arrive_as_pushes(redis_url, prefix) -> None:
    """
    With CLIENT TRACKING in the greeting, another client's write is told to on_push.
    """

    async def main():
        heard = asyncio.Queue()
        tracking = [("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix)]
        async with (
            RedisLink(redis_url, greeting=tracking, on_push=heard.put_nowait) as near,
            RedisLink(redis_url) as far,
        ):
            await near.execute("PING")
            await far.execute("SET", prefix, 1, "EX", 60)
            async with asyncio.timeout(10):
                message = await heard.get()
            await far.execute("UNLINK", prefix)
            return message

    assert [b"invalidate", [prefix.encode()]] == asyncio.run(main())


def test_tls_is_spoken_and_checked(tmp_path) -> None:
    """
    rediss:// works with a context that trusts the server, and is refused by one that does not.
    """
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=localhost",
            ],
            *["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout"],
            key,
            "-out",
            certificate,
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"openssl makes no certificate: {made.stderr.decode()[-200:]}")

    async def main():
        peer, serving = Peer(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(certificate, key)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(peer.session, "127.0.0.1", 0, ssl=serving)
        url = f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        trusting = ssl.create_default_context(cafile=str(certificate))
        value = os.urandom(1_000_000)
        async with RedisLink(url, timeout_s=20.0, ssl=trusting) as link:
            replies = await asyncio.gather(*(link.execute("ECHO", n) for n in range(100)))
            big = await link.execute("ECHO", value)
        async with RedisLink(url, timeout_s=20.0) as link:
            refused = await outcome(link.execute("PING"))
        server.close()
        return replies, big == value, refused

    replies, same, refused = asyncio.run(main())

    assert [b"%d" % n for n in range(100)] == replies
    assert same
    assert isinstance(refused, LOST)
    assert "CERTIFICATE_VERIFY_FAILED" in str(refused)


def test_ipv6_is_spoken() -> None:
    """
    A host in brackets is an IPv6 address.
    """

    async def main():
        peer = Peer()
        try:
            server = await asyncio.get_running_loop().create_server(peer.session, "::1", 0)
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        url = f"redis://[::1]:{server.sockets[0].getsockname()[1]}/0"
        async with RedisLink(url) as link:
            reply = await link.execute("ECHO", "six")
        server.close()
        return reply

    assert b"six" == asyncio.run(main())


def test_a_forked_child_leaves_the_parents_connection_alone(redis_url) -> None:
    """
    The child makes a connection of its own; both get their own replies only.
    """
    code = f"""
import asyncio, os, warnings
from agent_perf.components import RedisLink
link = RedisLink({redis_url!r}, timeout_s=10.0)
async def ask(who):
    replies = await asyncio.gather(*(link.execute("ECHO", f"{{who}} {{n}}") for n in range(100)))
    assert replies == [f"{{who}} {{n}}".encode() for n in range(100)]
async def parent():
    await ask("parent")
    under_way = link.execute("ECHO", "mine")
    child = os.fork()
    if not child:
        # Out of the running loop, which is the parent's.
        asyncio.events._set_running_loop(None)
        asyncio.run(ask("child"))
        os._exit(0)
    assert await under_way == b"mine"
    await ask("parent")
    status = await asyncio.to_thread(os.waitpid, child, 0)
    await ask("parent")
    await link.aclose()
    print("child", status[1], "connects", link.stats().connects)
asyncio.run(parent())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert ("child 0 connects 1", "") == (done.stdout.strip(), done.stderr)


def test_a_link_follows_its_program_from_loop_to_loop(redis_url) -> None:
    """
    In the next asyncio.run it connects anew; in two running loops at once it is refused.
    """
    code = f"""
import asyncio
from agent_perf.components import RedisLink
from agent_perf.errors import UsageError
link = RedisLink({redis_url!r}, timeout_s=10.0)
async def ask():
    return await link.execute("ECHO", "here")
async def main():
    first = await ask()
    try:
        await asyncio.to_thread(asyncio.run, ask())
    except UsageError as error:
        print(error)
    await link.aclose()
    return first
print(asyncio.run(ask()), asyncio.run(main()), link.stats().connects)
"""
    # The first loop ends without aclose, of which Python warns, and rightly, if it is asked to.
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert [
        "this RedisLink serves another running loop: make one for each loop",
        "b'here' b'here' 2",
    ] == done.stdout.splitlines()
    assert "" == done.stderr


def test_the_peers_hello_is_that_of_redis() -> None:
    """
    The peer of the simulated tests greets as a RESP3 server does.
    """
    assert HELLO.startswith(b"%")
