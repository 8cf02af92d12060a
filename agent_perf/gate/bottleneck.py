"""
What holds a load back: what is full, what queues, what is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent_perf.records import Bottleneck, Capacity, LevelTotal, LoadRun, OperationTotal, Probe
from agent_perf.units import NS, format_value

_POOLS: Final = {"db_in_use": ("db_waits", "database connections", "database connection")}
"""Level to the count of those who waited for one, and its name, of many and of one."""

_QUEUES: Final = {
    "db.wait": "waiting for a database connection",
    "http.wait": "waiting for a connection to a host",
    "db.lock": "waiting for a database lock",
}
_NOTABLE_RATIO: Final = 0.05
"""Share of the requests' time from which a queue is worth a word."""

_SENT_LATE: Final = "load.late"
"""Time that the generator took before it sent: no part of what it asks."""

_ALL_OF_IT: Final = "http.request"
"""Of a service that is seen from outside, that it takes the time says nothing."""

_SEEN_FROM_OUTSIDE: Final = {
    "http.first_event": "the wait for the first event of a stream",
    "http.stream": "the rest of a stream, after its first event",
}

_BACKLOG_RATIO: Final = 0.5
"""Share of all requests without an answer at the last arrival from which they are a backlog."""

_BACKLOG_BUCKETS_MIN: Final = 10
"""Buckets over which requests arrive at least: what comes all at once waits in any case."""

_BUSY_RATIO: Final = 0.5
"""Share of a pool in use on average from which it is worth a word though nobody waited."""


def find_bottlenecks(run: LoadRun) -> tuple[Bottleneck, ...]:
    """
    Return what holds *run* back, the most telling first: what is full, queues, the slowest.

    Where a pool does not tell its size, it is its peak once a request waited for it. What a
    full pool carries follows from the utilisation law, size / time held per request.

    Source: Lazowska et al., *Quantitative System Performance* (1984), section 3.3.
    """
    ended = run.latency.count
    if not ended:
        return ()
    found = [*_full(run.levels, run.counts, ended), *_queues(run), *_backlog(run)]
    if run.live is not None and not run.good:
        # Where refusals took their time is no reason for them.
        return tuple(found)
    lead = "apart from that, most time goes" if found else "most time goes"
    slowest = _slowest(run.operations, ended, run.latency.sum_ns, lead)
    if slowest is not None and run.live is not None and slowest.name == _ALL_OF_IT:
        return tuple(found)
    return (*found, *(() if slowest is None else (slowest,)))


def capacity_bottlenecks(capacity: Capacity) -> tuple[Bottleneck, ...]:
    """
    Return what holds the system back beyond the rate that it carries.

    What is full at the lowest rate that broke the promise, then what grew most from the
    lowest rate tried to that one: per request, on the critical path.
    """
    broken = next((probe for probe in capacity.probes if not probe.kept), None)
    if broken is None or not broken.ended:
        return ()
    found = list(_full(broken.levels, broken.counts, broken.ended))
    calm = capacity.curve[0]
    if calm is not broken and calm.ended:
        growth = _growth(calm, broken)
        if growth is not None:
            found.append(growth)
    if found:
        return tuple(found)
    sum_ns = broken.mean_ns * broken.ended
    slowest = _slowest(broken.operations, broken.ended, sum_ns, "most time goes")
    return () if slowest is None else (slowest,)


def _full(
    levels: Mapping[str, LevelTotal], counts: Mapping[str, int], ended: int
) -> tuple[Bottleneck, ...]:
    found = []
    for name, (waits, many, one) in _POOLS.items():
        level, waited = levels.get(name), counts.get(waits, 0)
        if level is None or not level.held_ns:
            continue
        size = level.most or (level.peak if waited else None)
        if size is None or (not waited and level.mean < _BUSY_RATIO * size):
            continue
        held_s = level.held_ns / ended / NS
        ceiling_hz = size / held_s
        use = (
            f"all {size:,} {many} were in use, and one was waited for {waited:,} "
            f"time{'s' * (waited > 1)}"
            if waited
            else f"of {size:,} {many} {format_value(level.mean, 'count')} were in use on average"
        )
        text = (
            f"{use}; a request holds a {one} for {format_value(held_s, 's')}, so that {size:,} "
            f"carry {format_value(ceiling_hz, 'per_s')} at most"
        )
        brief = f"the {size:,} {many} carry {format_value(ceiling_hz, 'per_s')} at most"
        found.append(
            Bottleneck(kind="full", name=name, text=text, ceiling_hz=ceiling_hz, brief=brief)
        )
    return tuple(found)


