"""
The start page of a published site: the newest verdict, the targets, the whole past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from agent_perf.history import History
from agent_perf.records import Change, Event, Findings
from agent_perf.report.drawing import Chart, Table
from agent_perf.report.moments import BETTER, WORSE
from agent_perf.report.past_chart import Exhibit, draw_past
from agent_perf.report.past_standing import make_past_band, past_targets
from agent_perf.report.text import ARROW, change, plural, quantity, scrub, short_commit
from agent_perf.report.view import Badge, Band, Link, Point, View
from agent_perf.repository import Commit

_CHARTS_MAX: Final = 60
_EVENTS_MAX: Final = 8
_CHANGES_MAX: Final = 3
_QUIET: Final = Badge(tone="plain", mark="=", word="no change")
_SUSPECTED: Final = Badge(tone="undecided", mark="?", word="suspected")
_KNOWN: Final = Badge(tone="plain", mark="◔", word="acknowledged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """
    What else is on the site.

    Attributes:
        ours: Our other pages.
        asv: asv's pages.
        names: Benchmark as its track calls it to words for it and its metric.
        graphs: Likewise, to where asv draws it.
    """

    ours: tuple[Link, ...] = ()
    asv: tuple[Link, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    graphs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteMoment:
    """
    A commit that changed something, or a run of commits that did not.

    Attributes:
        commit: Short name; empty for a run of commits.
        day: Its date in UTC; empty if unknown.
        changes: What changed, the worst first.
        link: Where asv draws it; None without one.
    """

    commit: str
    day: str
    subject: str
    badge: Badge
    changes: tuple[Point, ...] = ()
    link: Link | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart, and where asv draws the same; None without a place."""

    chart: Chart
    link: Link | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """The charts of one family of benchmarks."""

    name: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """
    The start page, in the order in which it is read.

    Attributes:
        title: Of the window: the verdict comes first.
        band: The newest verdict.
        links: To our other pages.
        asv_links: To asv's pages.
        targets: With headroom, the tightest first; None without any.
        moments: Newest first.
        moments_left_out: Older commits that changed something, in words; may be empty.
        galleries: Charts by family.
        charts_left_out: What is not drawn, in words; may be empty.
        evidence: What all of it is made from.
    """

    title: str
    heading: str
    band: Band
    links: tuple[Link, ...]
    asv_links: tuple[Link, ...]
    targets: Table | None
    moments: tuple[SiteMoment, ...]
    moments_left_out: str
    galleries: tuple[Gallery, ...]
    charts_left_out: str
    evidence: tuple[str, ...]


def build_site_view(
    history: History,
    findings: Findings,
    exhibits: Sequence[Exhibit],
    *,
    verdict: View | None,
    title: str,
    ways: Ways | None = None,
) -> SiteView:
    """
    Return the start page.

    Args:
        history: What was measured.
        findings: What was found along it.
        exhibits: What to draw; of more than a page holds, those that matter most are drawn.
        verdict: The report on the newest commit; None if no whole run is kept.
        title: Of the project.
        ways: To the other pages.
    """
    ways = ways or Ways()
    ordered = sorted(exhibits, key=_urgency)
    left_out = len(ordered) - _CHARTS_MAX
    moments, older = _moments(history, findings, ways)
    band = verdict.band if verdict is not None else make_past_band(ordered, findings)
    return SiteView(
        title=f"{band.sentence}, {scrub(title)}",
        heading=scrub(f"{title}: where it stands, and how it came there"),
        band=band,
        links=ways.ours,
        asv_links=ways.asv,
        targets=(verdict and verdict.targets) or past_targets(ordered),
        moments=moments,
        moments_left_out=f"{plural(older, 'older commit')} changed something too." if older else "",
        galleries=_galleries(ordered[:_CHARTS_MAX], history.commits),
        charts_left_out=f"{plural(left_out, 'more metric')} would make this page slow to open."
        if left_out > 0
        else "",
        evidence=_evidence(findings),
    )


def _urgency(exhibit: Exhibit) -> tuple[float, int, str]:
    """Sort what is nearest its target first, then what changed last."""
    headroom = 2.0 if exhibit.headroom is None else exhibit.headroom
    return headroom, -max(exhibit.changes, default=-1), exhibit.name


