"""Services for one run: found, or started and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services import Service, embeddable, live_services
from agent_perf.live.services.postgres_greeting import Greeting, greeting_of

_LONG_S = 20.0


def _need(service: Service) -> None:
    if embeddable(service) is None:
        pytest.skip(f"no program of a {service.value} service")


@pytest.fixture
def folder(monkeypatch) -> Iterator[Path]:
    """Where folders of runs are made: nobody else's are swept."""
    with tempfile.TemporaryDirectory(prefix="agent-perf-test-") as name:
        # A server of another user must be able to pass, which pytest's own folders forbid.
        Path(name).chmod(0o711)
        monkeypatch.setattr("tempfile.tempdir", name)
        yield Path(name)


def test_an_embedded_redis_answers_its_password_alone(folder: Path) -> None:
    """It is there during the block, wants the password of its address, and leaves nothing."""
    _need(Service.REDIS)
    with live_services({}, [Service.REDIS]) as found:
        address = found[Service.REDIS]
        with redis.Redis.from_url(address.url) as client:
            assert client.set("a", "1")
            assert {"redis_version"} <= client.info("server").keys()
        port = client.connection_pool.connection_kwargs["port"]
        with socket.create_connection(("127.0.0.1", port), timeout=_LONG_S) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(100).startswith(b"-NOAUTH")

    assert address.is_embedded
    assert [] == list(folder.iterdir())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.slow
def test_an_embedded_postgres_answers_its_password_alone(folder: Path) -> None:
    """Likewise; and what a COMMIT says is on disk."""
    _need(Service.DATABASE)

    async def ask(url: str) -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval("show fsync"))
        finally:
            await connection.close()

    with live_services({}, [Service.DATABASE]) as found:
        address = found[Service.DATABASE]
        assert "on" == asyncio.run(ask(address.url))
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(ask(address.url.replace(address.secrets[0], "guess")))

    assert [] == list(folder.iterdir())


@pytest.mark.slow
def test_nothing_is_left_of_a_run_that_was_killed(folder: Path) -> None:
    """SIGKILL ends servers and removes folders, without another run."""
    for service in Service:
        _need(service)
    with _killed_run(folder) as servers:
        psutil.wait_procs(servers, timeout=_LONG_S)

        assert [False, False] == [server.is_running() for server in servers]
        _wait_until(lambda: not list(folder.iterdir()))


@pytest.mark.slow
def test_the_next_run_sweeps_what_a_killed_guard_has_left(folder: Path) -> None:
    """If the guards are killed as well, the next start ends servers, and removes folders."""
    for service in Service:
        _need(service)
    with _killed_run(folder, with_guards=True) as servers:
        assert [True, True] == [server.is_running() for server in servers]
        with live_services({}, []):
            assert [] == list(folder.iterdir())

        psutil.wait_procs(servers, timeout=_LONG_S)
        assert [False, False] == [server.is_running() for server in servers]


_RUN = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from agent_perf.live.services import Service, live_services
with live_services({}, Service):
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _killed_run(folder: Path, *, with_guards: bool = False) -> Iterator[list[psutil.Process]]:
    """Start both services in a process that is killed; give the servers."""
    run = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert run.stdout is not None
    assert run.stdin is not None
    with run:
        assert b"up\n" == run.stdout.readline()
        guards = psutil.Process(run.pid).children()
        servers = [guard.children()[0] for guard in guards]
        if with_guards:
            for guard in guards:
                guard.send_signal(signal.SIGSTOP)
        run.kill()
        run.wait()
        if with_guards:
            for guard in guards:
                guard.kill()
            psutil.wait_procs(guards, timeout=_LONG_S)
    try:
        yield servers
    finally:
        for server in servers:
            if server.is_running():
                server.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its user")
def test_a_temporary_folder_that_the_server_cannot_reach_is_told(folder: Path) -> None:
    """As root the server is another user, who must be able to pass; else the way out is told."""
    _need(Service.DATABASE)
    folder.chmod(0o700)

    with (
        pytest.raises(UsageError, match=r"\w+ cannot pass /.*agent-perf-test-.*set TMPDIR"),
        live_services({}, [Service.DATABASE]),
    ):
        raise AssertionError("it was started")


def test_without_a_program_the_way_out_is_told(monkeypatch) -> None:
    """Who has neither is told what to install, and where to say that there is one."""
    monkeypatch.setenv("PATH", "/nowhere")

    with (
        pytest.raises(UsageError, match=r"redis-server.*--redis-url URL, AGENT_PERF_REDIS_URL"),
        live_services({}, [Service.REDIS]),
    ):
        raise AssertionError("it was started")


def test_a_service_that_is_named_is_found(redis_url: str, postgres_url: str) -> None:
    """With a URL nothing is started: what is there is taken."""
    chosen = {Service.REDIS: redis_url, Service.DATABASE: postgres_url}
    with live_services(chosen, Service) as found:
        assert redis_url == found[Service.REDIS].url
        assert found[Service.REDIS].about.startswith("Redis ")
        assert "PostgreSQL" == found[Service.DATABASE].about
        assert not any(address.is_embedded for address in found.values())


@pytest.mark.parametrize("service", Service)
def test_a_service_that_does_not_answer_is_told_without_its_password(service: Service) -> None:
    """The URL is told, the password is not, and there is a way out."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        scheme = {"redis": "redis", "database": "postgresql"}[service.value]
        url = f"{scheme}://me:hunter2@127.0.0.1:{holder.getsockname()[1]}/0"
        with (
            pytest.raises(BrokenError, match=rf"at {scheme}://127.*-url embedded") as caught,
            live_services({service: url}, [service]),
        ):
            raise AssertionError("somebody answered")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "greeting"),
    [
        (b"R\0\0\0\x08\0\0\0\0", Greeting.READY),
        (b"E\0\0\0\x13SFATAL\0C57P03\0\0", Greeting.STARTING),
        (b"E\0\0\0\x13SFATAL\0C28P01\0\0", Greeting.READY),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Greeting.FOREIGN),
        (b"", Greeting.NONE),
    ],
)
def test_a_server_is_known_by_its_first_message(said: bytes, greeting: Greeting) -> None:
    """A server that asks for a password is ready, and one that is starting up is not."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.recv(1_000)
                # In two pieces: a message need not come at once.
                line.sendall(said[:1])
                line.sendall(said[1:])

        thread = threading.Thread(target=serve)
        thread.start()
        heard = greeting_of("127.0.0.1", server.getsockname()[1], "me")
        thread.join()

    assert greeting is heard


def _wait_until(is_so) -> None:
    deadline = time.monotonic() + _LONG_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("option", "told"), [("socket_timeout=soon", "socket_timeout"), ("colour=red", "colour")]
)
def test_an_option_that_redis_does_not_know_is_told(option: str, told: str) -> None:
    """It is the address that is wrong, and its password is not told."""
    chosen = {Service.REDIS: f"redis://:geheim12@127.0.0.1:1/0?{option}"}

    with (
        pytest.raises(UsageError, match=rf"redis://127\.0\.0\.1:1/0: .*{told}") as caught,
        live_services(chosen, [Service.REDIS]),
    ):
        pass
    assert "geheim12" not in str(caught.value)
