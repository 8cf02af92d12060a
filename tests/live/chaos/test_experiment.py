"""
Whole experiments, on a service that keeps its orders in a real Redis behind a proxy.
"""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from agent_perf import codec
from agent_perf.records import CheckResult
from tests.live.chaos.upstreams import free_port

_APP = """
import json, os
import redis.asyncio as redis

link = redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.5)
kept = []

async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, out = 200, b"ok"
    try:
        if scope["path"] == "/orders":
            await link.rpush(os.environ["KEY"], json.loads(body)["id"])
        elif scope["path"] == "/careless":
            kept.append(json.loads(body)["id"])
        elif scope["path"] == "/kept":
            out = json.dumps(kept).encode()
        elif scope["path"] == "/list":
            out = b" ".join(await link.lrange(os.environ["KEY"], 0, -1))
    except redis.RedisError as error:
        status, out = 503, repr(error).encode()
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": out})
"""

_PLAN = """
[requests.order]
path = "/orders"
json = { id = "{n}" }
[requests.careless]
path = "/careless"
json = { id = "{n}" }
[requests.list]
path = "/list"
[requests.kept]
path = "/kept"

[chaos.x]
url = "http://127.0.0.1:PORT"
rate_hz = 40
window_s = 0.5
recovery_s = 4
steady = ["success_ratio >= 99%"]
[chaos.x.proxies.redis]
upstream = "REDIS"
[chaos.x.workers.api]
command = "PYTHON -m uvicorn app:app --port PORT --log-level warning"
env = { REDIS_URL = "redis://{redis}/0", KEY = "KEY_NAME" }
ready = "http://127.0.0.1:PORT/"
restart_after_s = 0.3
"""

pytestmark = [pytest.mark.slow, pytest.mark.services]


@pytest.fixture
def place(tmp_path: Path, redis_url: str) -> Any:
    """A project with a service; its orders are removed afterwards."""
    key = f"agent-perf-chaos:{tmp_path.name}"
    (tmp_path / "app.py").write_text(_APP)
    upstream = redis_url.partition("//")[2].partition("/")[0]
    plan = _PLAN.replace("PORT", str(free_port())).replace("REDIS", upstream)
    plan = plan.replace(f"{upstream}_URL", "REDIS_URL")
    plan = plan.replace("PYTHON", sys.executable).replace("KEY_NAME", key)
    (tmp_path / "agent-perf.toml").write_text(plan)
    yield tmp_path
    with redis.Redis.from_url(redis_url) as client:
        client.delete(key)