def _galleries(exhibits: Iterable[Exhibit], commits: Sequence[Commit]) -> tuple[Gallery, ...]:
    """Return the charts by family: the family of the most urgent comes first."""
    families: dict[str, list[Picture]] = {}
    for one in exhibits:
        link = None
        if one.href:
            link = Link(text=scrub(f"{one.name}, {one.metric}, in asv's graphs"), href=one.href)
        family = scrub(one.name).partition(".")[0]
        picture = Picture(chart=draw_past(one, commits), link=link)
        families.setdefault(family, []).append(picture)
    return tuple(Gallery(name=name, pictures=tuple(found)) for name, found in families.items())


def _moments(
    history: History, findings: Findings, ways: Ways
) -> tuple[tuple[SiteMoment, ...], int]:
    """Return the newest commits that changed something, and how many older ones there are."""
    positions = {commit.id: place for place, commit in enumerate(history.commits)}
    shown = findings.events[:_EVENTS_MAX]
    moments: list[SiteMoment] = []
    newer = len(history.commits)
    for event in shown:
        place = positions[event.commit]
        moments += _quiet(history.commits[place + 1 : newer])
        moments.append(_moment(event, ways))
        newer = place
    older = len(findings.events) - len(shown)
    if not older:
        moments += _quiet(history.commits[:newer])
    return tuple(moments), older


def _quiet(commits: Sequence[Commit]) -> list[SiteMoment]:
    """Return one entry for *commits*, which changed nothing; none if there are none."""
    if not commits:
        return []
    one = commits[-1]
    if len(commits) == 1:
        return [
            SiteMoment(
                commit=short_commit(one.id),
                day=_day(one.time_s),
                subject=scrub(one.subject),
                badge=_QUIET,
            )
        ]
    words = f"{len(commits):,} commits, {short_commit(commits[0].id)} to {short_commit(one.id)}"
    return [SiteMoment(commit="", day="", subject=words, badge=_QUIET)]


def _moment(event: Event, ways: Ways) -> SiteMoment:
    changes = event.changes
    points = [
        Point(
            lead=scrub(_called(one, ways)),
            text=f"{quantity(one.before, one.unit)}{ARROW}{quantity(one.after, one.unit)}, "
            f"{change(one.change_ratio)}",
        )
        for one in changes[:_CHANGES_MAX]
    ]
    rest = len(changes) - len(points)
    if rest:
        points.append(Point(text=f"and {plural(rest, 'more change')}"))
    known = (one for one in changes if one.benchmark in ways.graphs)
    link = next((_graph(one, event.commit, ways) for one in known), None)
    return SiteMoment(
        commit=short_commit(event.commit),
        day=_day(event.time_s),
        subject=scrub(event.subject),
        badge=_badge(changes),
        changes=tuple(points),
        link=link,
    )


def _graph(one: Change, commit: str, ways: Ways) -> Link:
    """Return the way to asv's graph of what changed, with the commit marked in it."""
    href = ways.graphs[one.benchmark]
    return Link(
        text=scrub(f"{_called(one, ways)} at {short_commit(commit)}, in asv's graphs"),
        href=f"{href}{'&' if '?' in href else '?'}commits={commit[:8]}",
    )


def _called(one: Change, ways: Ways) -> str:
    name = ways.names.get(one.benchmark, one.benchmark)
    return f"{name} [{one.home}]" if one.home else name


def _badge(changes: Sequence[Change]) -> Badge:
    """Return what the changes of a commit come to: the worst of them that is sure."""
    open_ones = [one for one in changes if not one.acknowledged]
    if not open_ones:
        return _KNOWN
    sure = [one for one in open_ones if one.settled]
    if not sure:
        return _SUSPECTED
    return WORSE if any(one.worse for one in sure) else BETTER


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat() if time_s else ""


def _evidence(findings: Findings) -> tuple[str, ...]:
    made = (
        f"{plural(findings.track_count, 'metric')} along "
        f"{plural(findings.commit_count, 'commit')}, {findings.measured_count:,} of them measured."
    )
    return (made, *scrub(findings.notes))


def lighter(view: SiteView, charts_max: int) -> SiteView:
    """Return *view* with *charts_max* charts of each family at most."""
    kept = tuple(
        replace(one, pictures=one.pictures[:charts_max]) for one in view.galleries[:charts_max]
    )
    return replace(
        view, galleries=kept, charts_left_out="Further charts would make this page slow to open."
    )
