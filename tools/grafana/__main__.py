"""Writes the dashboard: ``python -m tools.grafana``."""

from __future__ import annotations

from tools.grafana.dashboard import PAGE, page

PAGE.write_text(page())
