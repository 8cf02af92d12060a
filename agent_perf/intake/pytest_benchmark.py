"""
Files of pytest-benchmark, versions 3 to 5: ``--benchmark-json`` and ``--benchmark-save``.

Source: pytest-benchmark, *plugin.py*, pytest_benchmark_generate_json and
pytest_benchmark_generate_machine_info; *stats.py*, Stats and Metadata.as_dict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agent_perf.errors import SampleError, StoreError
from agent_perf.records import Timing, TimingFile
from agent_perf.stats import nearest_rank, samples_needed

_KEYS: Final = ("machine_info", "benchmarks", "datetime", "version")
_CPU_TIMERS: Final = re.compile(r"(process|thread)_time")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


class _Stats(msgspec.Struct):
    median: float
    rounds: int
    iterations: int = 1
    data: list[float] | None = None


class _Benchmark(msgspec.Struct):
    fullname: str
    stats: _Stats
    group: str | None = None
    params: Any = None
    options: dict[str, Any] = {}


class _Document(msgspec.Struct):
    machine_info: dict[str, Any]
    benchmarks: list[_Benchmark]
    datetime: str
    version: str
    commit_info: dict[str, Any] | None = None


def recognises(top: Mapping[str, object]) -> bool:
    """Return whether a JSON object with the keys of *top* is such a file."""
    return all(key in top for key in _KEYS)


def parse(content: bytes, source: str) -> TimingFile:
    """
    Return what the file holds.

    Times are per call. What pytest-benchmark keeps is the mean of each of its rounds,
    which is one call only where it has one iteration: the median of means is told, a P95
    of means is withheld, for it is none of calls.

    Args:
        content: Of the file.
        source: Where it was read, for messages.

    Raises:
        StoreError: If a field is missing or of another type.
        SampleError: If a time is not finite and > 0.
    """
    try:
        document = msgspec.json.decode(content, type=_Document)
        at_s = _seconds(document.datetime)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise StoreError(
            f"{source} is no file of pytest-benchmark 3 to 5 ({error}); write it again with "
            "--benchmark-json"
        ) from error
    commit = document.commit_info or {}
    name = str(commit.get("id", ""))
    try:
        timings = tuple(map(_timing, document.benchmarks))
        return TimingFile(
            source=source,
            tool=f"pytest-benchmark {document.version}",
            at_s=at_s,
            machine=_machine(document.machine_info),
            commit=name if _COMMIT.fullmatch(name) else "",
            is_dirty=bool(commit.get("dirty")),
            timings=timings,
        )
    except SampleError as error:
        raise SampleError(f"{source}: {error}") from error


def _timing(one: _Benchmark) -> Timing:
    options = one.options
    # An older version wrote no timer; its default was the same, a wall clock.
    clock = "cpu" if _CPU_TIMERS.search(str(options.get("timer", ""))) else "wall"
    metrics = {f"{clock}.median": one.stats.median}
    least_s = min(one.stats.data or (), default=0.0)
    if least_s < 0:
        raise SampleError(
            f"{one.fullname}: one of its times is {least_s} s; want none below 0: "
            "use a timer that does not run backwards"
        )
    withheld = {}
    obstacle = _no_p95(one.stats)
    if obstacle:
        withheld[f"{clock}.p95"] = obstacle
    else:
        assert one.stats.data is not None
        metrics[f"{clock}.p95"] = nearest_rank(sorted(one.stats.data), "0.95")
    return Timing(
        benchmark=one.fullname,
        metrics=metrics,
        call_count=max(1, one.stats.rounds * one.stats.iterations),
        withheld=withheld,
        settings={
            "timer": str(options.get("timer", "unknown")),
            "group": one.group or "none",
            "params": msgspec.json.encode(one.params, order="sorted").decode(),
            "disable_gc": str(options.get("disable_gc", False)),
            "warmup": str(options.get("warmup", False)),
        },
    )


def _no_p95(stats: _Stats) -> str:
    """Return why there is no P95; empty if there is one."""
    if stats.data is None:
        return "the file holds no single times: write it with --benchmark-save-data"
    if stats.iterations > 1:
        return (
            "each time is a mean of several calls, and a P95 of means is none: "
            "use benchmark.pedantic(iterations=1)"
        )
    if len(stats.data) < samples_needed("0.95"):
        return f"{len(stats.data)} times; a P95 wants at least {samples_needed('0.95')}"
    return ""


def _machine(info: Mapping[str, Any]) -> dict[str, str]:
    cpu = info.get("cpu") if isinstance(info.get("cpu"), dict) else {}
    assert isinstance(cpu, dict)
    # Patch releases and builds of one Python are compared often, and are what may be judged.
    python = ".".join(str(info.get("python_version", "unknown")).split(".")[:2])
    return {
        "system": str(info.get("system", "unknown")),
        "architecture": str(info.get("machine", "unknown")),
        "CPU": str(cpu.get("brand_raw") or cpu.get("brand") or "unknown"),
        "number of CPUs": str(cpu.get("count", "unknown")),
        "Python": f"{info.get('python_implementation', 'unknown')} {python}",
    }


def _seconds(text: str) -> float:
    at = datetime.fromisoformat(text)
    # Before version 4 it was UTC without saying so.
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
