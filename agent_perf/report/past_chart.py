"""
One metric along a long history: its levels, where they changed, and its target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agent_perf.history import Track
from agent_perf.records import Change, Evidence
from agent_perf.report.axis import (
    Scale,
    across_scale,
    bottom_axis,
    left_axis,
    scale_over,
    unit_ticks,
)
from agent_perf.report.drawing import (
    MARGIN_RIGHT_PX,
    NARROW_PX,
    TEXT_WIDTH_PX,
    Chart,
    Curve,
    Dot,
    Key,
    Label,
    Line,
    Table,
    path_point,
    percent,
    pixels,
)
from agent_perf.report.text import change, columns, plural, quantity, scrub, short_commit, shorten
from agent_perf.report.thinning import thin
from agent_perf.repository import Commit

_HEIGHT_PX: Final = 160
_POINTS_MAX: Final = 160
_SUBJECT_COLUMNS: Final = 60
_ROWS_MAX: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exhibit:
    """
    One metric of one benchmark with all that is known of its past.

    Attributes:
        name: What the benchmark is called: ``agent.chat@200``.
        metric: In words: ``P95 latency``.
        tracks: Its values, those of an older version of the benchmark's own code first.
        changes: Position of a commit to what changed there, of the newest of *tracks*.
        href: Where asv draws it; may be empty.
    """

    name: str
    metric: str
    tracks: tuple[Track, ...]
    changes: Mapping[int, Change]
    href: str = ""

    @property
    def track(self) -> Track:
        """The values that hold today."""
        return self.tracks[-1]

    @property
    def newest(self) -> float:
        """The newest value, in its unit."""
        values = self.track.values
        return float(values[~np.isnan(values)][-1])

    @property
    def headroom(self) -> float | None:
        """Share of the target that is left, negative if it is missed; None without one."""
        target = self.track.target
        return None if target is None or target <= 0 else 1 - self.newest / target


def draw_past(exhibit: Exhibit, commits: Sequence[Commit]) -> Chart:
    """
    Return the chart of *exhibit*, thinned, with a mark where its level changed.

    Args:
        exhibit: With a value at least.
        commits: Oldest first, as many as its tracks have places.
    """
    unit, target = exhibit.track.unit, exhibit.track.target
    places = [thin(track.values, _kept(exhibit, track), _POINTS_MAX) for track in exhibit.tracks]
    first = min(chosen[0] for chosen in places)
    across = across_scale(len(commits) - first)
    reach = [float(np.nanmax(track.values)) for track in exhibit.tracks]
    reach += [float(np.nanmin(track.values)) for track in exhibit.tracks]
    bounds = [target] if target is not None and target <= 2 * max(reach) else []
    scale = scale_over([*reach, *bounds])
    grid, left = left_axis(scale, unit_ticks(scale, unit, 4), _HEIGHT_PX)
    marks, marked = _marks(exhibit, across, first)
    ends = {
        1.0: _commit_name(commits[first]),
        len(commits) - float(first): _commit_name(commits[-1]),
    }
    return Chart(
        kind="trend",
        title=scrub(f"{exhibit.name}, {exhibit.metric}"),
        description=_description(exhibit, len(commits) - first),
        hint=_standing(exhibit),
        height=pixels(_HEIGHT_PX),
        lines=(*grid, *_target_line(scale, bounds), *marks),
        curves=tuple(
            Curve(
                path=_path(track, chosen, scale, across, first),
                style="head" if track is exhibit.track else "base",
            )
            for track, chosen in zip(exhibit.tracks, places, strict=True)
        ),
        dots=_dots(exhibit, scale, across, first),
        labels=(*left, *marked, *bottom_axis(across, ends, _HEIGHT_PX)),
        legend=_keys(exhibit, bounds),
        table=_levels(exhibit, commits),
    )


def _kept(exhibit: Exhibit, track: Track) -> set[int]:
    """Return where the level changed, and the last value before: a step keeps its place."""
    if track is not exhibit.track:
        return set()
    known = np.flatnonzero(~np.isnan(track.values))
    kept = set(exhibit.changes)
    for place in exhibit.changes:
        kept |= set(known[known < place][-1:].tolist())
    return kept


def _path(track: Track, chosen: Sequence[int], scale: Scale, across: Scale, first: int) -> str:
    """Return a line that holds each value until the next one."""
    path = ""
    for place in chosen:
        at = path_point(across.share(place - first + 1), _y(scale, float(track.values[place])))
        x, y = at.split()
        path += f"H{x}V{y}" if path else f"M{at}"
    # A single value would be a line without length, which nobody sees.
    return path if len(chosen) > 1 else f"{path}h4"


def _dots(exhibit: Exhibit, scale: Scale, across: Scale, first: int) -> tuple[Dot, ...]:
    values = exhibit.track.values
    last = int(np.flatnonzero(~np.isnan(values))[-1])
    styles = {last: "head"}
    for place, one in exhibit.changes.items():
        styles[place] = "worse" if one.worse else "better"
    return tuple(
        Dot(
            x=percent(across.share(place - first + 1)),
            y=pixels(_y(scale, float(values[place]))),
            radius="3.5" if style == "head" else "4.5",
            style=style,
        )
        for place, style in sorted(styles.items())
        if not np.isnan(values[place])
    )


def _marks(exhibit: Exhibit, across: Scale, first: int) -> tuple[list[Line], list[Label]]:
    """Return a line at each change, and its size where there is room, the newest first."""
    lines: list[Line] = []
    labels: list[Label] = []
    free_until = float(NARROW_PX + MARGIN_RIGHT_PX)
    for place, one in sorted(exhibit.changes.items(), reverse=True):
        share = across.share(place - first + 1)
        style = "step" if one.worse else "step better"
        x = percent(share)
        lines.append(Line(x1=x, y1="0", x2=x, y2=pixels(_HEIGHT_PX), style=style))
        text = change(one.change_ratio)
        half = columns(text) * TEXT_WIDTH_PX / 2
        if share * NARROW_PX + half <= free_until:
            labels.append(Label(x=x, y="-6", text=text, anchor="middle", style=style))
            free_until = share * NARROW_PX - half - TEXT_WIDTH_PX
    return lines, labels


def _target_line(scale: Scale, bounds: Sequence[float]) -> tuple[Line, ...]:
    return tuple(
        Line(x1="0", x2="100%", y1=pixels(y), y2=pixels(y), style="target")
        for y in (_y(scale, bound) for bound in bounds)
    )


def _keys(exhibit: Exhibit, bounds: Sequence[float]) -> tuple[Key, ...]:
    keys = [
        Key(style="target", text=f"target {quantity(bound, exhibit.track.unit)}")
        for bound in bounds
    ]
    if len(exhibit.tracks) > 1:
        keys.append(Key(style="base", text="before the benchmark itself was changed"))
    return tuple(keys)


def _standing(exhibit: Exhibit) -> str:
    """Return where it stands now, in one sentence."""
    now, headroom = f"Now {quantity(exhibit.newest, exhibit.track.unit)}", exhibit.headroom
    if headroom is None:
        return f"{now}."
    way = "over" if headroom < 0 else "below"
    target = quantity(exhibit.track.target, exhibit.track.unit)
    return f"{now}: {change(abs(headroom)).lstrip('+')} {way} its target of {target}."


def _description(exhibit: Exhibit, commit_count: int) -> str:
    known = sum(int(np.count_nonzero(~np.isnan(track.values))) for track in exhibit.tracks)
    found = plural(len(exhibit.changes), "change") if exhibit.changes else "no change"
    return (
        f"{plural(known, 'value')} along {plural(commit_count, 'commit')}, {found} of level. "
        f"{_standing(exhibit)}"
    )


def _levels(exhibit: Exhibit, commits: Sequence[Commit]) -> Table:
    """Return the levels of the newest track, newest first."""
    values = exhibit.track.values
    start = int(np.flatnonzero(~np.isnan(values))[0])
    breaks = sorted({start, *(place for place in exhibit.changes if place > start)})
    rows = []
    for begin, end in zip(breaks, [*breaks[1:], len(values)], strict=True):
        part = values[begin:end]
        known = part[~np.isnan(part)]
        one = exhibit.changes.get(begin)
        rows.append(
            (
                _commit_name(commits[begin]),
                shorten(scrub(commits[begin].subject), _SUBJECT_COLUMNS) or "–",
                quantity(float(np.median(known)) if len(known) else None, exhibit.track.unit),
                "–" if one is None else change(one.change_ratio),
            )
        )
    rows.reverse()
    older = len(rows) - _ROWS_MAX
    kind = "values" if exhibit.track.evidence is Evidence.EXACT else "medians"
    return Table(
        caption=f"{exhibit.name}, {exhibit.metric}: levels",
        header=("Since", "Subject", "Level", "Change"),
        rows=tuple(rows[:_ROWS_MAX]),
        words=(1,),
        note=f"Levels are {kind}." + (f" {older} older ones are not shown." if older > 0 else ""),
    )


def _commit_name(commit: Commit) -> str:
    return short_commit(commit.id)


def _y(scale: Scale, value: float) -> float:
    return _HEIGHT_PX * (1 - scale.share(value))
