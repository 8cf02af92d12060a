"""
Reports of guidellm, ``benchmarks.json``: version 0.3, and 0.8 (format 2).

guidellm ends with 0 though every request failed, and writes zeros as their latency.

Source: guidellm 0.3.1, *benchmark/benchmark.py*, GenerativeBenchmark; 0.8.1,
*schemas/benchmark*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent_perf.intake.load_metrics import LoadMetrics, all_failed
from agent_perf.intake.tree import Tree
from agent_perf.records import Subject, Timing, TimingFile

REMEDY: Final = "write it again with guidellm, as JSON"
_LACKING: Final = "use another version of guidellm"
_FAMILIES: Final = (
    ("latency", "request_latency", 1.0),
    ("latency.first_token", "time_to_first_token_ms", 1e3),
    ("latency.inter_token", "inter_token_latency_ms", 1e3),
)


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    benchmarks = top.get("benchmarks")
    return (
        isinstance(benchmarks, list)
        and bool(benchmarks)
        and all(isinstance(one, dict) and "type_" in one and "metrics" in one for one in benchmarks)
    )


def parse(top: Tree) -> tuple[TimingFile, ...]:
    """
    Return one run of a load, with a benchmark for each strategy and rate.

    Raises:
        StoreError: If a field is missing or of another type.
        SampleError: If a number is not finite and >= 0.
    """
    metadata = top.get("metadata")
    version = "" if metadata is None else metadata.text_at("guidellm_version")
    benchmarks = top.need("benchmarks").elements()
    starts = [one.number_at("start_time") for one in benchmarks]
    return (
        TimingFile(
            source=top.source,
            tool=f"guidellm {version}".strip(),
            at_s=min((start for start in starts if start is not None), default=None),
            machine={},
            commit="",
            is_dirty=False,
            timings=tuple(map(_timing, benchmarks)),
            round_word="run",
            notes=tuple(note for one in benchmarks for note in _notes(one)),
        ),
    )


def _totals(benchmark: Tree) -> Tree:
    # 0.3 has the totals beside the metrics, 0.8 among them.
    return benchmark.need("metrics").get("request_totals") or benchmark.need("request_totals")


def _notes(benchmark: Tree) -> Iterator[str]:
    totals = _totals(benchmark)
    cut, made = totals.need("incomplete").count(), totals.need("total").count()
    if cut:
        yield (
            f"{_name(benchmark)}: {cut} of {made} requests were cut off by the end of the run, "
            "and count as neither answered nor failed"
        )


def _timing(benchmark: Tree) -> Timing:
    metrics, totals = benchmark.need("metrics"), _totals(benchmark)
    good, bad = totals.need("successful").count(), totals.need("errored").count()
    found = LoadMetrics()
    failure = all_failed(bad, good + bad) or ("" if good else "no request was answered")
    if not failure:
        found.of["success_ratio"] = good / (good + bad)
        rate = _successful(metrics, "requests_per_second")
        if rate is not None and (mean := rate.number_at("mean")) is not None:
            found.of["throughput"] = mean
        for family, name, scale in _FAMILIES:
            _add_quantiles(found, family, _successful(metrics, name), scale, good)
    return Timing(
        benchmark=_name(benchmark),
        metrics=found.of,
        call_count=max(1, good),
        withheld=found.withheld,
        settings=_settings(benchmark),
        subject=Subject.MODEL,
        failure=failure,
    )


def _successful(metrics: Tree, name: str) -> Tree | None:
    by_state = metrics.get(name)
    return None if by_state is None else by_state.get("successful")


def _add_quantiles(
    found: LoadMetrics, family: str, distribution: Tree | None, scale: float, good_count: int
) -> None:
    # Where nothing was observed, as no gap between tokens, guidellm writes zeros.
    count = distribution.need("count").count() if distribution is not None else 0
    if distribution is None or not count:
        return
    percentiles = distribution.need("percentiles")
    values = {
        "p50": distribution.number_at("median"),
        "p95": percentiles.number_at("p95"),
        "p99": percentiles.number_at("p99"),
    }
    found.add_quantiles(
        family,
        {end: None if value is None else value / scale for end, value in values.items()},
        # Newer versions count each token of a request, all with the mean of that request.
        min(count, good_count),
        lacking=_LACKING,
    )


def _strategy(benchmark: Tree) -> Tree:
    config = benchmark.get("config") or benchmark.need("args")
    return config.need("strategy")


def _name(benchmark: Tree) -> str:
    """Return kind and load, as ``constant@10``."""
    strategy = _strategy(benchmark)
    kind = strategy.need("type_").text()
    for key in ("streams", "rate"):
        load = strategy.number_at(key)
        if load is not None:
            return f"{kind}@{load:g}"
    return kind


def _settings(benchmark: Tree) -> dict[str, str]:
    config = benchmark.get("config")
    backend = None if config is None else config.get("backend")
    if backend is None:
        return {}
    return {key: backend.text_at(key) for key in ("model", "request_format")}
