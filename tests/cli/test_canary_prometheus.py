"""The verb canary over a real Prometheus that scrapes two real exporters."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from agent_perf.cli.canary import CanaryOptions
from agent_perf.cli.canary_asked import watched_of
from agent_perf.errors import UsageError
from tests.cli.command import agent_perf as run
from tests.cli.test_canary import NO_LIMITS, SCHEMA

# Each serves 200 requests a second, in its own mind: only what it counts of them matters.
EXPORTER = """\
import random, sys, time
from prometheus_client import Counter, Histogram, start_http_server

slower, dice = float(sys.argv[1]), random.Random(7)
bounds = [0.02 * 1.1**k for k in range(40)]
took = Histogram("shop_request_seconds", "Took.", buckets=bounds)
served = Counter("shop_requests", "Served.", ["status"])
server, _ = start_http_server(0, "127.0.0.1")
print(server.server_port, flush=True)
while True:
    took.observe(slower * dice.lognormvariate(-2.5, 0.3))
    served.labels("500" if dice.random() < 0.002 else "200").inc()
    time.sleep(0.005)
"""
CONFIG = """\
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: shop
  static_configs:
  - {{targets: ["127.0.0.1:{stable}"], labels: {{version: "1"}}}}
  - {{targets: ["127.0.0.1:{same}"], labels: {{version: "2"}}}}
  - {{targets: ["127.0.0.1:{slow}"], labels: {{version: "3"}}}}
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return where a Prometheus is that scrapes three versions of a service."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no prometheus on PATH")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "exporter.py").write_text(EXPORTER)
    running: list[subprocess.Popen[str]] = []
    try:
        ports = {}
        for name, slower in (("stable", 1.0), ("same", 1.0), ("slow", 2.0)):
            process = subprocess.Popen(
                [sys.executable, str(folder / "exporter.py"), str(slower)],
                stdout=subprocess.PIPE,
                text=True,
            )
            running.append(process)
            assert process.stdout is not None
            ports[name] = int(process.stdout.readline())
        (folder / "prometheus.yml").write_text(CONFIG.format(**ports))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        running.append(
            subprocess.Popen(
                [
                    binary,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address={address}",
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        _await_samples(f"http://{address}")
        yield f"http://{address}"
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _await_samples(url: str) -> None:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        try:
            query = f"{url}/api/v1/query?query=count(shop_request_seconds_count)"
            with urllib.request.urlopen(query, timeout=5) as answer:
                if '"3"' in answer.read().decode():
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError("Prometheus has scraped nothing")


def canary(folder: Path, url: str, candidate: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Judge a version against version 1."""
    return run(
        folder, "canary", "--prometheus", url,
        "--stable-selector", 'version="1"', "--candidate-selector", f'version="{candidate}"',
        "--latency-metric", "shop_request_seconds", *more,
    )  # fmt: skip


@pytest.mark.slow
def test_counters_tell_a_good_candidate(prometheus: str, tmp_path: Path) -> None:
    """
    Promoted, with both services' requests as they were counted.
    """
    done = canary(
        tmp_path, prometheus, "2", "--for", "26", "--p95", "+60%", "--errors", "+3%",
        "--errors-metric", "shop_requests_total", "--errors-selector", 'status=~"5.."',
        "--format", "json",
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout + done.stderr
    told = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    assert ("promote", 'version="1"') == (told["outcome"], told["stable"])
    assert told["steps"][0]["stable"]["requests"] > 500
    assert {"fine"} == {one["answer"] for one in told["steps"][0]["findings"]}


@pytest.mark.slow
def test_counters_tell_a_slow_candidate(prometheus: str, tmp_path: Path) -> None:
    """
    Rolled back: twice as slow passes seven buckets.
    """
    done = canary(tmp_path, prometheus, "3", "--for", "42", "--p95", "+20%")

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "ROLL BACK: surely worse" in done.stdout


@pytest.mark.slow
def test_names_that_prometheus_does_not_know_are_told(prometheus: str, tmp_path: Path) -> None:
    """
    A metric that is not there is no service without errors, and a bad selector is a usage error.
    """
    missing = canary(
        tmp_path, prometheus, "2", "--for", "16", "--errors-metric", "shop_request_total",
        "--errors-selector", 'status=~"5.."',
    )  # fmt: skip
    wrong = canary(tmp_path, prometheus, '2",x', "--for", "16")

    assert (3, 2) == (missing.returncode, wrong.returncode)
    assert 'no samples of shop_request_total{version="1"}' in missing.stderr
    assert "parse error" in wrong.stderr


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"stable": "http://x"}, "leave out --stable"),
        ({"stable_selector": "a"}, "wants --candidate-selector"),
        ({"stable_selector": "a", "candidate_selector": "a", "latency_metric": "m"}, "both"),
        (
            {
                "stable_selector": "a",
                "candidate_selector": "b",
                "latency_metric": "m",
                "errors_metric": "e",
            },
            "wants --errors-selector",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(given: dict[str, str], why: str) -> None:
    """
    Whoever gives them expects something of them.
    """
    with pytest.raises(UsageError, match=why):
        watched_of((), CanaryOptions(limits=NO_LIMITS, **given))  # type: ignore[arg-type]
