"""Histories: commits that made it slower, and versions of a library."""

from __future__ import annotations

from hashlib import sha256

from agent_perf import records
from agent_perf.records import (
    Cause,
    Comparison,
    Evidence,
    Point,
    Shift,
    Step,
    Verdict,
)
from agent_perf.report import Commit, Series, SeriesPoint

_SUBJECTS = (
    "Answer chats from the model",
    "Name the settings after what they do",
    "Read the session and the profile one by one",
    "Move prompt texts into files",
    "Log the tenant with every answer",
    "Put the locale into the cache key",
    "Type the repository layer",
    "Load each cited document by itself",
    "Split the router by resource",
    "Send every event at once",
    "Write the docstrings of the agent",
    "Keep the transaction open until the answer is complete",
)
_PLANTED = {
    2: (
        "extra-round-trip",
        "one more Redis round trip in series: 2 → 3 per request",
        1.02,
        "latency.p95",
    ),
    5: (
        "lost-cache-hit",
        "answers are no longer found in the cache: Redis misses 0.2 → 1 per request, and as many model calls more",
        1.69,
        "latency.p95",
    ),
    7: (
        "n-plus-one",
        "one SQL statement for each document instead of one for all: 3 → 25 per request",
        1.42,
        "latency.p95",
    ),
    9: (
        "batching-off",
        "events go out one by one: event deliveries 0.1 → 1 per request",
        1.0,
        "work.event_requests",
    ),
    11: (
        "connection-held",
        "a database connection is held over the model call, and others wait for it: db.wait 0 → 41 ms",
        2.1,
        "latency.p95",
    ),
}


def history() -> tuple[tuple[Step, ...], tuple[Series, ...], tuple[Commit, ...]]:
    """Twelve commits, five of which made it slower or dearer."""
    commits = tuple(
        Commit(name=sha256(subject.encode()).hexdigest()[:40], subject=subject)
        for subject in _SUBJECTS
    )
    level = {1: 48e-3, 50: 52e-3, 200: 58e-3}
    values: dict[int, list[float]] = {users: [] for users in level}
    steps: list[Step] = []
    for index, commit in enumerate(commits):
        planted = _PLANTED.get(index)
        comparisons: list[Comparison] = []
        for users, old in list(level.items()):
            if planted is not None:
                kind, text, factor, metric = planted
                level[users] = old * factor
                work = metric.startswith("work.")
                comparisons.append(
                    Comparison(
                        benchmark=f"agent.chat@{users}",
                        metric=metric,
                        unit="count" if work else "s",
                        evidence=Evidence.EXACT,
                        base=100.0 if work else old,
                        head=1000.0 if work else level[users],
                        change_ratio=9.0 if work else factor - 1,
                        interval=None,
                        limit_ratio=0.0 if work else 0.15,
                        verdict=Verdict.REGRESSED,
                        reason="beyond the limit",
                        sample_count=1000,
                    )
                )
            values[users].append(level[users])
        if planted is not None:
            causes = {f"agent.chat@{users}": (Cause(kind=kind, text=text),) for users in level}
            steps.append(
                Step(
                    commit=commit.name,
                    parent=commits[index - 1].name,
                    subject=commit.subject,
                    comparisons=tuple(comparisons),
                    causes=causes,
                )
            )
    series = tuple(
        Series(
            name=f"agent.chat@{users} latency.p95",
            unit="s",
            points=tuple(
                SeriesPoint(label=commit.name, value=value)
                for commit, value in zip(commits, found, strict=True)
            ),
            target=0.150,
        )
        for users, found in values.items()
    )
    return tuple(steps), series, commits


def versions() -> tuple[tuple[records.Series, ...], tuple[Shift, ...]]:
    """A library's history: values with intervals, and where they shifted."""
    figures = (("5.0.8", 32), ("6.4.0", 41), ("7.1.0", 38), ("8.0.0", 57), ("8.1.0", 60))
    series = tuple(
        records.Series(
            benchmark=name,
            axis="redis",
            unit="s",
            evidence=Evidence.SAMPLED,
            points=tuple(
                Point(
                    label=version,
                    value=us * calls / 1e6,
                    interval=(us * calls * 0.97 / 1e6, us * calls * 1.04 / 1e6),
                    sample_count=40,
                )
                for version, us in figures
            ),
        )
        for name, calls in (
            ("redis_client.Get.time_one", 1),
            ("redis_client.Pipeline.time_100", 14),
        )
    )
    shifts = tuple(
        Shift(
            benchmark=one.benchmark,
            axis="redis",
            before=one.points[before],
            after=one.points[after],
            change_ratio=one.points[after].value / one.points[before].value - 1,
        )
        for one in series
        for before, after in ((0, 1), (2, 3))
    )
    return series, shifts
