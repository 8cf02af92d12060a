"""
What people read: one page with the verdict first, and the same for machines.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from agent_perf.report.comparison_view import build_view
from agent_perf.report.formats import Format, render, write_reports
from agent_perf.report.history_view import build_history_view
from agent_perf.report.load_picture import draw_load
from agent_perf.report.past import Commit
from agent_perf.report.series_view import build_series_view
from agent_perf.report.standing import RecordingPair
from agent_perf.report.trend import Series, SeriesPoint
from agent_perf.report.view import Command, View

if TYPE_CHECKING:
    from agent_perf.report.findings_view import build_findings_view

__all__ = [
    "Command",
    "Commit",
    "Format",
    "RecordingPair",
    "Series",
    "SeriesPoint",
    "View",
    "build_findings_view",
    "build_history_view",
    "build_series_view",
    "build_view",
    "draw_load",
    "render",
    "write_reports",
]


def __getattr__(name: str) -> object:
    # The one view that needs numpy.
    if name != "build_findings_view":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.findings_view"), name)
