"""Links between pages lead somewhere, and the site leads to every page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
PAGES = [*sorted(ROOT.glob("*.md")), *SITE]

_FENCE = re.compile(r"^(`{3,}).*?^\1`*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
# A target is without blanks, so that `[a](b c)` in prose is none; a picture may be within a link.
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?)(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _prose(text: str) -> str:
    return _CODE.sub("``", _FENCE.sub("", text))


def _slug(heading: str) -> str:
    """Return the anchor that GitHub and MyST make of *heading*."""
    words = re.sub(r"\]\([^)]*\)", "]", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@cache
def _anchors(page: Path) -> frozenset[str]:
    found: dict[str, int] = {}
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text())):
        slug = _slug(heading)
        found[slug] = found.get(slug, -1) + 1
    return frozenset(
        f"{slug}-{again}" if again else slug
        for slug, times in found.items()
        for again in range(times + 1)
    )


def _broken(page: Path, target: str) -> str | None:
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    if not file.exists():
        return f"{target}: there is no {path}"
    if ROOT not in file.parents:
        return f"{target}: outside of the repository"
    if anchor and (file.suffix != ".md" or anchor not in _anchors(file)):
        return f"{target}: no heading #{anchor}"
    return None


def _pages_of_toctrees(page: Path) -> list[Path]:
    entries = [
        line.strip()
        for block in _TOCTREE.findall(page.read_text())
        for line in block.splitlines()
        if line.strip() and not line.startswith(":")
    ]
    return [(page.parent / f"{entry}.md").resolve() for entry in entries]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page) -> None:
    """Each relative link names a file of the repository, and its anchor a heading there."""
    targets = _LINK.findall(_prose(page.read_text()))

    assert [] == [told for target in targets if (told := _broken(page, target))]


def test_broken_links_are_found() -> None:
    """A missing file, a missing heading and a way out of the repository are each told."""
    page = DOCS / "index.md"

    assert _broken(page, "nothing.md") == "nothing.md: there is no nothing.md"
    assert _broken(page, "ci.md#nothing") == "ci.md#nothing: no heading #nothing"
    assert _broken(page, "../../") == "../../: outside of the repository"
    assert _broken(page, "ci.md#exit-codes") is None
    assert ["a.md", "b.md#c"] == _LINK.findall(_prose("[![x](a.md)](b.md#c) `[d](e.md)`"))


def test_the_site_leads_to_every_page_once() -> None:
    """Each page is an entry of one table of contents, and each entry is a page."""
    index = DOCS / "index.md"
    listed = [entry for page in SITE for entry in _pages_of_toctrees(page)]

    assert sorted([index, *listed]) == SITE
