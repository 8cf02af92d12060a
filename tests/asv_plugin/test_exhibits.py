from __future__ import annotations

import numpy as np

from agent_perf.asv_plugin.exhibits import called, graph_addresses, make_exhibits, track_names
from agent_perf.history import History, Track, find_changes
from agent_perf.records import Evidence
from agent_perf.repository import Commit

LATENCY = "shop.Search.track_latency"
BENCHMARKS = {
    LATENCY: {
        "scenario": "shop.search",
        "params": [["1", "50"], ["'p50'", "'p95'"]],
        "param_names": ["users", "percentile"],
    },
    "shop.Search.track_work": {
        "scenario": "shop.search",
        "params": [["1"], ["'tool_calls'"]],
        "param_names": ["users", "count"],
    },
    "other.track_latency": {"params": [["1"], ["'p50'"]], "param_names": ["a", "b"]},
    "time_sum": {"params": [], "param_names": []},
}


def history(**targets: float) -> History:
    labels = {
        f"{LATENCY}(50, 'p50')": "p50",
        f"{LATENCY}(50, 'p95')": "p95",
        "shop.Search.track_work(1, 'tool_calls')": "tool_calls",
        "other.track_latency(1, 'p50')": "",
        "time_sum": "",
    }
    return History(
        commits=tuple(Commit(id=f"{i:040x}", subject="", time_s=i) for i in range(9)),
        tracks=tuple(
            Track(
                benchmark=label,
                metric="time",
                unit="s",
                evidence=Evidence.EXACT,
                home="",
                edition="1",
                values=np.array([1.0] * 4 + [2.0] * 5),
                target=targets.get(name),
            )
            for label, name in labels.items()
        ),
    )


def test_p95_and_promises_are_drawn() -> None:
    """
    Of a scenario P95 is drawn, another percentile or count if it has a target; of what is none
    of ours, everything. Each has the name that our reports use, and its changes by commit.
    """
    plain = make_exhibits(history(), find_changes(history(), jobs=1), BENCHMARKS)
    promised = history(tool_calls=4)
    more = make_exhibits(promised, find_changes(promised, jobs=1), BENCHMARKS)

    assert [
        ("shop.search@50", "P95 latency"),
        ("other.track_latency(1, 'p50')", "CPU time"),
        ("time_sum", "CPU time"),
    ] == [(one.name, one.metric) for one in plain]
    assert ("shop.search@1", "tool calls") in [(one.name, one.metric) for one in more]
    assert [{4}] * 3 == [set(one.changes) for one in plain]


def test_addresses_are_asv_s() -> None:
    """
    A graph's address holds the benchmark's name and its parameters by name, as asv's own list
    of benchmarks writes them.
    """
    addresses = graph_addresses(BENCHMARKS)

    assert "index.html#time_sum" == addresses["time_sum"]
    assert (
        "index.html#shop.Search.track_latency?p-users=50&p-percentile=%27p95%27"
        == addresses[f"{LATENCY}(50, 'p95')"]
    )


def test_names_are_ours_where_the_scenario_is() -> None:
    """
    What tracks a scenario is called by scenario and load, everything else as asv calls it.
    """
    assert ("shop.search@50", "latency.p50") == called(f"{LATENCY}(50, 'p50')", "time", BENCHMARKS)
    assert ("time_sum", "time") == called("time_sum", "time", BENCHMARKS)
    assert "shop.search@1, tool calls" in track_names(history(), BENCHMARKS).values()
