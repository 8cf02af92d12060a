"""
The figures of one benchmark: its metrics, its work, its critical path.
"""

from __future__ import annotations

from typing import Final

from agent_perf.records import OperationTotal, Run, Verdict
from agent_perf.report.drawing import Table
from agent_perf.report.standing import Standing
from agent_perf.report.text import change, deciding_interval, difference, duration, limit, shorten
from agent_perf.report.wording import count_label, counted, metric_label, told_first, values
from agent_perf.units import NS

_DETAILS_MAX: Final = 4
_SAME_SHOWN: Final = 4
_PATH_SHOWN: Final = 8
"""Operations on the critical path that are shown; what nobody waited for is folded."""
_DETAIL_COLUMNS: Final = 90


def metrics_table(standing: Standing) -> Table | None:
    """Return every metric of a benchmark; None if nothing was compared."""
    if not standing.comparisons:
        return None
    rows = []
    for one in standing.comparisons:
        base, head = values(one)
        sign = standing.badge_of(one)
        rows.append(
            (
                f"{metric_label(one.metric)} ({one.metric})",
                base,
                head,
                change(one.change_ratio),
                deciding_interval(one),
                limit(one.limit_ratio),
                f"{sign.mark} {sign.word}",
            )
        )
    return Table(
        caption="Every metric",
        header=("Metric", "Base", "Head", "Change", "98 % interval", "Limit", "Verdict"),
        rows=tuple(rows),
        words=(6,),
        first_rows=sum(one.verdict is not Verdict.UNCHANGED for one in standing.comparisons)
        or _SAME_SHOWN,
    )


def work_table(base: Run, head: Run) -> Table | None:
    """Return what the requests of base and head did; None if they did nothing."""
    names = [
        name
        for name in {**base.counts, **head.counts}
        if base.counts.get(name) or head.counts.get(name)
    ]
    names.sort(
        key=lambda name: (base.counts.get(name, 0) == head.counts.get(name, 0), told_first(name))
    )
    requests = max(len(head.latency_ns), len(base.latency_ns), 1)
    rows: list[tuple[str, ...]] = []
    for name in names:
        old, new = base.counts.get(name, 0), head.counts.get(name, 0)
        rows.append((count_label(name), *_cells(name, old, new, requests)))
        if old != new:
            rows.extend(_work_details(name, base, head))
    if not rows:
        return None
    return Table(
        caption="Work per request",
        header=("What", "Base", "Head", "Difference"),
        rows=tuple(rows),
        note="Counted exactly. Rare work is told in all.",
        first_rows=sum(cells[-1] != "=" for cells in rows) + _SAME_SHOWN,
    )


def path_table(base: Run, head: Run) -> Table | None:
    """Return where requests spent their time, the largest difference first."""
    names = {**base.operations, **head.operations}
    if not names:
        return None
    none = OperationTotal(count=0, busy_ns=0, critical_ns=0)
    requests = max(len(base.latency_ns), 1), max(len(head.latency_ns), 1)
    found = []
    for name in names:
        before, after = base.operations.get(name, none), head.operations.get(name, none)
        shares = before.critical_ns / requests[0], after.critical_ns / requests[1]
        times = before.count / requests[0], after.count / requests[1]
        found.append((name, times, shares))
    found.sort(key=lambda item: (-abs(item[2][1] - item[2][0]), -item[2][1], item[0]))
    return Table(
        caption="On the critical path, mean per request",
        header=("Operation", "Base, times", "Head, times", "Base", "Head", "Difference"),
        rows=tuple(
            (
                name,
                f"{times[0]:.4g}",
                f"{times[1]:.4g}" if times[1] != times[0] else "=",
                duration(shares[0]),
                duration(shares[1]) if shares[1] != shares[0] else "=",
                difference((shares[1] - shares[0]) / NS, "s"),
            )
            for name, times, shares in found
        ),
        note="Time in which nothing that ended later was under way: what a request waited for.",
        first_rows=min(_PATH_SHOWN, sum(any(shares) for _, _, shares in found) or 1),
    )


def environment_table(base: Run | None, head: Run | None) -> Table | None:
    """Return what base and head were measured with; None if neither is known."""
    known = head or base
    if known is None:
        return None
    packages = sorted(
        {*(base.environment.packages if base else ()), *(head.environment.packages if head else ())}
    )
    names = ("Python", "Harness", "Scenario", "Seed", *packages)
    before, after = _environment(base), _environment(head)
    rows = []
    for name in names:
        old, new = before.get(name, "–"), after.get(name, "–")
        rows.append((name, old, "=" if old == new else new))
    return Table(
        caption=f"As recorded with {known.benchmark}",
        header=("What", "Base", "Head"),
        rows=tuple(rows),
        words=(1, 2),
    )


def _environment(run: Run | None) -> dict[str, str]:
    if run is None:
        return {}
    return {
        **run.environment.packages,
        "Python": run.environment.python,
        "Harness": run.environment.harness[:12],
        "Scenario": run.environment.scenario[:12],
        **({"Latency tables": run.environment.tables[:12]} if run.environment.tables else {}),
        "Seed": str(run.seed),
    }


def _work_details(name: str, base: Run, head: Run) -> list[tuple[str, ...]]:
    """Return the details behind a changed count, the largest difference first."""
    prefix = f"{name}:"
    requests = max(len(head.latency_ns), len(base.latency_ns), 1)
    moved = {
        key: head.details.get(key, 0) - base.details.get(key, 0)
        for key in {**base.details, **head.details}
        if key.startswith(prefix)
    }
    largest = sorted(
        (key for key, by in moved.items() if by), key=lambda key: (-abs(moved[key]), key)
    )
    return [
        (
            f"↳ {shorten(key.removeprefix(prefix), _DETAIL_COLUMNS)}",
            *_cells(name, base.details.get(key, 0), head.details.get(key, 0), requests),
        )
        for key in largest[:_DETAILS_MAX]
    ]


def _cells(name: str, old: int, new: int, requests: int) -> tuple[str, str, str]:
    before, after = counted(name, old, new, requests)
    if old == new:
        return before, "=", "="
    sign = "+" if new > old else "−"
    return before, after, f"{sign}{counted(name, abs(new - old), max(old, new), requests)[0]}"
