"""
From a load, or a search for capacity, to what its report shows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from agent_perf.records import Bottleneck, Capacity, Exemplar, LoadDecision, LoadRun
from agent_perf.report.drawing import Chart, Table
from agent_perf.report.live_load import live_facts, server_section
from agent_perf.report.load_band import load_band, promise_words, search_band
from agent_perf.report.load_cases import load_cases
from agent_perf.report.load_charts import draw_timeline
from agent_perf.report.load_curve import draw_climb, draw_curve
from agent_perf.report.load_document import load_document, search_document
from agent_perf.report.load_evidence import SIMULATED_READING, kind_of_evidence, reading_of
from agent_perf.report.load_tables import (
    cost_table,
    environment_table,
    faults_table,
    levels_table,
    operations_table,
    paths_table,
    states_table,
    work_table,
)
from agent_perf.report.load_targets import targets_table, windows_text
from agent_perf.report.load_words import load_metric_label
from agent_perf.report.text import capital, duration, plural, quantity, scrub, sentence
from agent_perf.report.view import Command, Fact, Point, Section, View
from agent_perf.report.waterfall import draw_waterfall

_NO_BAR: Final = (
    "Where no bar is, the request waited for nothing outside of the code: a lock, a semaphore, or "
    "its turn."
)
_FROM_OUTSIDE: Final = "What the service did meanwhile is not seen from outside."
_CLOSED: Final = re.compile(r"\d+ users? for ")
"""How the shape of a closed loop begins; an open one may end in "from 50 users by chance"."""


def build_load_view(
    run: LoadRun,
    decision: LoadDecision,
    bottlenecks: Sequence[Bottleneck] = (),
    *,
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
) -> View:
    """
    Return the report on a load.

    Args:
        run: What was measured.
        decision: What the gate says of it.
        bottlenecks: What holds it back, the most telling first.
        title: Of the project.
        commands: What to type next, as it stands.
    """
    run, decision, bottlenecks = scrub(run), scrub(decision), scrub(tuple(bottlenecks))
    title = scrub(title)
    document = load_document(run, decision, bottlenecks, title)
    band = load_band(run, decision)
    return View(
        title=band.sentence,
        heading=f"{title} · {run.shape}",
        band=band,
        facts=_answers(
            _why(run, bottlenecks),
            _sure(run, decision),
            _alerts(decision),
            _next(scrub(tuple(commands))),
        ),
        sections=_load_sections(run),
        targets=targets_table(decision),
        environment=environment_table(run) if run.live is None else live_facts(run, run.live),
        reading=reading_of(run),
        document=document,
        cases=load_cases("+".join(run.scenarios), decision),
    )


def build_capacity_view(
    capacity: Capacity,
    decision: LoadDecision,
    bottlenecks: Sequence[Bottleneck] = (),
    *,
    title: str = "agent-perf",
    commands: Sequence[Command] = (),
) -> View:
    """Return the report on a search for the highest rate; arguments as in build_load_view."""
    capacity, decision = scrub(capacity), scrub(decision)
    bottlenecks, title = scrub(tuple(bottlenecks)), scrub(title)
    document = search_document(capacity, decision, bottlenecks, title)
    band = search_band(capacity, decision, tuple(bottlenecks))
    shown = capacity.carried or capacity.broken
    sections = []
    curve = draw_curve(capacity)
    if curve is not None:
        sections.append(Section(title="Latency against rate", charts=(curve,)))
    if shown is not None:
        at = capacity.rate_hz if capacity.carried else capacity.broken_at_hz
        kind = "highest rate that is carried" if capacity.carried else "lowest rate tried"
        lead = Point(text=f"What follows is the run at {quantity(at, 'per_s')}, the {kind}.")
        first, *rest = _load_sections(shown)
        sections += [replace(first, points=(lead, *first.points)), *rest]
    return View(
        title=band.sentence,
        heading=f"{title} · search for the highest rate",
        band=band,
        facts=_answers(
            _why_not_more(capacity, bottlenecks),
            _sure_of_search(capacity),
            _estimate(capacity, bottlenecks),
            _next(scrub(tuple(commands))),
        ),
        sections=tuple(sections),
        environment=None if shown is None else environment_table(shown),
        reading=SIMULATED_READING,
        document=document,
        cases=load_cases(capacity.scenario, decision),
    )


def _answers(*facts: Fact | None) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact is not None)


def _why(run: LoadRun, bottlenecks: Sequence[Bottleneck]) -> Fact | None:
    points = [Point(text=sentence(one.text)) for one in bottlenecks]
    if run.errors:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in run.errors.items())
        first = sentence(f"the first: {run.first_failure}") if run.first_failure else ""
        points.append(Point(lead="Errors:", text=f"{kinds}. {first}".strip()))
    return Fact(question="Why", points=tuple(points)) if points else None


def _sure(run: LoadRun, decision: LoadDecision) -> Fact:
    points = [
        kind_of_evidence(run),
        Point(
            text="Requests do not wait for answers, and latency counts from the intended start: "
            "a slow system is not spared."
            if not _CLOSED.match(run.shape)
            else "Users wait for their answers: a slow system is asked less, and what it would do "
            "under a steady rate is not told."
        ),
    ]
    points += [Point(lead="Note:", text=sentence(note)) for note in decision.notes]
    return Fact(question="How sure", points=tuple(points))


def _alerts(decision: LoadDecision) -> Fact | None:
    points = tuple(
        Point(
            lead=f"{capital(load_metric_label(one.metric))}:",
            text=f"missed {windows_text(one)}"
            + ("." if one.passed is False else ", though kept over all."),
        )
        for one in decision.targets
        if one.windows
    )
    return Fact(question="When", points=points) if points else None


def _next(commands: Sequence[Command]) -> Fact | None:
    return Fact(question="Next step", commands=tuple(commands)) if commands else None


def _why_not_more(capacity: Capacity, bottlenecks: Sequence[Bottleneck]) -> Fact | None:
    points = [Point(text=sentence(one.text)) for one in bottlenecks]
    if capacity.broken_at_hz is not None and not points:
        points = [Point(text="Nothing measured grows with the rate but the latency itself.")]
    return Fact(question="Why not more", points=tuple(points)) if points else None


def _sure_of_search(capacity: Capacity) -> Fact:
    tried = len(capacity.probes) + len(capacity.scouts)
    points = [
        Point(
            lead="Exact:",
            text=f"{plural(tried, 'rate')} tried in virtual time with the same draws, scaled: the "
            "same on every machine.",
        )
    ]
    if capacity.rate_hz and capacity.broken_at_hz is not None and capacity.is_monotone:
        gap = capacity.broken_at_hz / capacity.rate_hz - 1
        points.append(Point(text=f"The limit lies within {quantity(gap, 'ratio')} above."))
    if not capacity.is_monotone:
        points.append(
            Point(
                lead="Doubtful:",
                text="a rate below the highest that held did not hold; look at every rate tried.",
            )
        )
    if capacity.probes and capacity.probes[0].for_s:
        points.append(
            Point(
                text=f"Requests arrived for {quantity(capacity.probes[0].for_s, 's')} at each "
                "rate; longer, near the limit, queues have more time to grow."
            )
        )
    return Fact(question="How sure", points=tuple(points))


def _estimate(capacity: Capacity, bottlenecks: Sequence[Bottleneck]) -> Fact | None:
    if not capacity.rate_hz:
        return None
    text = f"Keeps {promise_words(capacity)} up to about {quantity(capacity.rate_hz, 'per_s')}"
    brief = next((one.brief for one in bottlenecks if one.brief), "")
    beyond = (
        f"; beyond it, {brief}."
        if brief
        else f"; at {quantity(capacity.broken_at_hz, 'per_s')} no more."
        if capacity.broken_at_hz is not None
        else ", the highest rate tried; it may carry more."
    )
    points = (
        Point(text=text + beyond),
        Point(text="Plan for less: at that rate nothing is left for a burst."),
    )
    return Fact(question="Capacity", points=points)


def _load_sections(run: LoadRun) -> tuple[Section, ...]:
    climb = draw_climb(run)
    timeline = draw_timeline(run)
    found = [
        Section(title="Latency against rate", charts=() if climb is None else (climb,)),
        Section(title="Along the load", charts=timeline),
        *(() if run.live is None else server_section(run.live)),
        Section(title="Faults and recovery", tables=_some(faults_table(run), states_table(run))),
        Section(
            title="Where the time goes",
            charts=_slowest(run),
            tables=_some(paths_table(run), operations_table(run)),
        ),
        Section(
            title="Resources, work and cost",
            tables=_some(levels_table(run), work_table(run), cost_table(run)),
        ),
    ]
    return tuple(part for part in found if part.charts or part.tables)


def _slowest(run: LoadRun) -> tuple[Chart, ...]:
    exemplar: Exemplar | None = run.exemplars[0] if run.exemplars else None
    chart = draw_waterfall(None, exemplar)
    if chart is None or exemplar is None:
        return ()
    words = f"The slowest request took {duration(exemplar.latency_ns)}."
    return (
        replace(
            chart,
            title="One real request: the slowest",
            description=words,
            hint="Time runs to the right, from the intended start; equal operations share a row. "
            + (_NO_BAR if run.live is None else _FROM_OUTSIDE),
            legend=tuple(
                replace(key, text=key.text.removeprefix("head: ")) for key in chart.legend
            ),
        ),
    )


def _some(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
