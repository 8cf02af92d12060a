"""
The details of one benchmark, unfolded where it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from agent_perf.records import Comparison, Verdict
from agent_perf.report.cause_points import cause_words, scenario_and_loads
from agent_perf.report.distribution import draw_distribution, draw_shift
from agent_perf.report.drawing import Chart, Table
from agent_perf.report.lineage import Lineage, draw_lineage, forecast_words
from agent_perf.report.resource_charts import draw_resources, resource_table
from agent_perf.report.rounds import draw_confirmation, draw_rounds
from agent_perf.report.sampled_shift import draw_sampled_shift
from agent_perf.report.sampling import confirmation_words, rounds_words
from agent_perf.report.standing import Standing
from agent_perf.report.tables import metrics_table, path_table, work_table
from agent_perf.report.text import change, plural, sentence
from agent_perf.report.view import Detail, Point
from agent_perf.report.waterfall import draw_waterfall
from agent_perf.report.wording import metric_label, moved

CHARTED_MAX: Final = 100
"""Above so many benchmarks, unchanged ones carry no chart: a page stays below 1 MB."""

_OPEN_MAX: Final = 3


def make_details(
    standings: Sequence[Standing],
    anchors: Mapping[str, str],
    past: Mapping[str, Sequence[Lineage]],
) -> tuple[Detail, ...]:
    """
    Return the details of each benchmark that has an anchor, in the order of *standings*.

    Args:
        standings: Worst first.
        anchors: Benchmark to the id of its details.
        past: Benchmark to its history, as far as it is known.
    """
    shown = [standing for standing in standings if standing.benchmark in anchors]
    unfolded = _unfolded(shown)
    return tuple(
        _detail(
            standing,
            anchors[standing.benchmark],
            open_=standing.benchmark in unfolded,
            charted=len(standings) <= CHARTED_MAX or standing.verdict is not Verdict.UNCHANGED,
            past=past.get(standing.benchmark, ()),
        )
        for standing in shown
    )


def _unfolded(standings: Sequence[Standing]) -> list[str]:
    """Return the benchmarks to show at once: the worst load of each scenario that failed."""
    worst: dict[str, str] = {}
    for standing in standings:
        if standing.fails or standing.verdict is Verdict.UNDECIDED:
            scenario = standing.benchmark.rpartition("@")[0] or standing.benchmark
            worst.setdefault(scenario, standing.benchmark)
    # Three benchmarks that failed are read; ten would bury what follows them.
    return list(worst.values())[:_OPEN_MAX]


def _detail(
    standing: Standing, anchor: str, *, open_: bool, charted: bool, past: Sequence[Lineage]
) -> Detail:
    return Detail(
        anchor=anchor,
        benchmark=standing.benchmark,
        badge=standing.badge,
        open=open_,
        summary=_summary(standing),
        points=(*_points(standing), *_trends(past)),
        charts=tuple(_charts(standing, past)) if charted else (),
        tables=tuple(_tables(standing)),
    )


def _summary(standing: Standing) -> str:
    lead = standing.lead
    if lead is None:
        return standing.failures[0].category if standing.failures else "nothing was compared"
    words = f"{metric_label(lead.metric)} {moved(lead)}"
    alone = lead.base is None or lead.base == lead.head
    return words if alone else f"{words}, {change(lead.change_ratio)}"


def _points(standing: Standing) -> list[Point]:
    points = [Point(text=sentence(cause_words(cause))) for cause in standing.causes]
    points.extend(
        Point(lead=failure.category, text=failure.message) for failure in standing.failures
    )
    base, head = standing.base, standing.head
    if base is not None and head is not None:
        if (base.trace_digest, base.latency_ns) == (head.trace_digest, head.latency_ns):
            points.append(
                Point(
                    text="Base and head did exactly the same, step by step and to the nanosecond."
                )
            )
        elif base.latency_ns == head.latency_ns:
            points.append(Point(text="Every request took exactly as long as before."))
    if head is not None:
        points.append(Point(lead="Load", text=_load(standing)))
    lead = standing.lead
    points.extend(_sampling(standing))
    if lead is not None and lead.verdict is Verdict.UNDECIDED:
        points.append(Point(lead="Undecided", text=sentence(lead.reason)))
    return points


def _trends(past: Sequence[Lineage]) -> list[Point]:
    """Return where it is heading, as far as that is sure."""
    words = [forecast_words(one) for one in past]
    return [Point(lead="Trend", text=sentence(text)) for text in words if text]


def _sampling(standing: Standing) -> list[Point]:
    """Return how the leading metric was sampled, and every confirmation."""
    points: list[Point] = []
    lead = standing.lead
    if lead is not None and lead.metric in standing.duets:
        words = rounds_words(lead, standing.duets[lead.metric])
        if words:
            points.append(Point(lead=f"Sampled, {metric_label(lead.metric)}", text=f"{words}."))
    points.extend(
        Point(
            lead=f"Measured again, {metric_label(one.metric)}",
            text=sentence(confirmation_words(one.confirmation)),
        )
        for one in standing.comparisons
        if one.confirmation is not None
    )
    return points


def _load(standing: Standing) -> str:
    head = standing.head
    assert head is not None
    users = scenario_and_loads([standing.benchmark]).removeprefix(f"{head.scenario} at ")
    words = f"{plural(len(head.latency_ns), 'request')} by {users}, seed {head.seed}"
    failed = len(head.errors)
    if failed:
        kinds = ", ".join(sorted(set(head.errors.values())))
        words += f"; {plural(failed, 'request')} failed ({kinds})"
    return f"{words}."


def _charts(standing: Standing, past: Sequence[Lineage]) -> list[Chart]:
    base, head = standing.base, standing.head
    charts: list[Chart | None] = []
    if base is not None or head is not None:
        charts.append(draw_distribution(base, head, standing.target("latency.p95")))
    if base is not None and head is not None:
        charts.append(draw_shift(base, head))
    charts.extend(map(draw_lineage, past))
    charts.append(draw_sampled_shift(standing.comparisons))
    for one in standing.comparisons:
        if one.metric in standing.duets and _has_rounds_to_see(standing, one):
            charts.append(draw_rounds(standing.duets[one.metric], one))
            charts.append(draw_confirmation(standing.duets[one.metric], one))
    if base is not None or head is not None:
        charts.append(
            draw_waterfall(base.exemplar if base else None, head.exemplar if head else None)
        )
    if standing.recordings is not None:
        charts.extend(draw_resources(*standing.recordings))
    return [chart for chart in charts if chart is not None]


def _has_rounds_to_see(standing: Standing, comparison: Comparison) -> bool:
    """Return False for the many resources of a process of which there is nothing to tell."""
    if standing.recordings is None or comparison is standing.lead:
        return True
    return comparison.verdict in {Verdict.REGRESSED, Verdict.UNDECIDED}


def _tables(standing: Standing) -> list[Table]:
    base, head = standing.base, standing.head
    tables = []
    if base is not None and head is not None:
        tables.extend([path_table(base, head), work_table(base, head)])
    tables.append(metrics_table(standing))
    if standing.recordings is not None:
        tables.append(resource_table(*standing.recordings))
    return [table for table in tables if table is not None]
