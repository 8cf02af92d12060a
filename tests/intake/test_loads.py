"""Locust, AIPerf and guidellm: what a whole run of a load came to."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent_perf.errors import AgentPerfError, StoreError
from agent_perf.intake import read_timings
from agent_perf.records import Subject
from tests.intake.reading import FILES, by_name, content, only, real, reread

LOCUST = "locust-2.47.0"
AIPERF = "aiperf-0.13.0"
GUIDELLM = "guidellm-0.8.1"


def test_locust_json_is_read() -> None:
    """
    Quantiles are ranks in Locust's table of whole milliseconds; all kinds of requests
    together are "Aggregated", as in its own tables.
    """
    file = only(real(f"{LOCUST}/stats.json"))
    entries = content(f"{LOCUST}/stats.json")
    hello = by_name(file)["GET /hello"]
    times = Counter({int(ms): count for ms, count in entries[0]["response_times"].items()})

    assert ["GET /hello", "GET flaky, sometimes", "POST /v1/chat/completions", "Aggregated"] == (
        list(by_name(file))
    )
    assert sorted(times.elements())[-(-639 * 95 // 100) - 1] / 1e3 == hello.metrics["latency.p95"]
    assert 639 == hello.call_count
    assert 1.0 == hello.metrics["success_ratio"]
    length_s = entries[0]["last_request_timestamp"] - entries[0]["start_time"]
    assert 639 / length_s == hello.metrics["throughput"]
    assert sum(one["num_failures"] for one in entries) / sum(
        one["num_requests"] for one in entries
    ) == pytest.approx(1 - by_name(file)["Aggregated"].metrics["success_ratio"])
    assert min(one["start_time"] for one in entries) == file.at_s
    assert {Subject.SERVICE} == {timing.subject for timing in file.timings}


def test_locust_csv_is_read() -> None:
    """
    A name with a comma in it stays one name, and the columns are found by their heads.
    """
    file = only(real(f"{LOCUST}/run_stats.csv"))
    with (FILES / LOCUST / "run_stats.csv").open() as lines:
        rows = {f"{row['Type']} {row['Name']}".strip(): row for row in csv.DictReader(lines)}

    assert list(rows) == list(by_name(file))
    for name, timing in by_name(file).items():
        row = rows[name]
        assert float(row["95%"]) / 1e3 == timing.metrics["latency.p95"]
        assert float(row["Requests/s"]) == timing.metrics["throughput"]
        failed, made = int(row["Failure Count"]), int(row["Request Count"])
        assert 1 - failed / made == timing.metrics["success_ratio"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace(",", ";"), "has no column 'Type'"),
        (lambda text: text.replace("Request Count", "# requests", 1), "no column 'Request Count'"),
        (lambda text: text[:300], "does not end with the row 'Aggregated'"),
        (lambda text: text.replace("614", "-614", 1), "Request Count is -614"),
        (lambda text: text.replace("614", "nan", 1), "want a finite number"),
        (lambda text: text.replace("614", "six", 1), "has 'six' in the column 'Request Count'"),
        (lambda text: text.replace('"flaky', '"fl"aky'), "no whole CSV file"),
    ],
)
def test_a_csv_that_locust_would_not_write_is_named(tmp_path: Path, change: Any, said: str) -> None:
    """
    Other delimiters, older heads, cut and hostile ones: the error names file and column.
    """
    path = tmp_path / "run_stats.csv"
    text = (FILES / LOCUST / "run_stats.csv").read_text()
    path.write_text(change(text))

    with pytest.raises(AgentPerfError) as caught:
        read_timings(path)
    assert said in str(caught.value)
    assert "run_stats.csv" in str(caught.value)


@pytest.mark.parametrize("name", ["stats_history", "failures", "exceptions"])
def test_the_files_beside_the_stats_are_not_taken_for_them(name: str) -> None:
    """
    The quantiles of the course are of its last seconds, and those of no whole run.
    """
    with pytest.raises(StoreError, match=r"name the file that ends in _stats\.csv"):
        real(f"{LOCUST}/run_{name}.csv")


def test_fewer_than_twenty_requests_have_no_p95(tmp_path: Path) -> None:
    """
    Locust prints a P95 of nineteen requests; it is withheld.
    """
    entries = content(f"{LOCUST}/stats.json")[:1]
    entries[0] |= {"num_requests": 19, "response_times": {"8": 19}}
    hello = by_name(only(reread(tmp_path, entries)))["GET /hello"]

    assert 0.008 == hello.metrics["latency.p50"]
    assert "19 requests; a P95 wants at least 20" == hello.withheld["latency.p95"]


def test_aiperf_is_read() -> None:
    """
    Milliseconds become seconds; the name is that of model and load.
    """
    file = only(real(f"{AIPERF}/good.json"))
    held = content(f"{AIPERF}/good.json")
    tiny = by_name(file)["tiny@4"]

    assert "AIPerf 0.13.0" == file.tool
    assert held["request_latency"]["p95"] * 1e-3 == tiny.metrics["latency.p95"]
    assert held["time_to_first_token"]["p95"] * 1e-3 == tiny.metrics["latency.first_token.p95"]
    assert held["inter_token_latency"]["p50"] * 1e-3 == tiny.metrics["latency.inter_token.p50"]
    assert held["request_throughput"]["avg"] == tiny.metrics["throughput"]
    assert held["goodput"]["avg"] == tiny.metrics["goodput"] > tiny.targets["goodput"]
    assert "60 requests; a P99 wants at least 100" == tiny.withheld["latency.p99"]
    assert Subject.MODEL is tiny.subject


def test_requests_that_fail_are_counted_by_aiperf() -> None:
    """
    Thirteen of forty failed: the records say the same as the summary.
    """
    summary = by_name(only(real(f"{AIPERF}/partial.json")))["tiny@2"]
    records = by_name(only(real(f"{AIPERF}/partial.jsonl")))["requests"]
    lines = (FILES / AIPERF / "partial.jsonl").read_text().splitlines()
    times_ms = sorted(
        found["metrics"]["request_latency"]["value"]
        for found in map(json.loads, lines)
        if not found.get("error")
    )

    assert 27 / 40 == summary.metrics["success_ratio"] == records.metrics["success_ratio"]
    assert 27 == summary.call_count == records.call_count
    # A rank of real requests: AIPerf's own quantile lies between two of them.
    assert times_ms[25] * 1e-3 == records.metrics["latency.p95"]


def test_a_goodput_of_nothing_misses_its_target() -> None:
    """
    AIPerf ends with 0 when no answer kept what was promised.
    """
    tiny = by_name(only(real(f"{AIPERF}/goodput0.json")))["tiny@4"]

    assert 0.0 == tiny.metrics["goodput"] < tiny.targets["goodput"]


@pytest.mark.parametrize(
    ("name", "benchmarks"),
    [
        ("guidellm-0.3.1/concurrent.json", ["concurrent@2"]),
        (f"{GUIDELLM}/partial.json", ["concurrent@2"]),
        (f"{GUIDELLM}/rates.json", ["constant@10", "constant@20"]),
    ],
)
def test_guidellm_is_read(name: str, benchmarks: list[str]) -> None:
    """
    Two formats of guidellm: a benchmark for each strategy and rate, of answered requests.
    """
    file = only(real(name))

    assert benchmarks == list(by_name(file))
    for timing, held in zip(file.timings, content(name)["benchmarks"], strict=True):
        good = held["metrics"]["request_latency"]["successful"]
        totals = held.get("request_totals") or held["metrics"]["request_totals"]
        first = held["metrics"]["time_to_first_token_ms"]["successful"]
        assert good["percentiles"]["p95"] == timing.metrics["latency.p95"]
        assert first["median"] / 1e3 == timing.metrics["latency.first_token.p50"]
        assert totals["successful"] / totals["total"] == timing.metrics["success_ratio"]
        # Its tokens are counted in hundreds, and all of them come from 22 to 28 requests.
        assert "latency.inter_token.p99" not in timing.metrics


def test_where_all_requests_fail_guidellm_tells_nothing() -> None:
    """
    guidellm ends with 0 and writes zeros; there is no latency, and a failure instead.
    """
    timing = by_name(only(real(f"{GUIDELLM}/failed.json")))["synchronous"]

    assert {} == timing.metrics
    assert "20 of 20 requests failed" == timing.failure


def test_requests_that_the_end_cut_off_are_told(tmp_path: Path) -> None:
    """
    They are neither answered nor failed.
    """
    changed = content(f"{GUIDELLM}/partial.json")
    changed["benchmarks"][0]["metrics"]["request_totals"] |= {"incomplete": 3, "total": 43}
    (note,) = only(reread(tmp_path, changed)).notes

    assert note.startswith("concurrent@2: 3 of 43 requests were cut off")
