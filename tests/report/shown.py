"""Every page that people may come to see, as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent_perf.report import (
    Series,
    SeriesPoint,
    View,
    build_history_view,
    build_view,
    render_site,
    write_reports,
)
from tests.report import long_past, past_samples, samples
from tests.report.views import VIEWS


def _long_names() -> View:
    """Names, statements and values as long, and as wide, as they come."""
    decision, base, head = samples.n_plus_one()
    name = "agent.answer_with_search_and_tools_and_memory.漢字のとても長い名前@200"
    scenario = name.removesuffix("@200")
    old, new = base["agent.chat@200"], head["agent.chat@200"]
    comparisons = tuple(
        replace(one, benchmark=name)
        for one in decision.comparisons
        if one.benchmark == "agent.chat@200"
    )
    return build_view(
        replace(decision, comparisons=comparisons, breaches=(), causes={}),
        base_runs={name: replace(old, scenario=scenario)},
        head_runs={name: replace(new, scenario=scenario)},
        title="a-project-with-a-name-that-does-not-end-where-names-usually-end",
    )


def _long_history() -> View:
    """A hundred commits, a step at every third, the last one too."""
    steps, _, commits = past_samples.history()
    names = [f"{index:040x}" for index in range(100)]
    points = tuple(
        SeriesPoint(label=name, value=1234.5678 * (1 + index // 3))
        for index, name in enumerate(names)
    )
    return build_history_view(
        [replace(steps[0], commit=name) for name in names[::3]],
        [Series(name="agent.chat@200 work.bytes_sent", unit="bytes", points=points, target=9e4)],
        commits=[replace(commits[0], name=name) for name in names],
    )


_VIEWS: Final[dict[str, Callable[[], View]]] = {
    **VIEWS,
    "long names": _long_names,
    "long history": _long_history,
}

PAGES: Final = (*_VIEWS, "start")
"""Names of the pages."""


def write_pages(folder: Path) -> dict[str, Path]:
    """Write every page into *folder*, and return name to file."""
    found = {
        name: write_reports(folder / str(index), build())[0]
        for index, (name, build) in enumerate(_VIEWS.items())
    }
    start = folder / "start.html"
    start.write_text(render_site(long_past.start()), "utf-8")
    return {**found, "start": start}
