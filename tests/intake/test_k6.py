"""Summaries of k6, of either shape, as two of its versions wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_perf.errors import AgentPerfError
from agent_perf.records import Subject
from tests.intake.reading import by_name, content, only, real, reread

SHAPES = [
    f"k6-{version}/{shape}.json"
    for version in ("1.1.0", "0.57.0")
    for shape in ("handle-summary", "summary-export")
]


def values(name: str, metric: str) -> dict[str, Any]:
    found = content(name)["metrics"][metric]
    return found.get("values", found)


@pytest.mark.parametrize("name", SHAPES)
def test_both_shapes_are_read(name: str) -> None:
    """
    Milliseconds become seconds, http_reqs and http_req_failed belong to the duration.
    """
    file = only(real(name))
    http = by_name(file)["http_req_duration"]
    trend, failed = values(name, "http_req_duration"), values(name, "http_req_failed")

    assert ("k6", "run", None) == (file.tool, file.round_word, file.at_s)
    assert trend["med"] / 1e3 == http.metrics["latency.p50"]
    assert trend["p(95)"] / 1e3 == http.metrics["latency.p95"]
    assert values(name, "http_reqs")["rate"] == http.metrics["throughput"]
    assert 1 - failed.get("rate", failed.get("value")) == http.metrics["success_ratio"]
    # What k6 calls passes is how often it is true that a request failed.
    assert failed["fails"] / (failed["passes"] + failed["fails"]) == pytest.approx(
        http.metrics["success_ratio"]
    )
    assert values(name, "http_reqs")["count"] == http.call_count
    assert {"virtual users at most": "5"} == http.settings
    assert Subject.SERVICE is http.subject
    assert Subject.CODE is by_name(file)["iteration_duration"].subject
    assert not [one for one in by_name(file) if one.startswith(("http_req_w", "http_req_c"))]


@pytest.mark.parametrize("name", SHAPES)
def test_thresholds_are_told_whichever_way_they_are_written(name: str) -> None:
    """
    true is crossed in the older shape, and "ok" is not crossed in the newer one: in all four
    files it is http_req_failed that was crossed, and the latency that was kept.
    """
    assert ("k6's own threshold was crossed: http_req_failed rate<0.01",) == only(real(name)).notes


def test_a_quantile_without_a_count_is_withheld() -> None:
    """
    k6 tells of how many requests a tagged latency is only if it is asked to: without that
    it is not known whether its P95 is a maximum. A P99 that is not there is not made up.
    """
    told = by_name(only(real("k6-1.1.0/handle-summary.json")))["http_req_duration{name:hello}"]
    untold = by_name(only(real("k6-0.57.0/handle-summary.json")))["http_req_duration{name:hello}"]

    assert {"latency.p50", "latency.p95", "latency.p99"} == set(told.metrics)
    assert {"latency.p50"} == set(untold.metrics)
    assert "of how many requests" in untold.withheld["latency.p95"]
    assert "does not have it" in untold.withheld["latency.p99"]


def test_a_p95_of_nineteen_requests_is_withheld(tmp_path: Path) -> None:
    """
    Nineteen requests have no P95, whatever k6 prints.
    """
    changed = content("k6-0.57.0/summary-export.json")
    changed["metrics"]["http_reqs"]["count"] = 19
    http = by_name(only(reread(tmp_path, changed)))["http_req_duration"]

    assert "latency.p95" not in http.metrics
    assert "19 requests; a P95 wants at least 20" == http.withheld["latency.p95"]


def test_when_all_requests_fail_there_is_no_latency(tmp_path: Path) -> None:
    """
    A server that refuses at once is not a fast one.
    """
    changed = content("k6-0.57.0/summary-export.json")
    count = changed["metrics"]["http_reqs"]["count"]
    changed["metrics"]["http_req_failed"] |= {"passes": count, "fails": 0, "value": 1}
    http = by_name(only(reread(tmp_path, changed)))["http_req_duration"]

    assert {} == http.metrics
    assert f"{count:,} of {count:,} requests failed" == http.failure


@pytest.mark.parametrize(
    ("metric", "change", "said"),
    [
        ("http_req_duration", {"med": -1}, "metrics.http_req_duration.med is -1; want a finite"),
        ("http_req_duration", {"p(95)": float("nan")}, "p(95) is nan; want a finite number"),
        ("http_req_duration", {"p(95)": "7"}, "p(95) is '7'; want a number"),
        ("http_reqs", {"count": 1.5}, "metrics.http_reqs.count is 1.5; want a whole number"),
        ("http_req_failed", {"value": 2}, "metrics.http_req_failed has a rate of 2"),
        ("http_req_failed", {"thresholds": {"rate<0.01": 3}}, "rate<0.01 is no threshold"),
    ],
)
def test_what_k6_would_not_write_is_named(
    tmp_path: Path, metric: str, change: dict[str, Any], said: str
) -> None:
    """
    The error names file and key, and how to write the file again.
    """
    changed = content("k6-0.57.0/summary-export.json")
    changed["metrics"][metric] |= change

    with pytest.raises(AgentPerfError) as caught:
        reread(tmp_path, changed)
    assert said in str(caught.value)
    assert "changed.json" in str(caught.value)
    assert "--summary-export" in str(caught.value)
