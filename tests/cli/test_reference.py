"""The reference of verbs is made from the verbs, and each that prints data prints JSON."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from agent_perf.cli.app import cli

_PAGE = Path(__file__).parents[2] / "docs/cli.md"
_WITHOUT_DATA = {
    "accept": "it writes a file, and says so",
    "baseline create": "likewise",
    "baseline promote": "likewise",
    "comment": "it posts Markdown",
    "completion": "it prints a script",
    "demo": "it is a tour",
    "init": "it writes files, and says so",
    "schema": "it prints JSON anyway",
    "model": "it serves, until it is ended",
    "sessions resume": "it prints what the resumed verb prints",
}


def _leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each verb by its whole name; groups that do something by themselves, too."""
    ctx = click.Context(command)
    if isinstance(command, click.Group):
        if name and command.invoke_without_command:
            yield name, command
        for inner in command.list_commands(ctx):
            found = command.get_command(ctx, inner)
            assert found is not None
            yield from _leaves(found, f"{name} {inner}".strip())
    else:
        yield name, command


def _names(param: click.Parameter) -> str:
    names = "/".join((*param.opts, *param.secondary_opts))
    if isinstance(param, click.Argument):
        name = param.metavar or (param.name or "").upper()
        return name if param.required or name.startswith("[") else f"[{name}]"
    assert isinstance(param, click.Option)
    if param.is_flag:
        return names
    choices = getattr(param.type, "choices", None)
    return f"{names} {param.metavar or ('|'.join(choices) if choices else param.type.name.upper())}"


def _rows(command: click.Command) -> Iterator[str]:
    for param in command.params:
        if isinstance(param, click.Option):
            default = param.default if param.show_default else None
            tail = "" if default is None or callable(default) else f" Default: {default}."
            yield f"| `{_cell(_names(param))}` | {_cell((param.help or '') + tail)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _page() -> str:
    lines = [
        "# Command line",
        "",
        (
            "Every verb and its options, made from the program itself. Progress and messages go to "
            "standard error, data to standard output; exit codes are in [words](words.md), defaults "
            "of options may be set in the [configuration](configuration.md)."
        ),
    ]
    for name, command in _leaves(cli):
        arguments = [_names(one) for one in command.params if isinstance(one, click.Argument)]
        text = inspect.cleandoc(command.help or "").replace("\b\n", "")
        lines += ["", f"## {name}", "", "```text"]
        lines += [" ".join(["agent-perf", name, "[OPTIONS]", *arguments]), "```", "", text, ""]
        lines += ["| option | what it does |", "|---|---|", *_rows(command)]
    return "\n".join(lines) + "\n"


def test_the_reference_tells_of_every_verb_and_option(update_golden) -> None:
    """docs/cli.md is what the program says; after a change: pytest --update-golden."""
    if update_golden:
        _PAGE.write_text(_page())

    assert _PAGE.read_text() == _page()


def test_every_option_has_a_text() -> None:
    """An option without one is a riddle in the help and in the reference."""
    silent = [
        f"{name} {param.opts[0]}"
        for name, command in _leaves(cli)
        for param in command.params
        if isinstance(param, click.Option) and not param.help
    ]

    assert [] == silent


def test_every_verb_that_prints_data_prints_json() -> None:
    """The others are named here, each with its reason."""
    without = {
        name
        for name, command in _leaves(cli)
        if not any("--format" in param.opts for param in command.params)
    }

    assert without <= set(_WITHOUT_DATA)


def test_every_verb_takes_a_profile() -> None:
    """Before or after it, on every level."""
    without = [
        name
        for name, command in _leaves(cli)
        if not any("--profile" in param.opts for param in command.params)
    ]

    assert [] == without
