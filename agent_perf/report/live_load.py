"""
What a load's report tells of a running service, its server and the generator.
"""

from __future__ import annotations

from dataclasses import replace

from agent_perf.records import LiveLoad, LoadRun, ResourceSeries
from agent_perf.report.drawing import Table
from agent_perf.report.resource_charts import draw_resources, resource_table
from agent_perf.report.text import duration, plural, quantity
from agent_perf.report.view import Point, Section


def measured_point(live: LiveLoad, how_many: str) -> Point:
    """Return what the figures stand on; *how_many* requests, and how exact, is a sentence."""
    busy = (
        f", the busiest at {quantity(max(live.worker_cpu_ratio), 'ratio')} of a core"
        if live.worker_cpu_ratio
        else ""
    )
    late = (
        f" {plural(live.late_count, 'request')} were sent late, the latest by "
        f"{duration(live.late_ns_max)}; that is in the latencies."
        if live.late_count
        else " None was sent late."
    )
    return Point(
        lead="Measured:",
        text=f"in real time, by {live.generator} in {plural(live.workers, 'worker')}{busy}: "
        f"another run gives other figures. {how_many}{late}",
    )


def live_facts(run: LoadRun, live: LiveLoad) -> Table:
    """Return what *run* was measured with."""
    rows = [
        ("Service", live.url),
        ("Load", run.shape),
        ("Requests", ", ".join(f"{name}={weight}" for name, weight in run.scenarios.items())),
        ("Sent by", live.generator),
        ("Workers", f"{live.workers:,}"),
        ("Seed of the arrivals", str(run.seed)),
        ("Sent late, P95", duration(live.late_ns_p95)),
        ("Sent late, at most", duration(live.late_ns_max)),
    ]
    if live.load_average is not None:
        rows.append(("Load average before", f"{live.load_average:.2f}"))
    return Table(caption="Measured with", header=("What", "Value"), rows=tuple(rows), words=(1,))


def server_section(live: LiveLoad) -> tuple[Section, ...]:
    """Return what the server took along the load; empty if nobody looked."""
    taken = live.resources
    if taken is None or not taken.series:
        return ()
    charts = tuple(
        replace(
            chart,
            legend=tuple(
                replace(key, text=key.text.removeprefix("head: ")) for key in chart.legend
            ),
        )
        for chart in draw_resources(None, taken)
    )
    table = replace(resource_table(None, taken), header=("Resource", "Server"))
    return (Section(title="What the server took", charts=charts, tables=(table,)),)


def live_document(live: LiveLoad) -> dict[str, object]:
    """Return the same for machines, in base units."""
    taken = live.resources
    return {
        "url": live.url,
        "generator": live.generator,
        "workers": live.workers,
        "worker_cpu_ratio": list(live.worker_cpu_ratio),
        "load_average": live.load_average,
        "late_count": live.late_count,
        "late_s_p95": live.late_ns_p95 / 1e9,
        "late_s_max": live.late_ns_max / 1e9,
        "problems": list(live.problems),
        "resources": None
        if taken is None
        else {
            "bucket_s": taken.bucket_s,
            "tick_count": taken.tick_count,
            "series": {name: _series(one) for name, one in taken.series.items()},
        },
    }


def _series(one: ResourceSeries) -> dict[str, object]:
    return {
        "unit": one.unit,
        "mean": one.sample_mean,
        "p95": one.sample_p95,
        "peak": one.sample_peak,
        "along": list(one.mean),
    }
