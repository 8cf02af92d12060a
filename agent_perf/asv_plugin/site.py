"""
Our pages on the site that ``asv publish`` writes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from asv.console import log
from asv.publishing import OutputPublisher
from asv.util import UserError

from agent_perf.asv_plugin.exhibits import Benchmarks, graph_addresses, make_exhibits, track_names
from agent_perf.asv_plugin.pages import history_view, verdict_view, version_views
from agent_perf.config import Config, load_config
from agent_perf.errors import AgentPerfError, NothingMeasuredError
from agent_perf.gate import make_policy
from agent_perf.history import History, find_changes, read_asv_history, read_asv_results
from agent_perf.records import Acknowledged
from agent_perf.report import Link, Ways, build_site_view, render, render_site
from agent_perf.repository import Commit, find_repository
from agent_perf.waivers import load_accepted

_HOME: Final = "agent-perf"

_ASV_LINKS: Final = (
    Link(text="asv's grid of graphs", href="index.html#/"),
    Link(text="asv's list of benchmarks", href="index.html#summarylist"),
    Link(text="asv's regressions", href="index.html#regressions"),
)

_SCRIPT: Final = """'use strict';

$(document).ready(function() {
    /* asv hides its own displays when the page changes, and knows nothing of ours. */
    $('.agent-perf-display').each(function() {
        var display = $(this);
        var name = display.attr('data-page');
        $.asv.register_page(name, function() { display.show(); });
        $(window).on('hashchange', function() {
            var page = $.asv.parse_hash_string(window.location.hash).location[0];
            display.toggle(page === name);
        });
        display.hide();
    });
});
"""

_DISPLAY: Final = """
    <div class="agent-perf-display" data-page="{name}"
         style="position: absolute; left: 0; top: 55px; right: 0; bottom: 0">
      <iframe src="{name}.html" title="{label}" style="border: 0; width: 100%; height: 100%">
      </iframe>
    </div>
"""


class AgentPerfPages(OutputPublisher):  # type: ignore[misc]  # asv is untyped.
    """A start page, and behind it verdicts, change points and what varies by requirement."""

    name = _HOME
    button_label = "Overview"
    description = "Verdict, targets with headroom, and how every benchmark came there"
    order = 10

    @classmethod
    def publish(
        cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Mapping[str, int]
    ) -> None:
        """Write our pages into the site, and make it lead to them."""
        folder = Path(conf.html_dir)
        try:
            pages = _pages(conf, benchmarks, revisions)
        except AgentPerfError as error:
            raise UserError(str(error)) from error
        for name, (_, text) in pages.items():
            (folder / f"{name}.html").write_text(text, "utf-8")
        (folder / f"{_HOME}.js").write_text(_SCRIPT, "utf-8")
        index = folder / "index.html"
        labels = {name: label for name, (label, _) in pages.items()}
        index.write_text(link_pages(index.read_text("utf-8"), labels), "utf-8")


def link_pages(index: str, labels: Mapping[str, str]) -> str:
    """
    Return asv's ``index.html`` with a way to each of our pages.

    Where its scripts cannot be loaded, as without a network, it leads to the first of our
    pages instead of an error: those need nothing.

    Args:
        index: As asv wrote it.
        labels: Page name to what the navigation calls it.

    Raises:
        UserError: If asv's page is no longer what we know.
    """
    items = "".join(
        f'\n\t<li id="nav-li-{name}"><a href="#/{name}">{html.escape(label)}</a></li>'
        for name, label in labels.items()
    )
    displays = "".join(
        _DISPLAY.format(name=name, label=html.escape(label)) for name, label in labels.items()
    )
    script = f'\n    <script src="{_HOME}.js"></script>'
    home = f'window.location = "{next(iter(labels))}.html"'
    index = _edit(index, r'<li id="nav-li-regressions">.*?</li>', lambda part: part + items)
    index = _edit(index, r'src="regressions\.js">\s*</script>', lambda part: part + script)
    index = _edit(index, r'[ \t]*<div id="summarygrid-display"', lambda part: displays + part)
    return _edit(index, r'window\.location = "error\.html"', lambda _: home)


def _edit(index: str, pattern: str, change: Callable[[str], str]) -> str:
    index, count = re.subn(
        pattern, lambda match: change(match.group()), index, count=1, flags=re.DOTALL
    )
    if count != 1:
        raise UserError(
            f"asv's index.html has no {pattern!r}, so our pages cannot be linked; open "
            f"{_HOME}.html itself, and tell us asv's version"
        )
    return index


@dataclass(frozen=True, slots=True, kw_only=True)
class _Project:
    """What is published: asv's configuration, and ours."""

    name: str
    results: Path
    config: Config
    commits: tuple[Commit, ...]


