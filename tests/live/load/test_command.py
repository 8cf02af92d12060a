"""The command `load --url`, as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent_perf import codec
from agent_perf.cli.load import load_scenarios
from agent_perf.cli.load_live import load_service, target_named
from agent_perf.config import NamedRequest
from agent_perf.errors import NothingMeasuredError, UsageError
from agent_perf.records import Tier
from tests.cli.command import agent_perf
from tests.cli.test_load import options
from tests.live.load.serving import served

CONFIG = """
[tool.agent-perf.requests.chat]
path = "/sse"
json = { question = "${QUESTION}" }
stream = true
weight = 3

[tool.agent-perf.requests.health]
path = "/ok"

[tool.agent-perf.requests.slow]
path = "/slow?ms=100"

[tool.agent-perf.requests.down]
path = "/503"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("live-load")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / "pyproject.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with served() as url:
        yield url


def test_names_and_weights() -> None:
    """
    A weight is that of the command line, or of the configuration; without names the URL is asked.
    """
    requests = {"chat": NamedRequest(weight=3), "health": NamedRequest()}
    named = target_named("http://127.0.0.1:1/app", ("chat", "health=2"), requests)
    plain = target_named("http://127.0.0.1:1/v1/Items?page=2", (), requests)

    assert {"chat": 3, "health": 2} == named.weights
    assert {"v1-items": "/v1/Items?page=2"} == {k: v.path for k, v in plain.requests.items()}
    assert "http://127.0.0.1:1" == plain.url


@pytest.mark.parametrize(
    ("url", "names", "words"),
    [
        ("ftp://127.0.0.1", (), "of scheme 'ftp'; want http or https"),
        ("http://127.0.0.1", ("chta",), "no request 'chta'; did you mean 'chat'?"),
        ("http://127.0.0.1", ("chat", "chat=2"), "named twice"),
        ("http://127.0.0.1", ("chat=0",), "want a whole number >= 1"),
        ("http://127.0.0.1/?a=1", ("chat",), "--url with a query"),
    ],
)
def test_targets_that_cannot_be(url: str, names: tuple[str, ...], words: str) -> None:
    """
    Each mistake is told with its value.
    """
    with pytest.raises(UsageError, match=words.replace("?", "[?]")):
        target_named(url, names, {"chat": NamedRequest()})


@pytest.mark.slow
def test_a_load_is_printed_judged_and_written(project, service, monkeypatch) -> None:
    """
    A mix of a stream and a plain request from two workers: the same lines, files and targets as
    of a simulated load, with the server's resources; and no secret anywhere, the session included.
    """
    monkeypatch.setenv("QUESTION", "hunter2hunter2")
    secret_url = service.replace("//", "//me:hunter2hunter2@")
    done = agent_perf(
        project, "load", "--url", secret_url, "chat=3", "health=1", "--shape", "ramp", "--rate", "5",
        "--to", "30", "--for", "4", "--workers", "2", "--target", "p95<2s",
        "--target", "error_ratio<0.1%", "--target", "ttft.p95<500ms",
        "--target", "memory.peak<4GiB",
    )  # fmt: skip
    folder = project / "reports/load"
    run = codec.load_load_run((folder / "chat+health.json").read_bytes(), "it")
    document = json.loads((folder / "chat+health/report.json").read_text())
    page = (folder / "chat+health/index.html").read_text()
    files = [path for path in project.rglob("*") if path.is_file()]

    assert 0 == done.returncode, done.stderr
    assert "latency.ttft.p95" in done.stdout
    assert (Tier.LIVE, 2) == (run.tier, run.live.workers)
    assert run.offered == run.latency.count == run.good > 30
    assert {"chat", "health", "ttft"} == set(run.paths)
    assert {"cpu", "memory"} <= set(document["live"]["resources"]["series"])
    assert "What the server took" in page
    assert "virtual" not in page.lower()
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["slow", "--rate", "10", "--for", "1", "--target", "p50<1ms"], 1, "FAIL slow latency.p50"),
        (["down", "--rate", "10", "--for", "1"], 3, "not one of"),
    ],
    ids=["missed", "broken"],
)
def test_what_it_ends_with(project, service, arguments, code, words) -> None:
    """
    A missed target is 1, a service that answers nothing well 3.
    """
    done = agent_perf(project, "load", "--url", service, *arguments)

    assert code == done.returncode
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("names", "given", "words"),
    [
        ((), {"url": "http://example.com"}, "--allow-host example.com"),
        ((), {"users": 3}, "--users wants --closed"),
        ((), {"think_s": 1.0}, "it wants --closed"),
        ((), {"watch": "me"}, "--watch 'me'"),
        ((), {"watch": ":1"}, "no process is seen that listens"),
        ((), {"shape": "ramp", "speed": 2.0}, "--speed has no meaning"),
        (("chat",), {"for_s": 1.0}, "set QUESTION"),
    ],
    ids=lambda value: "",
)
def test_what_is_refused(project, monkeypatch, names, given, words) -> None:
    """
    Before anything is started: foreign hosts, options of simulated loads, unset variables.
    """
    monkeypatch.chdir(project)
    monkeypatch.delenv("QUESTION", raising=False)

    with pytest.raises(UsageError, match=re.escape(words)):
        load_service(names, options(**{"url": "http://127.0.0.1:1", **given}))


def test_a_load_without_a_request(project, monkeypatch) -> None:
    """
    None arrives: nothing is started, and nothing was measured.
    """
    monkeypatch.chdir(project)

    with pytest.raises(NothingMeasuredError, match="no request was sent") as caught:
        load_service((), options(url="http://127.0.0.1:1", rate_hz=0.001, for_s=1.0, watch="no"))
    assert 5 == caught.value.exit_code


def test_a_load_of_nothing_is_refused() -> None:
    """
    Neither a scenario nor a service is named.
    """
    with pytest.raises(UsageError, match="name one, or a running service by --url"):
        load_scenarios((), options())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_measured(project, service, number) -> None:
    """
    By Ctrl-C or by SIGTERM it ends with 130, the result is written, and no process is left.
    """
    process, workers = started(project, service)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert 130 == process.returncode, err
    assert "health: poisson 20/s" in out
    assert "interrupted after" in err
    assert [] == still_there(workers)


@pytest.mark.slow
def test_nothing_is_left_of_a_load_that_is_killed(project, service) -> None:
    """
    Neither by Ctrl-C nor told in any way: workers see that nobody listens any more.
    """
    process, workers = started(project, service)
    process.kill()
    process.communicate()

    assert 3 == len(workers)
    assert [] == still_there(workers)


def started(project: Path, service: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """Return a load of two workers that has begun, and its processes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "agent_perf", "load", "--url", service, "health", "--rate", "20",
         "--for", "60", "--workers", "2"],
        cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "QUESTION": "x"},
    )  # fmt: skip
    server = psutil.Process(next(iter(find_server(service))))
    deadline_s = time.monotonic() + 40
    while not connections(server):
        assert time.monotonic() < deadline_s, "no request came"
        time.sleep(0.1)
    time.sleep(0.5)
    return process, psutil.Process(process.pid).children(recursive=True)


def find_server(service: str) -> Iterator[int]:
    for child in psutil.Process().children():
        for one in child.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and service.endswith(f":{one.laddr.port}"):
                yield child.pid


def connections(server: psutil.Process) -> int:
    return sum(one.status == psutil.CONN_ESTABLISHED for one in server.net_connections("tcp"))


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return alive
