"""
The page of results: one section after another, each replaced as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "verdict-study.md"

_HEAD: Final = """# How often verdicts are wrong

Made by `tox -e study`: `-- collect` runs the workloads, `-- condense` keeps what the rules need in
`tools/study/samples`, `-- judge` and `-- history` write the sections below from what is kept.
How a verdict comes about is told in [verdicts.md](verdicts.md).
"""


def write_section(title: str, text: str, page: Path = PAGE) -> None:
    """Put *text* under the heading *title* of *page*, where it was, or at the end."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    found = re.findall(r"^## (\S.*?)\n(.*?)(?=^## |\Z)", old, re.MULTILINE | re.DOTALL)
    sections = dict(found) | {title: text}
    body = "\n".join(f"## {name}\n\n{content.strip()}\n" for name, content in sections.items())
    page.write_text(f"{_HEAD}\n{body}", encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, its first column to the left and all others to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
