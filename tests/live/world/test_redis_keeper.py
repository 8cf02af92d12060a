"""A logical database of Redis that is a run's, on servers that are set up otherwise."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
import redis.asyncio

from agent_perf.errors import UsageError
from agent_perf.live.services import Service, embeddable, live_services
from agent_perf.live.world import LiveRedis, RealLoop, run_in_real_time
from agent_perf.live.world.egress import _lead_redis
from tests.live.chaos.upstreams import free_port

pytestmark = pytest.mark.slow


class Counts:
    """A witness that counts."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def count(self, name: str, amount: int = 1, detail: str = "") -> None:
        if not name.startswith("bytes_"):
            self.found[f"{name} {detail}"] += amount

    def span(self, name: str, start_ns: int, end_ns: int, detail: str = "") -> None:
        self.found[f"span {name} {detail}"] += 1

    def level(self, name: str, change: int) -> None: ...

    def bound(self, name: str, most: int | None) -> None: ...


def test_a_server_that_hangs_up_on_the_idle_does_not_on_the_keeper() -> None:
    """
    A server whose `timeout` is a second: the claim is still there afterwards, by its own
    connection.
    """
    if embeddable(Service.REDIS) is None:
        pytest.skip("no program of a redis service")
    loop = RealLoop()
    try:
        with (
            live_services({}, [Service.REDIS]) as found,
            redis.Redis.from_url(found[Service.REDIS].url) as client,
        ):
            client.config_set("timeout", 1)
            used = LiveRedis(found[Service.REDIS].url, loop, Counts())
            (first,) = keepers(client)
            time.sleep(2.5)
            (later,) = keepers(client)
            used.close()

            assert first == later
            assert [] == keepers(client)
    finally:
        loop.close()


def keepers(client: redis.Redis) -> list[str]:
    """Return the connections that hold a database, by their numbers."""
    told = client.client_list()
    return [one["id"] for one in told if one["name"].startswith("agent-perf-")]


@pytest.fixture
def tls_url(tmp_path: Path) -> Iterator[str]:
    """A Redis that is reached by TLS alone, with a certificate of its own."""
    server, openssl = shutil.which("redis-server"), shutil.which("openssl")
    if server is None or openssl is None:
        pytest.skip("no redis-server, or no openssl")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out",
         "cert.pem", "-days", "1", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    process = subprocess.Popen(
        [server, "--port", "0", "--tls-port", str(port), "--tls-cert-file", "cert.pem",
         "--tls-key-file", "key.pem", "--tls-auth-clients", "no", "--tls-ca-cert-file", "cert.pem",
         "--save", ""],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    deadline_s = time.monotonic() + 10
    while not listens(port):
        if process.poll() is not None:
            pytest.skip("this redis-server knows no TLS")
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    yield f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path / 'cert.pem'}"
    process.terminate()
    process.wait(10)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def counted(url: str) -> Counter[str]:
    """Return the work of our own client, and of an application's for a Redis of another name."""
    witness = Counts()

    async def main(loop: RealLoop) -> None:
        live = LiveRedis(url, loop, witness)
        try:
            with ExitStack() as stack:
                _lead_redis(stack, lambda: live)
                async with live.client() as own:
                    await own.set("a", "1")
                    assert b"1" == await own.get("a")
                async with redis.asyncio.Redis(host="cache.internal") as theirs:
                    assert b"1" == await theirs.get("a")
        finally:
            live.close()

    run_in_real_time(main, limit_s=20, whose="it")
    # Two that are sent without waiting are one trip or two, as the first answer comes.
    return Counter({name: n for name, n in witness.found.items() if "CLIENT SETINFO" not in name})


def test_tls_is_listened_to_on_the_inside(tls_url: str) -> None:
    """
    By TLS the same work is counted as without, also of an application that knows of no TLS.
    """
    with live_services({}, [Service.REDIS]) as found:
        plain = counted(found[Service.REDIS].url)

    assert plain == counted(tls_url)
    assert 1 == plain["redis_commands SET"]
    assert 2 == plain["redis_hits GET"]


def test_a_certificate_is_of_the_server_and_not_of_what_stands_before_it(tls_url: str) -> None:
    """
    A proxy has another address than the server, whose name is what the certificate is checked by.
    """

    async def main(loop: RealLoop) -> bytes:
        live = LiveRedis(tls_url, loop, Counts())
        try:
            live.lead_through("127.0.0.1", live.address()[1])
            async with live.client() as own:
                await own.set("a", "1")
                value: bytes = await own.get("a")
                return value
        finally:
            live.close()

    assert b"1" == run_in_real_time(main, limit_s=20, whose="it")


def test_the_way_out_of_a_socket_is_told() -> None:
    """
    A Redis behind a socket of a file cannot be listened to; what would do is said.
    """
    loop = RealLoop()
    try:
        with pytest.raises(UsageError, match="bind 127.0.0.1.*--redis-url embedded"):
            LiveRedis("unix:///run/redis.sock?db=3", loop, Counts())
    finally:
        loop.close()
