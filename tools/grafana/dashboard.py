"""
Makes deploy/grafana/agent-perf.json: one page that tells how an agent backend is.

    python -m tools.grafana

Source: Grafana, *Dashboard JSON model*, schema version 39 (Grafana 11).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from tools.grafana.panels import REQUESTS, ROWS, Panel

PAGE: Final = Path(__file__).parents[2] / "deploy/grafana/agent-perf.json"

_WIDTH: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(rows: Iterable[tuple[str, tuple[Panel, ...]]]) -> dict[str, Any]:
    """Return the dashboard of *rows*, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, inside in rows:
        place = {"x": 0, "y": y, "w": _WIDTH, "h": 1}
        panels.append(
            {"type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        y += 1
        x = height = 0
        for panel in inside:
            if x + panel.width > _WIDTH:
                x, y = 0, y + height
            height = 4 if panel.shown == "stat" else 8
            panels.append(_panel(panel, {"x": x, "y": y, "w": panel.width, "h": height}))
            x += panel.width
        y += height
    for number, one in enumerate(panels, 1):
        one["id"] = number
    return {
        "uid": "agent-perf",
        "title": "agent-perf",
        "description": "How an agent backend is: requests, models, cache, database, events.",
        "tags": ["agent-perf"],
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": _variables()},
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    colours = ("red", "green") if panel.below else ("green", "red")
    steps: list[dict[str, Any]] = [{"color": colours[0], "value": None}]
    custom: dict[str, Any] = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    if panel.limit is not None:
        steps.append({"color": colours[1], "value": panel.limit})
        custom["thresholdsStyle"] = {"mode": "dashed"}
    if panel.stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    is_stat = panel.shown == "stat"
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": {} if is_stat else custom,
    }
    options: dict[str, Any] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    if is_stat:
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}
    return {
        "type": panel.shown,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE}
            | {"expr": expression, "legendFormat": legend, "range": True}
            for index, (legend, expression) in enumerate(panel.queries.items())
        ],
    }


def _variables() -> list[dict[str, Any]]:
    def labels(name: str, query: str) -> dict[str, Any]:
        return {
            "name": name,
            "type": "query",
            "datasource": _SOURCE,
            "definition": query,
            "query": {"query": query, "refId": "A"},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }

    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        labels("job", f"label_values({REQUESTS}, job)"),
        labels("agent", f'label_values({REQUESTS}{{job=~"$job"}}, agent)'),
    ]


def page() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(ROWS), indent=2) + "\n"
