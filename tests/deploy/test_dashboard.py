"""The dashboard is what the tool makes, and names what there is."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.deploy.names import exported_names, named_metrics
from tools.grafana.dashboard import PAGE, page

DASHBOARD: dict[str, Any] = json.loads(PAGE.read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]

# As far as Grafana's documentation, "Dashboard JSON model", and its SDK's types tell.
_DATASOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
}
_PLACE = {
    "type": "object",
    "required": ["x", "y", "w", "h"],
    "additionalProperties": False,
    "properties": {
        "x": {"type": "integer", "minimum": 0, "maximum": 23},
        "y": {"type": "integer", "minimum": 0},
        "w": {"type": "integer", "minimum": 1, "maximum": 24},
        "h": {"type": "integer", "minimum": 1},
    },
}
_TARGET = {
    "type": "object",
    "required": ["refId", "expr", "datasource", "legendFormat"],
    "properties": {"refId": {"pattern": "^[A-Z]$"}, "datasource": _DATASOURCE},
}
_PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "gridPos"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["row", "timeseries", "stat"]},
        "gridPos": _PLACE,
        "targets": {"type": "array", "minItems": 1, "items": _TARGET},
        "datasource": _DATASOURCE,
    },
    "if": {"properties": {"type": {"not": {"const": "row"}}}},
    "then": {"required": ["targets", "fieldConfig", "options", "datasource", "description"]},
}
_SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time", "editable"],
    "properties": {
        "uid": {"type": "string", "minLength": 8, "maxLength": 40},
        "graphTooltip": {"enum": [0, 1, 2]},
        "schemaVersion": {"const": 39},
        "panels": {"type": "array", "items": _PANEL},
        "id": False,
    },
}


def test_it_is_what_the_tool_makes(update_golden: bool) -> None:
    """
    After a change: python -m tools.grafana, or pytest --update-golden.
    """
    if update_golden:
        PAGE.write_text(page())

    assert page() == PAGE.read_text()


def test_grafana_can_import_it() -> None:
    """
    It has the form of the JSON model; ids and titles are told apart, and no id of a Grafana's
    own is in it.
    """
    Draft202012Validator(_SCHEMA).validate(DASHBOARD)

    for key in ("id", "title"):
        assert len(PANELS) == len({panel[key] for panel in PANELS})


def test_panels_do_not_cover_each_other() -> None:
    """
    Each has cells of its own, within 24 columns.
    """
    for panel in PANELS:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in itertools.combinations((panel["gridPos"] for panel in PANELS), 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        ), (one, other)


def test_every_metric_it_names_is_exported(tmp_path: Path) -> None:
    """
    By our components, under the names of the guide; a wrong letter would be an empty panel.
    """
    named = named_metrics(PAGE.read_text())

    assert len(named) > 20
    assert named <= exported_names(tmp_path)


def test_the_guide_watches_what_is_watched_here() -> None:
    """
    Names and labels in the guide are those of the backend that the other tests ask.
    """
    root = Path(__file__).parents[2]
    texts = (root / "docs/howto/watch-in-production.md", root / "tests/deploy/observed.py")
    guide, here = (
        re.findall(r"^ *(metrics\.watch\(.*)", one.read_text(), re.MULTILINE) for one in texts
    )

    assert 6 == len(guide)
    assert guide == here


def test_what_is_promised_is_shown() -> None:
    """
    Quantiles, throughput, errors, tokens and dollars, pool, cache, breaker, delivery.
    """
    titles = {panel["title"]: panel for panel in PANELS}
    legends = {target["legendFormat"] for target in titles["Latency"]["targets"]}

    assert {"P50", "P95", "P99"} == legends
    assert {
        *(
            "Throughput",
            "Errors by category",
            "Tokens a second",
            "Dollars an hour by agent",
            "Budget",
        ),
        *("Database connections", "Cache", "Circuit breakers", "Events", "Delivery of an event"),
    } <= titles.keys()
