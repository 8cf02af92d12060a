"""
``agent-perf config``: what holds, where it comes from, and whether it is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from agent_perf.cli.output import print_json, print_rows
from agent_perf.cli.profile import project_folder
from agent_perf.cli.tables import find_tables
from agent_perf.config import PROFILE_VARIABLE, Config, Effective, dotted, read_settings, shown
from agent_perf.errors import ConfigError
from agent_perf.gate import make_policy
from agent_perf.scrubbing import environment_secrets, own_secrets, scrubbed
from agent_perf.waivers import load_accepted


def show_config(form: str) -> int:
    """
    Print each setting, its value, and where that comes from; return the exit code, 0.

    Raises:
        ConfigError: If the configuration is not valid.
    """
    root = project_folder()
    effective = read_settings(root)
    found = find_tables(root, effective.config)
    rows = [(path, _told(value, path), origin) for path, value, origin in _rows(effective)]
    if form == "json":
        print_json(
            {
                "file": effective.source,
                "profile": effective.profile,
                "profiles": effective.profiles,
                "latency_tables": [table.name for table in found.tables.tables]
                if found.tables
                else [],
                "settings": [
                    {"key": dotted(path), "path": path, "value": value, "from": origin}
                    for path, value, origin in rows
                ],
            }
        )
        return 0
    print_rows(
        ("setting", "value", "from"),
        [
            (dotted(path), "–" if value is None else shown(value), origin)
            for path, value, origin in rows
        ],
    )
    click.echo("")
    click.echo(_profile_line(effective))
    click.echo(found.line)
    return 0


def check_config(form: str) -> int:
    """
    Print what is wrong with the configuration, in any of its profiles; return the exit code.

    It is 0 if nothing is, else 2.
    """
    root = project_folder()
    problems: dict[str, None] = {}
    try:
        effective = read_settings(root)
    except ConfigError as error:
        problems.update(dict.fromkeys(str(error).splitlines()))
        effective = None
    if effective is not None:
        for profile in effective.profiles or ("",):
            config = read_settings(root, profile=profile or None).config
            problems.update(dict.fromkeys(_policy_problems(config)))
            problems.update(dict.fromkeys(_tables_problems(root, config)))
        try:
            load_accepted(root / effective.config.waivers)
        except ConfigError as error:
            problems[str(error)] = None
    if form == "json":
        print_json({"valid": not problems, "problems": list(problems)})
    else:
        for problem in problems:
            click.echo(problem)
        if effective is not None and not problems:
            click.echo(f"{effective.source or 'the default configuration'} is valid")
            click.echo(_profile_line(effective))
    return ConfigError.exit_code if problems else 0


def _policy_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the limits and targets of *config*, each by itself."""
    for pattern, text in config.limit_texts.items():
        yield from _problem({pattern: text}, {})
    for benchmark, table in config.targets.items():
        for metric, value in table.items():
            yield from _problem({}, {benchmark: {metric: value}})


def _tables_problems(root: Path, config: Config) -> Iterator[str]:
    try:
        find_tables(root, config)
    except ConfigError as error:
        yield str(error)


def _problem(
    limits: Mapping[str, str], targets: Mapping[str, Mapping[str, str | float]]
) -> Iterator[str]:
    try:
        make_policy(limits, targets)
    except ConfigError as error:
        yield str(error)


def _rows(effective: Effective) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    for item in fields(Config):
        value = getattr(effective.config, item.name)
        entries = [
            (path, _at(effective.config, path), _origin(effective, path))
            for path in effective.origins
            if path[0] == item.name and isinstance(value, Mapping)
        ]
        if entries:
            yield from entries
        else:
            yield (item.name,), value, _origin(effective, (item.name,))


def _at(config: Config, path: tuple[str, ...]) -> Any:
    value: Any = getattr(config, path[0])
    for key in path[1:]:
        value = value[key] if isinstance(value, Mapping) else getattr(value, key)
    return value


def _told(value: Any, path: tuple[str, ...]) -> Any:
    """Return *value* of *path* without secrets that somebody wrote into the file after all."""
    if isinstance(value, str):
        return scrubbed(value, _secrets(path, value))
    if isinstance(value, list | tuple):
        return [_told(one, path) for one in value]
    if isinstance(value, Mapping):
        return {key: _told(one, (*path, key)) for key, one in value.items()}
    return value


def _secrets(path: tuple[str, ...], value: str) -> tuple[str, ...]:
    """Return what is secret in *value* because of its name."""
    if "${" in value:
        # It stands in the environment, as it should.
        return ()
    named = {path[-1]: value}
    in_headers = path[-2:-1] == ("headers",)
    return (*environment_secrets(named), *(own_secrets(named) if in_headers else ()))


def _origin(effective: Effective, path: tuple[str, ...]) -> str:
    match effective.origins.get(path):
        case None:
            return "default"
        case "file":
            return effective.source
        case "profile":
            return f"profile {effective.profile}"
        case variable:
            return variable


def _profile_line(effective: Effective) -> str:
    if not effective.profiles:
        return "there are no profiles"
    names = ", ".join(effective.profiles)
    if not effective.profile:
        return f"no profile holds, of {names}: name one by --profile or {PROFILE_VARIABLE}"
    return f"profile {effective.profile!r} holds, of {names}"
