"""
What a request waits for most, and how close it is to what it may take.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from agent_perf.gate.difference import duration, quoted
from agent_perf.records import Advice, OperationTotal, Run
from agent_perf.stats import Direction, direction, summarize
from agent_perf.units import format_value

Rule = Callable[[Run], Advice | None]

_NONE: Final = OperationTotal(count=0, busy_ns=0, critical_ns=0)
_DOMINATES: Final = Fraction(60, 100)
_WAIT_TOLD: Final = Fraction(1, 100)
_HEADROOM_MIN: Final = 0.10
_BUSY: Final = Fraction(1, 2)
"""Of a pool, in use on average: more leaves no room for the minutes that are not average."""

_POOLS: Final = {"db_in_use": "database connections"}

_FAMILIES: Final = {
    "llm.": (
        "the model",
        "a shorter prompt or answer, a faster model, or cached answers",
    ),
    "db.": ("the database", "fewer statements, an index, or what it says kept in a cache"),
    "redis.": ("Redis", "fewer round trips: pipelines, MGET, or a near cache"),
    "http.": ("other services", "calls side by side, kept answers, or a shorter timeout"),
    "tool.": ("tools", "calls side by side, or kept results"),
    "pusher.": ("event deliveries", "sending events without waiting for them"),
}


def pool_waits(run: Run) -> Advice | None:
    """Requests wait for a connection of a pool."""
    for operation, what, action in (
        (
            "db.wait",
            "a database connection",
            "hold connections for less time first; a larger pool helps only if the server has room",
        ),
        (
            "http.wait",
            "an HTTP connection",
            "allow more connections to that host (httpx.Limits), or ask it less often",
        ),
    ):
        total = run.operations.get(operation, _NONE)
        if total.critical_ns < _WAIT_TOLD * sum(run.latency_ns) or not total.critical_ns:
            continue
        cost_ns = total.critical_ns // len(run.latency_ns)
        return Advice(
            kind="pool-waits",
            benchmarks=(run.benchmark,),
            fact=f"requests wait {total.count:,} times for {what}, "
            f"{duration(Fraction(cost_ns))} per request on average",
            action=action,
            cost_ns=cost_ns,
        )
    return None


def pool_busy(run: Run) -> Advice | None:
    """More than half of a pool is in use on average, or all of it at times."""
    for name, level in sorted(run.levels.items()):
        if not level.most or not level.length_ns:
            continue
        share = Fraction(level.held_ns, level.length_ns * level.most)
        if share < _BUSY and level.peak < level.most:
            continue
        what = _POOLS.get(name, name)
        return Advice(
            kind="pool-busy",
            benchmarks=(run.benchmark,),
            fact=f"of {level.most} {what} {float(share) * 100:.3g} % are in use on average, "
            f"{level.peak} at most",
            action="hold them for less time, or let fewer requests in at once",
        )
    return None


def tight_target(run: Run) -> Advice | None:
    """A target is kept with less than a tenth to spare."""
    tight: list[tuple[float, str, float, float, str]] = []
    known = {metric.name: metric for metric in summarize(run)}
    for name, limit in run.targets.items():
        if name not in known or limit <= 0 or direction(name) is not Direction.LESS_IS_BETTER:
            continue
        headroom = 1 - known[name].value / limit
        if 0 <= headroom < _HEADROOM_MIN:
            tight.append((headroom, name, known[name].value, limit, known[name].unit))
    if not tight:
        return None
    headroom, name, value, limit, unit = min(tight)
    return Advice(
        kind="tight-target",
        benchmarks=(run.benchmark,),
        fact=f"{quoted(name)} is {format_value(value, unit)} of "
        f"{format_value(limit, unit)} allowed, {headroom * 100:.2g} % to spare",
        action="make room before the next change, or say what is really needed",
    )


def one_dominates(run: Run) -> Advice | None:
    """Most of what requests wait for is one thing."""
    total_ns = sum(run.latency_ns)
    if not total_ns:
        return None
    spent = {
        prefix: sum(
            total.critical_ns for name, total in run.operations.items() if name.startswith(prefix)
        )
        for prefix in _FAMILIES
    }
    prefix = max(spent, key=lambda name: spent[name])
    share = Fraction(spent[prefix], total_ns)
    if share < _DOMINATES:
        return None
    what, action = _FAMILIES[prefix]
    count = len(run.latency_ns)
    return Advice(
        kind="one-dominates",
        benchmarks=(run.benchmark,),
        fact=f"{float(share) * 100:.3g} % of what requests wait for is {what}: "
        f"{duration(Fraction(spent[prefix], count))} of {duration(Fraction(total_ns, count))}",
        action=f"nothing else makes them much faster than {action}",
        cost_ns=spent[prefix] // count,
    )


LIMIT_RULES: Final[tuple[Rule, ...]] = (pool_waits, pool_busy, tight_target, one_dominates)
"""What is scarce first; what is only large last."""
