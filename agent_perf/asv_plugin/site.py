"""
Our pages on the site that ``asv publish`` writes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from asv.console import log
from asv.publishing import OutputPublisher
from asv.util import UserError

from agent_perf.asv_plugin.pages import history_page, verdict_page, version_pages
from agent_perf.config import load_config
from agent_perf.errors import AgentPerfError, NothingMeasuredError
from agent_perf.history import read_asv_history, read_asv_results
from agent_perf.repository import Commit, find_repository
from agent_perf.waivers import load_accepted

_HOME: Final = "agent-perf"

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
    """Targets and verdicts of the newest commit; one page more per requirement that varies."""

    name = _HOME
    button_label = "Targets and verdicts"
    description = "Percentiles, work counts and targets, with verdicts and causes"
    order = 10

    @classmethod
    def publish(
        cls, conf: Any, repo: Any, benchmarks: Any, graphs: Any, revisions: Mapping[str, int]
    ) -> None:
        """Write our pages into the site, and make it lead to them."""
        folder = Path(conf.html_dir)
        try:
            pages = _pages(conf, revisions)
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


def _pages(conf: Any, revisions: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Return page name to its label and content."""
    root = Path.cwd()
    ordered = sorted(revisions, key=lambda commit: revisions[commit])
    commits = tuple(Commit(id=commit, subject="", time_s=0) for commit in ordered)
    # The repository may also be a URL; then asv has a mirror, and the page no subjects.
    if Path(conf.repo).is_dir():
        commits = find_repository(Path(conf.repo)).known(ordered)
    config = load_config(root)
    subjects = {commit.id: commit.subject for commit in commits}
    verdicts = verdict_page(root, config, subjects, str(conf.project))
    pages = {_HOME: ("Targets and verdicts", verdicts)}
    results = Path(conf.results_dir)
    try:
        # asv may have been started by a file without a guard, which processes would start again.
        history = read_asv_history(results, commits, jobs=1)
    except NothingMeasuredError as error:
        log.warning(str(error))
        return pages
    for message in history.notes:
        log.warning(message)
    known = load_accepted(root / config.waivers).acknowledged
    changes = history_page(history, known, str(conf.project), results)
    pages[f"{_HOME}-history"] = ("Change points", changes)
    # Values one by one take 256 bytes each, in columns 10: only where they are needed.
    if any(len(versions) > 1 for versions in history.matrix.values()):
        for axis, page in version_pages(read_asv_results(results)).items():
            # Result files may come from anywhere: a name in them must not lead elsewhere.
            name = re.sub(r"[^A-Za-z0-9._-]", "_", axis)
            pages[f"{_HOME}-{name}"] = (f"{axis} versions", page)
    return pages