def _run(place: Path, more: str, *options: str) -> tuple[int, dict[str, CheckResult], str]:
    """Return exit code, checks by name and what was said of experiment x with *more* in it."""
    with (place / "agent-perf.toml").open("a") as file:
        file.write(more)
    done = subprocess.run(
        [sys.executable, "-m", "agent_perf", "chaos", "x", *options],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    path = place / "reports/chaos/chaos.x.json"
    run = codec.load_load_run(path.read_bytes(), str(path)) if path.exists() else None
    checks = {one.name: one for one in run.checks} if run else {}
    return done.returncode, checks, done.stdout + done.stderr


def test_a_kill_loses_nothing_that_redis_has(place: Path) -> None:
    """
    A service that acknowledges what Redis has keeps its promises over a reset and its own death.
    """
    code, checks, said = _run(
        place,
        """
[chaos.x.writes]
request = "order"
read = "list"
[[chaos.x.faults]]
kind = "kill"
worker = "api"
at_s = 2
[[chaos.x.faults]]
kind = "reset"
proxy = "redis"
at_s = 7
""",
    )

    assert 0 == code, said
    assert 0 == checks["check.lost.order"].observed
    assert checks["check.recovery.api_kill"].passed
    assert 0 <= checks["check.recovery.redis_reset"].observed <= 4


def test_a_careless_service_is_found_out(place: Path) -> None:
    """
    A service that acknowledges what only its memory holds loses it with its life: exit code 1.
    """
    code, checks, said = _run(
        place,
        """
[chaos.x.writes]
request = "careless"
read = "kept"
within_s = 0.5
[[chaos.x.faults]]
kind = "kill"
worker = "api"
at_s = 2
""",
    )

    assert 1 == code, said
    assert checks["check.lost.careless"].observed > 20
    assert "FAIL chaos.x check.lost.careless" in said


def test_a_sick_system_is_left_alone(place: Path) -> None:
    """
    If the steady state does not hold to begin with, nothing is broken: exit code 3.
    """
    code, checks, said = _run(
        place,
        """
[requests.missing]
path = "/"
status = [404]
[[chaos.x.faults]]
kind = "reset"
proxy = "redis"
at_s = 2
""",
    )

    assert 3 == code, said
    assert "the steady state does not hold before any fault: success_ratio" in said
    assert "redis reset: reset of redis" not in said
    assert not checks


def test_a_fault_that_strikes_nobody_is_undecided(place: Path) -> None:
    """
    A fault on a proxy that nobody comes through tells nothing, and is not called borne.
    """
    code, checks, said = _run(
        place,
        """
[chaos.x.proxies.unused]
upstream = "127.0.0.1:1"
[[chaos.x.faults]]
kind = "reset"
proxy = "unused"
at_s = 2
""",
    )

    assert 4 == code, said
    assert "no connection has ever come through proxy unused" in said
    assert checks["check.recovery.unused_reset"].passed is None


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
)
def test_an_experiment_that_is_ended_leaves_nothing(
    place: Path, number: signal.Signals, code: int
) -> None:
    """
    After Ctrl-C or SIGTERM, and even after SIGKILL, no worker runs and no proxy listens any more.
    """
    text = (place / "agent-perf.toml").read_text()
    fault = '\n[[chaos.x.faults]]\nkind = "refuse"\nproxy = "redis"\nat_s = 20\nfor_s = 1\n'
    (place / "agent-perf.toml").write_text(text + fault)
    ours = subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "chaos", "x"],
        cwd=place,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert ours.stderr is not None
    proxied = ours.stderr.readline()
    assert "worker api: ready" in ours.stderr.readline()
    ports = [
        int(found[1])
        for found in (
            re.search(r"proxy redis: 127\.0\.0\.1:(\d+) ->", proxied),
            re.search(r"http://127\.0\.0\.1:(\d+)", text),
        )
        if found
    ]
    assert all(_listens(port) for port in ports)
    ours.send_signal(number)
    ours.communicate(timeout=30)

    assert code == ours.returncode
    deadline_s = time.monotonic() + 10
    while any(_listens(port) for port in ports):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_an_interrupted_experiment_measured_is_told(
    place: Path, number: signal.Signals
) -> None:
    """
    In the middle of a fault: it is lifted, its checks are untold, and all else is in the report.
    """
    text = (place / "agent-perf.toml").read_text()
    fault = (
        '\n[chaos.x.writes]\nrequest = "order"\nread = "list"\n'
        '[[chaos.x.faults]]\nkind = "stop"\nworker = "api"\nat_s = 2\nfor_s = 50\n'
    )
    (place / "agent-perf.toml").write_text(text + fault)
    ours = subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "chaos", "x"],
        cwd=place,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ours.stderr is not None
    while "stop of api" not in (line := ours.stderr.readline()):
        assert line, "it ended before its fault"
    time.sleep(0.5)
    ours.send_signal(number)
    out, err = ours.communicate(timeout=40)
    run = codec.load_load_run((place / "reports/chaos/chaos.x.json").read_bytes(), "it")
    checks = {one.name: one for one in run.checks}

    assert 130 == ours.returncode, err
    assert run.stopped.startswith("interrupted after 2.")
    assert 80 <= run.offered == run.latency.count + run.dropped < 2000
    assert checks["check.steady.success_ratio"].passed
    assert checks["check.recovery.api_stop"].passed is None
    assert "the experiment was ended after" in checks["check.recovery.api_stop"].text
    assert checks["check.lost.order"].passed is None
    assert "UNDECIDED chaos.x check.recovery.api_stop" in out
    assert (place / "reports/chaos/chaos.x/index.html").exists()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
