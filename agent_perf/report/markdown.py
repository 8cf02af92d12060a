"""
Strings from outside as Markdown: shown as they are, obeyed never.
"""

from __future__ import annotations

import re
from typing import Final

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]|~$])")
_LIST: Final = re.compile(r"^(\s*\d*)([#+.)-])(?=[\s#-]|$)")


def escape_markdown(text: str) -> str:
    """Return *text* so that it reads as it stands, in one line, also inside a table."""
    flat = text.replace("\n", " ").replace("\t", " ")
    escaped = _LIST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", flat))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A mark that joins words keeps a name after @ from being called, and :// from linking.
    return escaped.replace("@", "@\u2060").replace("://", ":\u2060//")


def escape_cell(text: str) -> str:
    """Return *text* as a code span inside a table, where a bar would end the cell."""
    return escape_code(text).replace("|", "\\|")


def escape_code(text: str) -> str:
    """Return *text* as a code span, which no backtick in it can leave."""
    flat = text.replace("\n", " ").replace("\t", " ") or " "
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if longest or flat.strip() == "" else ""
    return f"{fence}{gap}{flat}{gap}{fence}"
