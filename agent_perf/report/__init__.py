"""
What people read: one page with the verdict first, and the same for machines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_perf.report.annotations import (
    Place,
    error_command,
    github_commands,
    gitlab_code_quality,
    make_remarks,
)
from agent_perf.report.comparison_view import build_view
from agent_perf.report.formats import Format, render, write_reports
from agent_perf.report.history_view import build_history_view
from agent_perf.report.lineage import Stored
from agent_perf.report.load_picture import draw_load
from agent_perf.report.load_view import build_capacity_view, build_load_view
from agent_perf.report.past import Commit
from agent_perf.report.series_view import build_series_view
from agent_perf.report.standing import RecordingPair
from agent_perf.report.tables import path_table, work_table
from agent_perf.report.terminal import draw_terminal
from agent_perf.report.text_waterfall import waterfall_lines
from agent_perf.report.trend import Series, SeriesPoint
from agent_perf.report.view import Command, Link, View
from agent_perf.report.wording import metric_label, metric_labels

if TYPE_CHECKING:
    from agent_perf.report.findings_view import build_findings_view
    from agent_perf.report.past_chart import Exhibit
    from agent_perf.report.site_page import render_site
    from agent_perf.report.site_view import Ways, build_site_view

__all__ = [
    "Command",
    "Commit",
    "Exhibit",
    "Format",
    "Link",
    "Place",
    "RecordingPair",
    "Series",
    "SeriesPoint",
    "Stored",
    "View",
    "Ways",
    "build_capacity_view",
    "build_findings_view",
    "build_history_view",
    "build_load_view",
    "build_series_view",
    "build_site_view",
    "build_view",
    "draw_load",
    "draw_terminal",
    "error_command",
    "github_commands",
    "gitlab_code_quality",
    "make_remarks",
    "metric_label",
    "metric_labels",
    "path_table",
    "render",
    "render_site",
    "waterfall_lines",
    "work_table",
    "write_reports",
]


_HOME = {
    "Exhibit": "past_chart",
    "Ways": "site_view",
    "build_findings_view": "findings_view",
    "build_site_view": "site_view",
    "render_site": "site_page",
}
"""What needs numpy is imported when it is first used."""


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
