"""
From a view to files: one page, Markdown, JSON, JUnit.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from agent_perf.codec import write_atomic
from agent_perf.report.drawing import Table
from agent_perf.report.markdown import (
    call_to_action,
    comment_marker,
    escape_cell,
    escape_code,
    escape_markdown,
    escape_summary,
    html_prose,
    markdown_prose,
)
from agent_perf.report.text import scrub
from agent_perf.report.view import Badge, Section, View

Format = Literal["html", "md", "json", "junit"]

HTML_BYTES_MAX: Final = 1_000_000
"""A page that opens at once, and that CI systems show."""

MARKDOWN_BYTES_MAX: Final = 60_000
"""GitHub refuses comments above 65,536 characters."""

_FILES: Final[tuple[tuple[Format, str], ...]] = (
    ("html", "index.html"),
    ("md", "report.md"),
    ("json", "report.json"),
    ("junit", "junit.xml"),
)


_ICON_COLOURS: Final = {
    "fail": "#ad2117",
    "pass": "#17693a",
    "undecided": "#7f4f00",
    "broken": "#653a99",
    "plain": "#545e6c",
}


def render(view: View, format: Format) -> str:  # noqa: A002 - the word that callers know
    """
    Return *view* as a document; equal views give equal documents.

    Args:
        view: What to show.
        format: ``html``, ``md``, ``json`` or ``junit``.
    """
    match format:
        case "html":
            return _smallest(view, _html, HTML_BYTES_MAX)
        case "md":
            project = str(view.document.get("title", ""))
            return _smallest(view, partial(_markdown, project=project), MARKDOWN_BYTES_MAX)
        case "json":
            return _json(view)
        case "junit":
            return _environment().get_template("junit.xml.j2").render(view=view)
    raise ValueError(f"format={format!r}; want html, md, json or junit")


def write_reports(directory: Path, view: View) -> tuple[Path, ...]:
    """
    Write every format of *view* into *directory*, each file at once or not at all.

    Returns:
        The files: index.html, report.md, report.json, junit.xml.

    Raises:
        StoreError: If the disk is full or the folder cannot be written.
    """
    # All are rendered before any is written, so that they tell of the same run.
    contents = [(directory / name, render(view, format_).encode()) for format_, name in _FILES]
    for path, content in contents:
        write_atomic(path, content)
    return tuple(path for path, _ in contents)


def _html(view: View) -> str:
    return fill_page("page.html.j2", view, view.band.badge)


def fill_page(template: str, view: object, badge: Badge) -> str:
    """Return the page *template* filled with *view*: nothing is loaded, no script may run."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # The one style sheet is named by its hash.
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _environment().get_template(template)
    return page.render(
        view=view,
        policy=policy,
        icon=_icon(badge),
        style=Markup(style),  # noqa: S704 - our own file
    )


def _icon(badge: Badge) -> str:
    """Return the verdict as the icon of a browser's tab; without one it would ask the network."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<rect width="16" height="16" rx="4" fill="{_ICON_COLOURS[badge.tone]}"/>'
        '<text x="8" y="12.5" text-anchor="middle" font-size="13" font-weight="700" '
        f'fill="#fff">{badge.mark}</text></svg>'
    )
    return f"data:image/svg+xml,{quote(drawing)}"


def _markdown(view: View, *, project: str) -> str:
    action, bounds = call_to_action(view.band)
    template = _environment().get_template("report.md.j2")
    return template.render(view=view, marker=comment_marker(project), action=action, bounds=bounds)


def _json(view: View) -> str:
    return msgspec.json.format(msgspec.json.encode(view.document), indent=2).decode() + "\n"


def _smallest(view: View, draw: Callable[[View], str], bytes_max: int) -> str:
    """Return the fullest drawing of at most *bytes_max* bytes."""
    text = draw(view)
    for lighter in _lighter(view):
        if len(text.encode()) <= bytes_max:
            break
        text = draw(lighter)
    return text


def _lighter(view: View) -> Iterator[View]:
    """Yield *view* with less and less on it: what is least read goes first."""
    note = "Some charts and figures are left out to keep this page small; see report.json."
    for kept in (60, 20, 8, 3):
        yield replace(
            view,
            details=tuple(
                detail if index < kept else replace(detail, charts=(), tables=())
                for index, detail in enumerate(view.details)
            ),
            trends=view.trends[:kept],
            cost=_cut(view.cost, kept),
            resources=_cut(view.resources, kept),
            capacity=_cut(view.capacity, kept),
            recommendations=view.recommendations[: min(kept, 8)],
            charts_left_out=note,
        )
    for kept in (100, 20, 5):
        yield replace(
            view,
            details=view.details[:3] if kept == 100 else (),
            trends=view.trends[:3],
            charts_left_out=note,
            rows=view.rows[:kept],
            rows_left_out=view.rows_left_out + max(0, len(view.rows) - kept),
            moments=view.moments[:kept],
            troubles=view.troubles[:kept],
            targets=_cut(view.targets, kept),
            changes=_cut(view.changes, kept),
            waivers=_cut(view.waivers, kept),
            environment=_cut(view.environment, kept),
            sections=_cut_sections(view, kept),
            cost=_cut(view.cost, 5),
            resources=_cut(view.resources, 5),
            capacity=_cut(view.capacity, 5),
            recommendations=view.recommendations[:5],
        )
    # What is still too large has few strings, and long ones.
    yield scrub(
        replace(
            view,
            details=(),
            trends=(),
            rows=view.rows[:5],
            rows_left_out=view.rows_left_out + max(0, len(view.rows) - 5),
            moments=view.moments[:5],
            troubles=view.troubles[:5],
            targets=None,
            changes=None,
            sections=(),
            waivers=_cut(view.waivers, 5),
            environment=None,
            cost=None,
            resources=None,
            capacity=None,
            recommendations=view.recommendations[:3],
            charts_left_out=note,
            document={},
            cases=(),
        ),
        length_max=200,
    )


def _cut_sections(view: View, rows: int) -> tuple[Section, ...]:
    return tuple(
        replace(
            part,
            tables=tuple(replace(table, rows=table.rows[:rows]) for table in part.tables),
            charts=tuple(replace(chart, table=None) for chart in part.charts[: rows // 5]),
        )
        for part in view.sections
    )


def _cut(table: Table | None, rows: int) -> Table | None:
    return None if table is None else replace(table, rows=table.rows[:rows])


@cache
def _style() -> str:
    """Return the style sheet as a page carries it: without comments and indentation."""
    bare = re.sub(r"/\*.*?\*/", "", _source("style.css"), flags=re.DOTALL)
    return "\n".join(line.strip() for line in bare.splitlines() if line.strip())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agent_perf.report"),
        # Markdown has an escape of its own, which each of its templates' values passes.
        autoescape=lambda name: name is None or not name.endswith(".md.j2"),  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["summary"] = escape_summary
    environment.filters["code"] = escape_code
    environment.filters["cell"] = escape_cell
    environment.filters["md_prose"] = markdown_prose
    environment.filters["prose"] = html_prose
    return environment


def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]
