"""
The page of results: one section after another, each replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools.peers.contest import OURS, Place

_HEAD: Final = """# Our components beside their peers

Made by `tox -e peers`, which measures all sections, or those named: `tox -e peers -- cache`.
CPU time of the client process per operation, in its best block; ratio is a peer's time by ours in
the same round, the median of all rounds with their quartiles: above 1 we are faster. **Bold** is
what was asked for and missed; a ratio in brackets is between things that are not equal, and the
note says in what. Read ratios, not times: these come from two shared cores.
"""


def write_section(
    page: Path, name: str, intro: str, results: Mapping[str, Mapping[str, Place]]
) -> None:
    """Put *results*, contest to places, under the heading *name* of *page*."""
    text = page.read_text() if page.exists() else ""
    sections = dict(re.findall(r"^## (\S.*?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    sections[name] = intro.strip() + "\n\n" + "\n".join(_rows(results))
    body = "\n".join(
        f"## {title}\n\n{content.strip()}\n" for title, content in sorted(sections.items())
    )
    page.write_text(f"{_HEAD}\n{body}".rstrip() + "\n")


def _rows(results: Mapping[str, Mapping[str, Place]]) -> list[str]:
    rows = [
        "| operation | library | time | ratio (quartiles) | asked | |",
        "|---|---|--:|--:|--:|---|",
    ]
    for title, places in results.items():
        for name, place in places.items():
            first = title if name == OURS else ""
            want = "" if place.want is None else f"{place.want:g}"
            cells = (first, name, _time(place.best_ns), _ratio(name, place), want, place.note)
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _ratio(name: str, place: Place) -> str:
    if name == OURS:
        return "1"
    text = f"{place.ratio:.2f}× ({place.low:.2f} to {place.high:.2f})"
    if place.missed:
        return f"**{text}**"
    return f"[{text}]" if place.want is None else text


def _time(ns: float) -> str:
    return f"{ns:,.0f} ns" if ns < 1e3 else f"{ns / 1e3:,.2f} µs"
