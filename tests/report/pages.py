"""Reads a page as a browser does, and notes what tests ask about."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Drawing:
    """One outermost svg element."""

    role: str
    title_id: str
    description_id: str
    title: str = ""
    description: str = ""


@dataclass
class Page:
    """What a page is made of, in order."""

    faults: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    title: str = ""
    policy: str = ""
    text: str = ""


def read_page(html: str) -> Page:
    """Return what is in *html*; what is not closed is told in its faults."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.page.faults += [f"<{tag}> is not closed" for tag in reader.open]
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        page = self.page
        page.tags.append(tag)
        page.attributes += known
        if len(known) != len(attrs):
            page.faults.append(f"<{tag}> has an attribute twice")
        if "id" in known:
            page.ids.append(known["id"])
        if tag == "a":
            page.links.append(known["href"])
        if tag == "link" or "src" in known:
            page.sources.append(known.get("href") or known["src"])
        if known.get("http-equiv") == "Content-Security-Policy":
            page.policy = known["content"]
        if tag == "svg" and "svg" not in self.open:
            title, _, description = known.get("aria-labelledby", "").partition(" ")
            page.drawings.append(Drawing(known.get("role", ""), title, description))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.page.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        within = self.open[-1] if self.open else ""
        if within == "title" and "svg" in self.open:
            self.page.drawings[-1].title += data
        elif within == "desc":
            self.page.drawings[-1].description += data
        elif within == "title":
            self.page.title += data
        elif within != "style":
            self.page.text += data
