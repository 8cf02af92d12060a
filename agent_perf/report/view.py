"""
What a report shows: texts and coordinates, no number left to format or compute.

Templates only place these values. Texts may come from outside and are not escaped
here; whoever renders them does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent_perf.report.drawing import Chart, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """
    A verdict as it is shown: never by its colour alone.

    Attributes:
        tone: Class of colour: ``fail``, ``pass``, ``undecided``, ``broken``, ``plain``.
        mark: One character.
        word: What it means.
    """

    tone: str
    mark: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """
    The verdict of the whole, before everything else.

    Attributes:
        badge: Its word is in capitals.
        headline: What the verdict is about, without a full stop.
        values: Base to head of what *headline* names, ``98 ms → 141 ms``; may be empty.
        change: From one to the other, ``+31.5 %``; may be empty.
        lines: What bounds that change: interval, limit, target.
        chart: Base and head against limit and target; None without both values.
        tally: How many benchmarks came to which verdict, worst first.
    """

    badge: Badge
    headline: str
    values: str = ""
    change: str = ""
    lines: tuple[str, ...] = ()
    chart: Chart | None = None
    tally: tuple[Badge, ...] = ()

    @property
    def sentence(self) -> str:
        """Everything in one line: verdict, benchmark, base to head, change."""
        words = " ".join(part for part in (self.headline, self.values) if part)
        end = f" ({self.change})" if self.change else ""
        return f"{self.badge.mark} {self.badge.word}: {words}{end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One statement: *lead* names what it is about, and may be empty."""

    lead: str = ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """
    Something to type.

    Attributes:
        purpose: What it is for, as in ``Run it again``.
        line: The command, to be copied as it stands.
    """

    purpose: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """
    A way to another page.

    Attributes:
        text: What is there; the same for every link to one place.
        href: Relative to the page it stands on.
    """

    text: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One of the answers after the verdict: why, how sure, which commit, what next."""

    question: str
    points: tuple[Point, ...] = ()
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """
    What could be done, and the measured fact that it follows from.

    Attributes:
        where: Whose fact it is, in words.
        fact: A sentence with the figure.
        action: A sentence.
        is_new: Whether the base gave no reason for it.
    """

    where: str
    fact: str
    action: str
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One benchmark in the table, by the metric that matters most for it.

    Attributes:
        anchor: Id of what the page tells of it; empty if nothing.
        metric: Name of the metric, as the configuration spells it.
        interval: Of the change; ``exact`` where no noise is possible.
        note: What else is to be said: further metrics, a missed target.
    """

    anchor: str
    benchmark: str
    metric: str
    base: str
    head: str
    change: str
    interval: str
    limit: str
    target: str
    badge: Badge
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """
    Everything about one benchmark.

    Attributes:
        open: Whether the page shows it unfolded.
        summary: The benchmark's change in one line.
        points: Statements about it: causes, equality of base and head, reasons.
        charts: May be empty.
        tables: Metrics, work counts, critical path.
    """

    anchor: str
    benchmark: str
    badge: Badge
    open: bool
    summary: str
    points: tuple[Point, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """
    A benchmark that gave no value.

    Attributes:
        anchor: Its id in the page.
        traceback: The end of it; may be empty.
    """

    anchor: str
    benchmark: str
    commit: str
    category: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """
    One entry of a history: a commit, or a run of commits that changed nothing.

    Attributes:
        number: Of the step, as charts mark it; empty for others.
        commit: Short name; empty for a run of commits.
        causes: Why, one clause each.
        changes: What changed: benchmark, metric, base to head, change.
    """

    number: str
    commit: str
    subject: str
    badge: Badge
    causes: tuple[str, ...] = ()
    changes: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    One test case of the JUnit report.

    Attributes:
        state: ``passed``, ``failure``, ``error`` or ``skipped``.
        kind: Type of the failure; empty when passed.
        message: One line; empty when passed.
        text: More lines; may be empty.
    """

    group: str
    name: str
    state: str
    kind: str = ""
    message: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """
    A part of the page with a heading of its own.

    Attributes:
        title: Its heading.
        points: Statements, first.
        charts: May be empty.
        tables: Likewise.
    """

    title: str
    points: tuple[Point, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """
    A whole report, in the order in which it is read.

    Attributes:
        title: Of the window: the verdict comes first.
        heading: What was compared, in a few words.
        facts: Why, how sure, which commit, next step.
        moments: The history, oldest first; empty for a comparison of two commits.
        trends: A chart for each series of a history.
        rows: Worst first.
        rows_left_out: Unchanged benchmarks that *rows* leaves out for brevity.
        rows_summary: What the rows are, in a few words.
        charts_left_out: Why some details carry no chart; empty if all do.
        recommendations: What follows from the facts, the new ones first.
        sections: Further parts, in order, after the trends.
        reading: Template that says how to read it.
        targets: Targets with headroom, the tightest first; None without any.
        cost: Dollars of model calls; None without any.
        resources: What requests took and waited for; None if nothing is known of it.
        capacity: About which rate would be carried; None where the runs do not say.
        changes: Every change of a history; None for a comparison of two commits.
        troubles: Benchmarks that gave no value.
        waivers: What is accepted until a date; None without any.
        environment: What was measured with; None if no run is known.
        links: To the pages beside this one; empty where there are none.
        is_alone: Whether no report.json and the like lie beside the page.
        document: What report.json holds: plain values of JSON.
        cases: What junit.xml holds.
    """

    title: str
    heading: str
    band: Band
    facts: tuple[Fact, ...]
    moments: tuple[Moment, ...] = ()
    moments_title: str = ""
    trends: tuple[Chart, ...] = ()
    rows: tuple[Row, ...] = ()
    rows_left_out: int = 0
    rows_summary: str = ""
    details: tuple[Detail, ...] = ()
    charts_left_out: str = ""
    links: tuple[Link, ...] = ()
    is_alone: bool = False
    recommendations: tuple[Recommendation, ...] = ()
    sections: tuple[Section, ...] = ()
    reading: str = "reading.html.j2"
    targets: Table | None = None
    cost: Table | None = None
    resources: Table | None = None
    capacity: Table | None = None
    changes: Table | None = None
    troubles: tuple[Trouble, ...] = ()
    waivers: Table | None = None
    environment: Table | None = None
    document: Mapping[str, object]
    cases: tuple[Case, ...]