def _queues(run: LoadRun) -> tuple[Bottleneck, ...]:
    found = []
    for name, words in _QUEUES.items():
        total = run.operations.get(name)
        if total is None or not run.latency.sum_ns:
            continue
        ratio = total.critical_ns / run.latency.sum_ns
        if ratio >= _NOTABLE_RATIO:
            each_s = total.critical_ns / run.latency.count / NS
            found.append(
                Bottleneck(
                    kind="queue",
                    name=name,
                    text=(
                        f"{words} is {format_value(ratio, 'ratio')} of the requests' time, "
                        f"{format_value(each_s, 's')} each on average"
                    ),
                )
            )
    return tuple(found)


def _backlog(run: LoadRun) -> tuple[Bottleneck, ...]:
    """Return that requests arrived faster than they were answered; empty if they did not."""
    buckets = run.timeline.buckets
    arrived = sum(bucket.started for bucket in buckets)
    last = max((index for index, bucket in enumerate(buckets) if bucket.started), default=-1)
    waiting = arrived - sum(bucket.ended for bucket in buckets[: last + 1])
    if last + 1 < _BACKLOG_BUCKETS_MIN or waiting < _BACKLOG_RATIO * arrived:
        return ()
    arrived_hz = arrived * NS / ((last + 1) * run.timeline.bucket_ns)
    text = (
        f"when the last request arrived, {waiting:,} of {arrived:,} had no answer yet: "
        f"{format_value(arrived_hz, 'per_s')} arrived, and "
        f"{format_value(run.throughput_hz, 'per_s')} were answered"
    )
    return (Bottleneck(kind="queue", name="backlog", text=text),)


def _growth(calm: Probe, broken: Probe) -> Bottleneck | None:
    """Return what grew most per request from *calm* to *broken*; None if nothing did."""
    more_ns = broken.mean_ns - calm.mean_ns
    if more_ns <= 0:
        return None
    names = {**calm.operations, **broken.operations}
    growth = {
        name: _each_ns(broken.operations, name, broken.ended)
        - _each_ns(calm.operations, name, calm.ended)
        for name in names
    }
    rates = f"from {format_value(calm.rate_hz, 'per_s')} to {format_value(broken.rate_hz, 'per_s')}"
    name = max(growth, key=lambda name: (growth[name], name), default="")
    own_ns = more_ns - sum(growth.values())
    if not name or own_ns > growth[name]:
        text = (
            f"{rates}, {format_value(own_ns / NS, 's')} of the {format_value(more_ns / NS, 's')} "
            "that a request takes longer are in no operation: the code waits for itself, as for "
            "a lock, a semaphore or the CPU"
        )
        return Bottleneck(kind="queue", name="own code", text=text)
    words = _QUEUES.get(name, name)
    text = (
        f"{rates}, {words} grows by {format_value(growth[name] / NS, 's')} a request, and the "
        f"whole request by {format_value(more_ns / NS, 's')}"
    )
    return Bottleneck(kind="queue", name=name, text=text)


def _slowest(
    operations: Mapping[str, OperationTotal], ended: int, sum_ns: int, lead: str
) -> Bottleneck | None:
    left_out = {*_QUEUES, _SENT_LATE}
    others = {name: total for name, total in operations.items() if name not in left_out}
    if not others or not sum_ns:
        return None
    name = max(others, key=lambda name: (others[name].critical_ns, name))
    critical_ns = others[name].critical_ns
    own_ns = sum_ns - sum(total.critical_ns for total in operations.values())
    if own_ns > max(critical_ns, sum_ns // 2):
        text = (
            f"{lead} to no operation: {format_value(own_ns / ended / NS, 's')} a request, "
            f"{format_value(own_ns / sum_ns, 'ratio')} of all; the code waits for itself, as for a "
            "lock, a batch, a sleep or the CPU"
        )
        return Bottleneck(kind="slow", name="own code", text=text)
    if not critical_ns:
        return None
    words = _SEEN_FROM_OUTSIDE.get(name, name)
    text = (
        f"{lead} to {words}: {format_value(critical_ns / ended / NS, 's')} a request, "
        f"{format_value(critical_ns / sum_ns, 'ratio')} of all"
    )
    return Bottleneck(kind="slow", name=name, text=text)


def _each_ns(operations: Mapping[str, OperationTotal], name: str, ended: int) -> float:
    total = operations.get(name)
    return 0.0 if total is None else total.critical_ns / ended
