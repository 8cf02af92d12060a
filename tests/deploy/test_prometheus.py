"""A real Prometheus asks a real backend, and tells of it what happened there."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.observed import Observed, observed, served
from tools.grafana.dashboard import PAGE

RULES = Path(__file__).parents[2] / "deploy/prometheus/agent-perf.rules.yml"
PLANNED = {0.03: 50, 0.12: 30, 0.4: 20}
"""Seconds to how many requests of the agent ``planned`` take them."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.services,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on PATH"),
]


@dataclass(frozen=True)
class Watching:
    """A Prometheus, and the backend that it watches."""

    backend: Observed
    service: str
    prometheus: str

    def get(self, path: str, **query: str) -> Any:
        """Return the data of an answer of Prometheus' API."""
        url = f"http://{self.prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            answer = json.load(response)
        assert "success" == answer["status"]
        return answer["data"]

    def values(self, query: str) -> list[float]:
        """Return the values that *query* has now."""
        return [float(one["value"][1]) for one in self.get("query", query=query)["result"]]

    def chat(self, text: str) -> str:
        """Return what the backend answers."""
        url = f"http://{self.service}/chat?{urllib.parse.urlencode({'text': text})}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return str(response.read().decode())


def until(holds: Callable[[], bool]) -> bool:
    """Return whether *holds* comes true within a time that is enough on any machine."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    """Return a backend after its traffic, and a Prometheus that has seen all of it."""
    folder = tmp_path_factory.mktemp("watching")
    backend = observed(folder)
    for latency_s, count in PLANNED.items():
        for _ in range(count):
            backend.agents.add("planned", latency_s=latency_s)
    with served(backend) as service, _prometheus(folder, service) as address:
        watching = Watching(backend, service, address)
        assert until(lambda: bool(_try(watching, "up == 1")))
        for text in ("price", "stock", "price", "price", " "):
            watching.chat(text)
            # A rate wants a second reading.
            time.sleep(0.3)
        assert until(lambda: [5.0] == watching.values(REQUESTS)), watching.values(REQUESTS)
        yield watching


REQUESTS = 'agent_perf_agent_requests_total{agent="support"}'


def _try(watching: Watching, query: str) -> list[float]:
    try:
        return watching.values(query)
    except OSError:
        # It has only been started.
        return []


@pytest.fixture(scope="module", autouse=True)
def _no_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        yield


class _prometheus:  # noqa: N801 (a context, as a function would be)
    def __init__(self, folder: Path, service: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        config = folder / "prometheus.yml"
        config.write_text(
            f"global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}\n"
            f"rule_files: ['{RULES}']\n"
            "scrape_configs:\n"
            "  - job_name: shop\n"
            f"    metrics_path: /metrics/\n"
            f"    static_configs: [{{targets: ['{service}']}}]\n"
        )
        self._command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self._address}",
            "--log.level=error",
        ]

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command)
        return self._address

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def test_what_is_counted_is_what_happened(watching: Watching) -> None:
    """
    Requests, errors by category, tokens, hits and events are those of the five questions: two
    answers by the model, two from the cache, one refused.
    """
    query = watching.values

    assert [1.0] == query('agent_perf_agent_errors_total{category="validation"}')
    assert [160.0] == query('agent_perf_agent_tokens_in_total{agent="support"}')
    assert [2.0] == query('agent_perf_cache_hits_total{cache="answers"}')
    assert [0.0] == query("agent_perf_db_pool_waiting")
    published = watching.backend.events.stats().published
    assert published > 0
    assert until(lambda: [published] == query("agent_perf_events_delivered_total"))


def test_quantiles_are_those_of_the_buckets(watching: Watching) -> None:
    """
    histogram_quantile goes linearly through the bucket of the rank. Of 100 requests, 50 are in
    (20 ms, 50 ms], 30 in (100, 150], 20 in (200, 500]: P50 is 50 ms, P95 is 200 + 300 * 15/20.
    """
    buckets = 'agent_perf_agent_latency_seconds_bucket{agent="planned"}'
    found = [watching.values(f"histogram_quantile({q}, {buckets})")[0] for q in (0.5, 0.95, 0.99)]

    assert [0.05, 0.425, 0.485] == pytest.approx(found)


def test_every_query_of_the_dashboard_has_an_answer(watching: Watching) -> None:
    """
    Whoever imports the dashboard sees no empty panel: neither a wrong name nor a wrong query.
    """
    panels = [panel for panel in json.loads(PAGE.read_text())["panels"] if "targets" in panel]
    queries = {target["expr"]: panel["title"] for panel in panels for target in panel["targets"]}

    assert 30 <= len(queries)
    for query, title in queries.items():
        filled = re.sub(r"\$(job|agent)\b", ".*", query.replace("$__rate_interval", "30s"))
        assert "$" not in filled
        # A rate wants two samples of what may have been counted only now.
        assert until(lambda filled=filled: bool(watching.values(filled))), f"{title}: {query}"


def test_the_rules_are_evaluated_and_one_comes(watching: Watching) -> None:
    """
    All are healthy; a breaker that opens is on its way to an alert, and nothing else is: one
    request that failed is no reason.
    """

    async def fail() -> None:
        raise ConnectionError

    def rules() -> list[dict[str, Any]]:
        return [one for group in watching.get("rules")["groups"] for one in group["rules"]]

    for _ in range(3):
        with pytest.raises(ConnectionError):
            asyncio.run(watching.backend.breaker.call(fail))

    assert until(lambda: "pending" in {one["state"] for one in rules()})
    assert {("ok", "")} == {(one["health"], one.get("lastError", "")) for one in rules()}
    assert ["AgentPerfBreakerOpen"] == [
        one["name"] for one in rules() if one["state"] != "inactive"
    ]


def test_it_is_asked_as_openmetrics(watching: Watching) -> None:
    """
    The target is well, and Prometheus has the types and units of OpenMetrics.
    """
    target = watching.get("targets")["activeTargets"][0]
    about = watching.get("metadata", metric="agent_perf_agent_latency_seconds")

    assert ("up", "") == (target["health"], target["lastError"])
    assert [("histogram", "seconds")] == [
        (one["type"], one["unit"]) for one in about["agent_perf_agent_latency_seconds"]
    ]
