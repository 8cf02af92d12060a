"""The verb smoke: a line for each check, JSON, JUnit, exit codes; against a real server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import junitparser
import pytest

from tests.cli.command import agent_perf

CONFIG = """\
[requests.chat]
path = "/chat"
json = { text = "hi" }
headers = { authorization = "Bearer ${SHOP_TOKEN}" }
stream = true
within_s = 5
"""
TOKEN = {"SHOP_TOKEN": "s3cret-token-of-the-shop"}

pytestmark = pytest.mark.slow


class _Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        pages = {
            "/health": ("application/json", b'{"status": "ok"}'),
            "/metrics": ("text/plain; version=0.0.4", b"shop_up 1\n"),
        }
        kind, body = pages.get(self.path, ("text/plain", b""))
        self._answer(200 if body else 404, kind, body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        is_known = self.headers["authorization"] == f"Bearer {TOKEN['SHOP_TOKEN']}"
        if is_known:
            self._answer(200, "text/event-stream", b"data: hello\n\ndata: [DONE]\n\n")
        else:
            self._answer(401, "text/plain", b"who is " + self.headers["authorization"].encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop_url() -> Iterator[str]:
    """Return where a shop is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration, outside of any repository."""
    (tmp_path / "agent-perf.toml").write_text(CONFIG)
    return tmp_path


def test_a_good_service(shop_url: str, folder: Path) -> None:
    """
    One line for each check and one for all, as JSON and JUnit likewise; exit code 0.
    """
    done = agent_perf(folder, "smoke", shop_url, "--junit", "smoke.xml", **TOKEN)
    data = json.loads(agent_perf(folder, "smoke", shop_url, "--format", "json", **TOKEN).stdout)

    assert (0, "") == (done.returncode, done.stderr)
    begins = ["ok    health: GET /health, 200", "ok    chat: POST /chat, 200, first event "]
    begins += ["ok    metrics: GET /metrics, 200", f"{shop_url}: 3 of 3 checks passed"]
    for begin, line in zip(begins, done.stdout.splitlines(), strict=True):
        assert line.startswith(begin)
    assert "passed" == data["outcome"]
    assert ["health", "chat", "metrics"] == [check["name"] for check in data["checks"]]
    suite = junitparser.JUnitXml.fromfile(str(folder / "smoke.xml"))
    assert (3, 0, 0) == (suite.tests, suite.failures, suite.errors)


def test_a_failing_service(shop_url: str, folder: Path) -> None:
    """
    The check that failed is named, without the secret that the service repeats; exit code 1.
    """
    (folder / "agent-perf.toml").write_text(CONFIG.replace("Bearer ", "Carrier "))
    done = agent_perf(folder, "smoke", shop_url, "--junit", "smoke.xml", **TOKEN)

    assert 1 == done.returncode
    assert "FAIL  chat: POST /chat, " in done.stdout
    assert ", 401: who is Carrier [redacted]" in done.stdout
    assert f"{shop_url}: 2 of 3 checks passed" in done.stdout
    assert TOKEN["SHOP_TOKEN"] not in done.stdout + done.stderr
    assert TOKEN["SHOP_TOKEN"] not in (folder / "smoke.xml").read_text()


def test_no_service(folder: Path) -> None:
    """
    A port where nobody listens is waited for as long as was said; exit code 3.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = agent_perf(folder, "smoke", url, "--retry-for", "500ms", **TOKEN)

    assert 3 == done.returncode
    assert f"{url} gives no answer" in done.stdout
    assert "waiting up to 0.5 s: ConnectError" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("shop",), "'shop' is no address"),
        (("http://shop", "--chat", "talk"), "there is no [requests.talk]"),
        (("http://shop", "--within", "chat=soon"), "'soon' is no length of time"),
        (("http://shop", "--within", "0"), "leaves no time"),
        (("http://shop",), "set SHOP_TOKEN"),
    ],
)
def test_what_cannot_be_asked(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """
    It is told before anything is asked; exit code 2.
    """
    environ = {} if "SHOP_TOKEN" in message else TOKEN
    done = agent_perf(folder, "smoke", *arguments, **environ)

    assert 2 == done.returncode
    assert message in done.stderr