def _pages(
    conf: Any, benchmarks: Benchmarks, revisions: Mapping[str, int]
) -> dict[str, tuple[str, str]]:
    """Return page name to its label and content, the start page first."""
    project = _project(conf, revisions)
    subjects = {commit.id: commit.subject for commit in project.commits}
    verdict = verdict_view(Path.cwd(), project.config, subjects, project.name)
    history = _history(project)
    # An acknowledgement may be about our own runs, of which asv kept nothing.
    findings = find_changes(history, _acknowledged(project), complete=False, jobs=1)
    views = {f"{_HOME}-verdict": ("Targets and verdicts", verdict)}
    if history.tracks:
        changes = history_view(history, findings, project.name, project.results)
        views[f"{_HOME}-history"] = ("Change points", changes)
    # Values one by one take 256 bytes each, in columns 10: only where they are needed.
    if any(len(versions) > 1 for versions in history.matrix.values()):
        for axis, view in version_views(read_asv_results(project.results)).items():
            # Result files may come from anywhere: a name in them must not lead elsewhere.
            name = re.sub(r"[^A-Za-z0-9._-]", "_", axis)
            views[f"{_HOME}-{name}"] = (f"{axis} versions", view)
    ways = {name: Link(text=label, href=f"{name}.html") for name, (label, _) in views.items()}
    start = build_site_view(
        history,
        findings,
        make_exhibits(history, findings, benchmarks),
        verdict=verdict if verdict.rows or verdict.troubles else None,
        title=project.name,
        ways=Ways(
            ours=tuple(ways.values()),
            asv=_ASV_LINKS,
            names=track_names(history, benchmarks),
            graphs=graph_addresses(benchmarks),
        ),
    )
    home = Link(text="Overview", href=f"{_HOME}.html")
    return {_HOME: ("Overview", render_site(start))} | {
        name: (
            label,
            render(
                replace(view, links=(home, *(way for other, way in ways.items() if other != name))),
                "html",
            ),
        )
        for name, (label, view) in views.items()
    }


def _project(conf: Any, revisions: Mapping[str, int]) -> _Project:
    ordered = sorted(revisions, key=lambda commit: revisions[commit])
    commits = tuple(Commit(id=commit, subject="", time_s=0) for commit in ordered)
    # The repository may also be a URL; then asv has a mirror, and the page no subjects.
    if Path(conf.repo).is_dir():
        commits = find_repository(Path(conf.repo)).known(ordered)
    return _Project(
        name=str(conf.project),
        results=Path(conf.results_dir),
        config=load_config(Path.cwd()),
        commits=commits,
    )


def _history(project: _Project) -> History:
    """Return what asv kept; without a value a history of nothing, and a warning."""
    policy = make_policy(project.config.limit_texts, project.config.targets)
    try:
        # asv may have been started by a file without a guard, which processes would start again.
        history = read_asv_history(
            project.results, project.commits, targets=policy.targets_for, jobs=1
        )
    except NothingMeasuredError as error:
        log.warning(str(error))
        return History(commits=project.commits, tracks=())
    for message in history.notes:
        log.warning(message)
    return history


def _acknowledged(project: _Project) -> tuple[Acknowledged, ...]:
    return load_accepted(Path.cwd() / project.config.waivers).acknowledged
