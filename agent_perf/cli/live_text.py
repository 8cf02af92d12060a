"""
How a load was put on a running service, in lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_perf.records import LiveLoad, ResourceRun
from agent_perf.units import NS, format_value


def live_lines(live: LiveLoad) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line: the service, the generator, what the server took."""
    yield "service", live.url
    busy = f", busiest at {format_value(max(live.worker_cpu_ratio), 'ratio')} of a core"
    workers = f"{live.workers} worker{'s' * (live.workers > 1)}"
    yield "sent by", f"{live.generator}, {workers}{busy if live.worker_cpu_ratio else ''}"
    if live.late_count:
        latest = format_value(live.late_ns_max / NS, "s")
        yield "late", f"{live.late_count:,} requests were sent late, the latest by {latest}"
    if live.resources is not None:
        yield "server", ", ".join(_taken(live.resources)) or "nothing was seen of it"


def _taken(run: ResourceRun) -> Iterator[str]:
    for name, words in (("cpu", "CPU"), ("memory", "memory"), ("connections", "connections")):
        series = run.series.get(name)
        if series is not None:
            mean, peak = (
                format_value(value, series.unit)
                for value in (series.sample_mean, series.sample_peak)
            )
            yield f"{words} {mean}, at most {peak}"
