"""
From the view of a published site's start page to its file.
"""

from __future__ import annotations

from agent_perf.report.formats import HTML_BYTES_MAX, fill_page
from agent_perf.report.site_view import SiteView, lighter


def render_site(view: SiteView) -> str:
    """Return the start page; what makes it larger than a page may be is left out, and told."""
    text = _fill(view)
    for charts_max in (8, 3, 1):
        if len(text.encode()) <= HTML_BYTES_MAX:
            break
        text = _fill(lighter(view, charts_max))
    return text


def _fill(view: SiteView) -> str:
    return fill_page("site.html.j2", view, view.band.badge)
