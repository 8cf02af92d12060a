"""An application in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from agent_perf.errors import BrokenError, UsageError
from agent_perf.live.services import AppServer

_APP = """
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup" and os.environ.get("FAILS"):
                await send({"type": "lifespan.startup.failed", "message": "no database"})
                return
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    print("x" * 1000 * int(os.environ.get("CHATTER", "0")), flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": os.environ.get("WORD", "").encode()})
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A folder with an application; folders of runs are made beside it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    (tmp_path / "shop.py").write_text(_APP)
    yield tmp_path
    assert [] == list(scratch.iterdir())


@pytest.mark.slow
def test_it_is_killed_and_comes_back_at_the_same_place(folder: Path) -> None:
    """It answers, refuses connections while it is down, and answers again as another process."""
    with AppServer(app="shop:app", folder=folder, environ={"WORD": "hello"}) as server:
        first = psutil.Process(server.pid)
        assert "hello" == httpx.get(server.url).text
        server.kill()
        assert not server.is_running()
        assert not first.is_running()
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)
        server.start()
        assert "hello" == httpx.get(server.url).text
        second = psutil.Process(server.pid)
        assert first.pid != second.pid

    assert not second.is_running()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(server.url).port or 0), timeout=5)


@pytest.mark.slow
def test_it_hangs_and_goes_on(folder: Path) -> None:
    """A process that is stopped takes connections, and answers them when it goes on."""
    with AppServer(app="shop:app", folder=folder) as server:
        server.send(signal.SIGSTOP)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(server.url, timeout=0.3)
        server.send(signal.SIGCONT)
        assert 200 == httpx.get(server.url, timeout=30).status_code
        # One that hangs is ended, too.
        server.send(signal.SIGSTOP)


@pytest.mark.slow
def test_what_it_writes_is_kept_within_bounds(folder: Path, monkeypatch) -> None:
    """The newest of its output is kept: neither disk nor pipe runs full."""
    with AppServer(app="shop:app", folder=folder, environ={"CHATTER": "1000"}) as server:
        for _ in range(5):
            httpx.get(server.url)
        files = list((folder / "scratch").glob("*/log*"))

        assert 1 << 20 >= sum(file.stat().st_size for file in files)
        assert 100_000 < len(server.log_text())


@pytest.mark.slow
def test_a_start_up_that_fails_is_told_with_its_last_words(folder: Path) -> None:
    """What the application says when it fails to start stands in the message."""
    with (
        pytest.raises(BrokenError, match=r"shop:app ended while it started[^~]*no database"),
        AppServer(app="shop:app", folder=folder, environ={"FAILS": "1"}),
    ):
        raise AssertionError("it started")


def test_an_application_has_a_module_and_a_name() -> None:
    """A path to a file is no application."""
    with pytest.raises(UsageError, match="want module:application"):
        AppServer(app="shop.py", folder=Path(os.curdir))
