"""
A load's figures: targets, paths, operations, faults, cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent_perf.records import LatencySummary, LoadRun, Tier
from agent_perf.report.drawing import Table
from agent_perf.report.load_words import clock, level_label
from agent_perf.report.text import duration, quantity, shorten
from agent_perf.report.wording import count_label, counted, told_first
from agent_perf.stats import WindowEffect, steady_state
from agent_perf.units import NS

_COST: Final = "llm_cost_nanousd"


def paths_table(run: LoadRun) -> Table | None:
    """Return the latencies of all requests and of each path; None if nothing ended."""
    if not run.latency.count:
        return None
    rows = [_latency_row("all", run.latency, run)]
    if len(run.paths) > 1:
        rows += [
            _latency_row(_path(path, run), summary, run) for path, summary in run.paths.items()
        ]
    error = run.latency.error_ratio
    return Table(
        caption="Latency by path",
        header=("Path", "Requests", "Share", "P50", "P95", "P99", "Slowest"),
        rows=tuple(rows),
        note="Quantiles are those of real requests"
        + (f", within {quantity(error, 'ratio')}." if error else ", exact."),
        first_rows=12,
    )


def _path(path: str, run: LoadRun) -> str:
    name, _, last = path.rpartition(".")
    if run.live is None or last != "ttft":
        return path
    return f"{name}, first event" if name else "first event of streams"


def operations_table(run: LoadRun) -> Table | None:
    """Return where requests spent their time, the most first; None if nothing is known."""
    ended = run.latency.count
    if not ended or not run.operations:
        return None
    totals = sorted(run.operations.items(), key=lambda item: (-item[1].critical_ns, item[0]))
    rows = [
        (
            name,
            f"{total.count / ended:.4g}",
            duration(total.critical_ns / ended),
            quantity(total.critical_ns / run.latency.sum_ns, "ratio")
            if run.latency.sum_ns
            else "–",
            duration(total.busy_ns / ended),
        )
        for name, total in totals
    ]
    own_ns = run.latency.sum_ns - sum(total.critical_ns for total in run.operations.values())
    if own_ns > 0:
        share = quantity(own_ns / run.latency.sum_ns, "ratio")
        rows.append(("in none of them", "–", duration(own_ns / ended), share, "–"))
    return Table(
        caption="Where requests spend their time, mean per request",
        header=("Operation", "Times", "On the critical path", "Of all", "Under way"),
        rows=tuple(rows),
        note="On the critical path: time in which nothing that ended later was under way. "
        f"In none of them: {_unseen(run)}.",
        first_rows=12,
    )


def _unseen(run: LoadRun) -> str:
    if run.live is not None:
        return (
            "lateness of up to 1 ms. load.late: from the intended start until it was sent, where "
            "that was more"
        )
    cpu = "CPU time" if run.tier is Tier.LIVE else "CPU time charged"
    return f"waits for locks and semaphores of the code itself, sleeps, {cpu}"


def work_table(run: LoadRun) -> Table | None:
    """Return what requests did; None if they did nothing."""
    ended = max(run.latency.count, 1)
    names = sorted((name for name in run.counts if run.counts[name]), key=told_first)
    if not names:
        return None
    return Table(
        caption="Work per request",
        header=("What", "Per request", "In all"),
        rows=tuple(
            (
                count_label(name),
                counted(name, run.counts[name], run.counts[name], ended)[1],
                _total(name, run.counts[name]),
            )
            for name in names
        ),
        note="Counted exactly. Rare work is told in all.",
        first_rows=8,
    )


def cost_table(run: LoadRun) -> Table | None:
    """Return what the models cost; None if they cost nothing."""
    cost = run.counts.get(_COST, 0)
    if not cost or not run.latency.count:
        return None
    ended = run.latency.count
    rows = [
        ("per request", quantity(cost / NS / ended, "usd")),
        ("per 1,000 requests", quantity(cost / NS / ended * 1000, "usd")),
        ("per 1,000 good answers", quantity(cost / NS / run.good * 1000, "usd"))
        if run.good
        else ("per 1,000 good answers", "–"),
        ("an hour at this rate", quantity(cost / NS * 3600 * NS / run.duration_ns, "usd"))
        if run.duration_ns
        else ("an hour at this rate", "–"),
    ]
    for name in ("llm_tokens_in", "llm_tokens_out"):
        total = run.counts.get(name, 0)
        if total:
            rows.append((f"{count_label(name)} per request", quantity(total / ended, "count")))
    return Table(caption="Model cost", header=("Cost", "Dollars, or tokens"), rows=tuple(rows))


def levels_table(run: LoadRun) -> Table | None:
    """Return what was held; None if nothing is known."""
    rows = [
        (
            level_label(name),
            quantity(level.mean, "count"),
            quantity(level.peak, "count"),
            duration(level.held_ns / run.latency.count) if run.latency.count else "–",
        )
        for name, level in run.levels.items()
    ]
    if not rows:
        return None
    return Table(
        caption="Resources held",
        header=("What", "Mean", "At most", "Held for, per request"),
        rows=tuple(rows),
    )


def faults_table(run: LoadRun) -> Table | None:
    """Return what each fault window did, and how long recovery took; None without faults."""
    effects = steady_state(run.timeline, run.fault_windows).windows
    if not effects:
        return None
    return Table(
        caption="Fault windows",
        header=("Fault", "What", "From", "Goodput", "P95", "Recovery", "Errors"),
        rows=tuple(_effect_row(number, one) for number, one in enumerate(effects, start=1)),
        words=(1, 2, 6),
        note="Goodput in the window is a share of that before it. Back: 95 % of it over three "
        "buckets; a timeline tells that to the length of a bucket.",
        first_rows=20,
    )


def states_table(run: LoadRun) -> Table | None:
    """Return how long breakers and the like were in which state; None if none told."""
    totals = steady_state(run.timeline, (), states=run.states, duration_ns=run.duration_ns).states
    if not totals:
        return None
    return Table(
        caption="States",
        header=("What", "State", "Times", "In all"),
        rows=tuple(
            (one.name, one.state, f"{one.entries:,}", duration(one.total_ns)) for one in totals
        ),
        words=(1,),
    )


def environment_table(run: LoadRun) -> Table:
    """Return what *run* was measured with."""
    rows = [
        ("Load", run.shape),
        ("Users", f"{run.users:,}"),
        ("Tier", run.tier.value),
        ("Seed", str(run.seed)),
        ("Commit", run.commit),
        ("Python", run.environment.python),
        ("Harness", run.environment.harness[:12]),
        ("Scenario", run.environment.scenario[:12]),
        *sorted(run.environment.packages.items()),
    ]
    if run.environment.cpu:
        rows.insert(4, ("CPU time charged", run.environment.cpu))
    if run.environment.tables:
        rows.insert(4, ("Latency tables", f"the project's own, {run.environment.tables[:8]}"))
    return Table(caption="Measured with", header=("What", "Value"), rows=tuple(rows), words=(1,))


def _latency_row(name: str, summary: LatencySummary, run: LoadRun) -> tuple[str, ...]:
    return (
        shorten(name, 60),
        f"{summary.count:,}",
        quantity(summary.count / run.latency.count, "ratio"),
        *(
            duration(value)
            for value in (summary.p50_ns, summary.p95_ns, summary.p99_ns, summary.max_ns)
        ),
    )


def _total(name: str, amount: int) -> str:
    if name == _COST:
        return quantity(amount / NS, "usd")
    return quantity(amount, "bytes" if name.startswith("bytes_") else "count")


def _effect_row(number: int, effect: WindowEffect) -> tuple[str, ...]:
    window = effect.window
    errors: Sequence[str] = [f"{kind} {count:,}" for kind, count in effect.errors.items()]
    back = (
        "–"
        if effect.during_ratio is None
        else f"not in {duration(effect.watched_ns)}"
        if effect.recovery_ns is None
        else f"within {duration(effect.recovery_ns)}"
        if effect.recovery_ns
        else "at once"
    )
    return (
        f"{number} {window.name}",
        f"{window.service}, {window.kind}",
        f"{clock(window.start_ns)}–{clock(window.end_ns)}",
        quantity(effect.during_ratio, "ratio"),
        f"{duration(effect.p95_ns_before)} → {duration(effect.p95_ns_during)}",
        back,
        shorten(", ".join(errors) or "none", 80),
    )
