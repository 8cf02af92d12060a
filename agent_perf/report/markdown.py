"""
Strings from outside as Markdown, and prose with code in it: shown, obeyed never.
"""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

from agent_perf.report.view import Band

_CALM: Final = "No action needed."
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]|~$])")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_BREAKS: Final = re.compile(r"[\n\t]+")
_CALL: Final = re.compile(r"(?<!\w)@")
_LIST: Final = re.compile(r"^(\s*\d*)([#+.)-])(?=[\s#-]|$)")


def comment_marker(project: str) -> str:
    """Return the first line of a report on *project*, which nobody sees: it finds its comment."""
    # Two hyphens would end the comment, and a name comes from outside.
    name = re.sub(r"[^A-Za-z0-9._]+", "-", project).strip("-") or "project"
    return f"<!-- agent-perf:{name} -->"


def call_to_action(band: Band) -> tuple[str, tuple[str, ...]]:
    """
    Return whether a reader has to do anything, in three words, and the other lines of *band*.

    After rustc-perf's comments on pull requests, which tell that before any number.
    """
    action = {"pass": _CALM, "plain": ""}.get(band.badge.tone, "Needs a look.")
    return action, tuple(line for line in band.lines if line != action)


def escape_markdown(text: str) -> str:
    """Return *text* so that it reads as it stands, in one line, also inside a table."""
    flat = text.replace("\n", " ").replace("\t", " ")
    escaped = _LIST.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", flat))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A mark that joins words keeps a name after @ from being called, and :// from linking.
    return escaped.replace("@", "@\u2060").replace("://", ":\u2060//")


def escape_summary(text: str) -> str:
    """Return *text* for an element of HTML in Markdown, which an empty line would end."""
    flat = _BREAKS.sub(" ", text)
    # Within a word, as in a benchmark's name, the sign calls nobody.
    return _CALL.sub("@\u2060", str(escape(flat))).replace("://", ":\u2060//")


def markdown_prose(text: str) -> str:
    """Return *text* as escape_markdown does, what stands between backticks as code."""
    parts = _CODE.split(text)
    return "".join(
        escape_code(part) if index % 2 else escape_markdown(part)
        for index, part in enumerate(parts)
    )


def html_prose(text: str) -> Markup:
    """Return *text* as HTML, escaped, what stands between backticks as code."""
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


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
