"""
The command lines of agent-perf that pages and files tell, and what is wrong with one.

A line is parsed as click would, and not run. Words in capitals, ``...`` and ``{{...}}`` stand for
what the reader fills in; what a shell makes of a line is left aside.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import yaml

from agent_perf.cli.app import cli

PROGRAM: Final = "agent-perf"
_FENCE = re.compile(r"^([ ]*)```(\w*)[^\n]*\n(.*?)^\1```[ ]*$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\s][^`]*)`")
_FILLED_IN = re.compile(r"\$\{\{.*?\}\}|\{\{.*?\}\}")
# Behind what is no option a command line is over: a pipe, a file, the next command.
_ENDS = re.compile(r"^(?:[|&;<>()]+)$")
_BEGINS = re.compile(
    r"(?:^|[;&|(]|\brun:|\$|\bthen|\bdo|\bif|!|[A-Z_]+=\S*)\s*(?:\S*/)?agent-perf (?=\S)"
)
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_.-]*|\.\.\.|.*[\[\]|].*|\$.*")
_SHELLS: Final = frozenset({"", "sh", "bash", "console", "text"})


def lines_of(path: Path) -> Iterator[str]:
    """Yield the command lines that *path* tells: a page of Markdown, or a YAML file."""
    text = path.read_text()
    if path.suffix == ".md":
        yield from _lines_of_page(text)
    else:
        for document in yaml.safe_load_all(text):
            yield from _lines_of_data(document)


def _lines_of_page(text: str) -> Iterator[str]:
    for _, kind, block in _FENCE.findall(text):
        if kind in _SHELLS:
            yield from _lines_of_shell(block)
        elif kind in {"yaml", "yml"}:
            for document in yaml.safe_load_all(block):
                yield from _lines_of_data(document)
    yield from _lines_of_prose(_FENCE.sub("", text))


def _lines_of_prose(text: str) -> Iterator[str]:
    for told in _INLINE.findall(text):
        for line in _lines_of_shell(" ".join(told.split())):
            # It may name an option without its value: `agent-perf calibrate --model`.
            yield f"{line} ..."


def _lines_of_shell(text: str) -> Iterator[str]:
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        for found in _BEGINS.finditer(line):
            begin = found.end() - len(PROGRAM) - 1
            inner = line[:begin].endswith("$(")
            yield line[begin:].partition(")")[0] if inner else line[begin:]


def _lines_of_data(data: Any) -> Iterator[str]:
    """Yield those of scripts (``run``, ``script``), texts, and containers (``command``, ``args``)."""
    if isinstance(data, dict):
        if data.get("command") == [PROGRAM]:
            yield shlex.join([PROGRAM, *map(str, data.get("args", ()))])
        data = list(data.values())
    if isinstance(data, list):
        for inner in data:
            yield from _lines_of_data(inner)
    elif isinstance(data, str):
        yield from _lines_of_shell(data)
        yield from _lines_of_prose(data)


def problem_of(line: str) -> str | None:
    """Return what click would say against the command *line*; None if nothing."""
    words = _words(line)
    ctx, command = click.Context(cli, info_name=PROGRAM), cli
    try:
        while isinstance(command, click.Group):
            _, words, _ = command.make_parser(ctx).parse_args(words)
            if not words or _PLACEHOLDER.fullmatch(words[0]):
                return None
            inner = command.get_command(ctx, words[0])
            if inner is None:
                return f"{line}: there is no verb {words[0]!r}"
            ctx, command, words = click.Context(inner, ctx), inner, words[1:]
        values, _, _ = command.make_parser(ctx).parse_args(words)
        for param in command.params:
            _check_choice(param, values.get(param.name or ""), ctx)
    except click.UsageError as error:
        return f"{line}: {error.format_message()}"
    return None


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(_FILLED_IN.sub("X", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[str] = []
    for word in lexer:
        if _ENDS.fullmatch(word):
            # The 2 of ``2> file`` is none of the command's words.
            return found[1:-1] if word[0] == ">" and found[-1:] == ["2"] else found[1:]
        found.append(word)
    return found[1:]


def _check_choice(param: click.Parameter, value: Any, ctx: click.Context) -> None:
    """
    Check a value that is one of several.

    Raises:
        click.BadParameter: If *value* is none of them.
    """
    if not isinstance(param.type, click.Choice):
        return
    for one in value if isinstance(value, list | tuple) else (value,):
        if isinstance(one, str) and not _PLACEHOLDER.fullmatch(one):
            param.type.convert(one, param, ctx)
