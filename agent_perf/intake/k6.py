"""
Summaries of k6: ``--summary-export``, and the data that ``handleSummary`` is given.

The first has its numbers beside the metric's name, the second under ``values``. In the
first, a threshold that is *true* was crossed; in the second one that is not ``ok``.

Source: k6 documentation, "End-of-test summary", "Custom summary"; k6, *internal/js/summary.go*
and *cmd/ui.go*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from agent_perf.intake.load_metrics import LoadMetrics, all_failed
from agent_perf.intake.tree import Tree
from agent_perf.records import Subject, Timing, TimingFile

REMEDY: Final = "write it again with k6 run --summary-export FILE, or JSON.stringify(data)"
_QUANTILES: Final = {"p50": ("med", "p(50)"), "p95": ("p(95)",), "p99": ("p(99)",)}
_LACKING: Final = "ask k6 for it with --summary-trend-stats 'med,p(95),p(99),count'"
_UNCOUNTED: Final = "ask k6 for 'count' with --summary-trend-stats 'med,p(95),p(99),count'"
_SERVICE: Final = re.compile(r"(http_req|grpc_req|ws_session|ws_connecting)")
# What a request consists of is in its duration already.
_PHASES: Final = re.compile(r"http_req_(?!duration)\w+")
_KNOWN: Final = frozenset({"http_reqs", "iterations", "vus", "http_req_duration"})


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    metrics = top.get("metrics")
    return isinstance(metrics, dict) and ("root_group" in top or bool(_KNOWN & metrics.keys()))


def recognises_point(first: object) -> bool:
    """Return whether *first* is the first line of ``--out json``."""
    return isinstance(first, dict) and first.get("type") == "Metric" and "metric" in first


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return one run of a load.

    Raises:
        StoreError: If a field is missing or of another type.
        SampleError: If a number is not finite and >= 0.
    """
    metrics = [_Metric(name, tree) for name, tree in top.need("metrics").items()]
    by_name = {metric.name: metric for metric in metrics}
    crossed = sorted(words for metric in metrics for words in metric.crossed())
    return (
        TimingFile(
            source=top.source,
            tool="k6",
            at_s=None,
            machine={},
            commit="",
            is_dirty=False,
            timings=tuple(
                _timing(metric, by_name)
                for metric in sorted(metrics, key=lambda one: one.name)
                if metric.is_time and not _PHASES.match(metric.name)
            ),
            round_word="run",
            notes=tuple(f"k6's own threshold was crossed: {words}" for words in crossed),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric of either shape."""

    name: str
    tree: Tree

    @property
    def values(self) -> Tree:
        return self.tree.get("values") or self.tree

    @property
    def is_time(self) -> bool:
        """Whether it is a trend of times; the older shape tells only by the name."""
        if self.tree.get("contains") is not None:
            is_trend = self.tree.text_at("type") == "trend"
            return is_trend and self.tree.text_at("contains") == "time"
        return "avg" in self.values.table() and "_duration" in self.name

    def value(self, *keys: str) -> float | None:
        """Return the number at the first of *keys* that there is."""
        return next((n for n in map(self.values.number_at, keys) if n is not None), None)

    def crossed(self) -> Iterator[str]:
        thresholds = self.tree.get("thresholds")
        for rule, state in thresholds.items() if thresholds is not None else ():
            is_crossed = state.value
            if isinstance(is_crossed, dict):
                is_crossed = not is_crossed.get("ok", False)
            if not isinstance(is_crossed, bool):
                state.refuse("is no threshold; want true, false or a table with ok")
            if is_crossed:
                yield f"{self.name} {rule}"


def _timing(metric: _Metric, others: Mapping[str, _Metric]) -> Timing:
    found = LoadMetrics()
    count, failure = _requests(metric, others, found)
    if not failure:
        found.add_quantiles(
            "latency",
            {
                end: None if (ms := metric.value(*keys)) is None else ms / 1e3
                for end, keys in _QUANTILES.items()
            },
            count,
            lacking=_LACKING,
            uncounted=_UNCOUNTED,
        )
    return Timing(
        benchmark=metric.name,
        metrics={} if failure else found.of,
        call_count=max(1, count or 1),
        withheld=found.withheld,
        settings=_settings(others),
        subject=Subject.SERVICE if _SERVICE.match(metric.name) else Subject.CODE,
        failure=failure,
    )


def _requests(
    metric: _Metric, others: Mapping[str, _Metric], found: LoadMetrics
) -> tuple[int | None, str]:
    """Return how many requests *metric* is of, if known, and whether all of them failed."""
    count = _whole(metric, "count")
    match metric.name:
        case "http_req_duration":
            made = others.get("http_reqs")
            failed = others.get("http_req_failed")
            if made is not None:
                count = _whole(made, "count")
                _add(found, "throughput", made.value("rate"))
            if failed is not None and (share := failed.value("rate", "value")) is not None:
                if share > 1:
                    failed.tree.refuse(f"has a rate of {share:g}; want a share from 0 to 1")
                found.of["success_ratio"] = 1 - share
                # k6 counts as "passes" how often it is true that a request failed.
                passes, fails = _whole(failed, "passes"), _whole(failed, "fails")
                if share == 1 and passes:
                    return count, all_failed(passes, passes + (fails or 0))
        case "iteration_duration" if "iterations" in others:
            count = _whole(others["iterations"], "count")
            _add(found, "throughput", others["iterations"].value("rate"))
        case "http_req_duration{expected_response:true}" if "http_req_failed" in others:
            count = _whole(others["http_req_failed"], "fails")
    return count, ""


def _whole(metric: _Metric, key: str) -> int | None:
    found = metric.values.get(key)
    return None if found is None else found.count()


def _add(found: LoadMetrics, name: str, value: float | None) -> None:
    if value is not None:
        found.of[name] = value


def _settings(metrics: Mapping[str, _Metric]) -> dict[str, str]:
    users = metrics["vus_max"].value("max", "value") if "vus_max" in metrics else None
    return {} if users is None else {"virtual users at most": f"{users:g}"}
