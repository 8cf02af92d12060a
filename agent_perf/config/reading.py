"""
Reads the configuration: ``[tool.agent-perf]`` in pyproject.toml, or ``agent-perf.toml``.

What a flag says comes first, then ``AGENT_PERF_*``, the profile, the file, the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import msgspec

from agent_perf.config.lines import line_of
from agent_perf.config.nearness import did_you_mean
from agent_perf.config.profile import chosen_profile, merged
from agent_perf.config.settings import NAMED_TABLES, Config, Table, value_problems
from agent_perf.config.variables import PREFIX, PROFILE_VARIABLE, settings_from
from agent_perf.errors import ConfigError
from agent_perf.toml_text import parse_toml
from agent_perf.whole_files import read_whole

__all__ = ["PROFILE_VARIABLE", "Effective", "load_config", "read_settings"]

_FILE: Final = "agent-perf.toml"
_PROFILES: Final = "profiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """
    What holds, and where it comes from.

    Attributes:
        config: The values.
        profile: Name of the profile in use; empty if none is.
        profiles: Names of all profiles.
        source: The file, as it is called in messages; empty if there is none.
        origins: Dotted key to ``file``, ``profile``, or an ``AGENT_PERF_`` variable; what is
            missing is a default. Limits, targets and loads have one for each entry.
    """

    config: Config
    profile: str
    profiles: tuple[str, ...]
    source: str
    origins: Mapping[tuple[str, ...], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file's table, and its text for the numbers of lines."""

    table: Mapping[str, Any]
    name: str
    text: str
    above: tuple[str, ...] = ()

    def place(self, path: tuple[str, ...]) -> str:
        """Return where *path* stands, as messages begin."""
        number = line_of(self.text, (*self.above, *path))
        return f"{self.name}:{number}" if number else self.name


def load_config(
    root: Path, *, profile: str | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """
    Return the configuration of the project at *root*; the defaults if it has none.

    Raises:
        ConfigError: If a file is no TOML, a key is unknown, or a value cannot be used: all
            of them at once.
    """
    return read_settings(root, profile=profile, environ=environ).config


def read_settings(
    root: Path, *, profile: str | None = None, environ: Mapping[str, str] | None = None
) -> Effective:
    """
    Return the configuration of the project at *root*, and where each value comes from.

    Args:
        root: Its top folder.
        profile: Name of the profile; if None, as AGENT_PERF_PROFILE says, or ``ci`` where CI
            is set, or ``dev``, if there are such.
        environ: Environment variables; those of the process if None.

    Raises:
        ConfigError: As for load_config.
    """
    environ = os.environ if environ is None else environ
    file = _find(root)
    profiles = file.table.get(_PROFILES, {})
    problems = list(_problems(file))
    by_variable, wrong = settings_from(environ)
    problems += wrong
    if problems:
        raise ConfigError("\n".join(problems))
    name = chosen_profile(profile, environ, tuple(profiles), file.name)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("file", {key: value for key, value in file.table.items() if key != _PROFILES}),
        ("profile", profiles.get(name, {})),
    ]
    table: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for origin, layer in layers:
        plain = _underscored(layer)
        table = merged(table, plain)
        origins.update(dict.fromkeys(_leaves(plain), origin))
    for key, value in by_variable.items():
        table[key] = value
        origins[(key,)] = f"{PREFIX}{key.upper()}"
    return Effective(
        config=msgspec.convert(table, Config),
        profile=name,
        profiles=tuple(profiles),
        source=file.name if file.text else "",
        origins=origins,
    )


def _find(root: Path) -> _File:
    own, shared = root / _FILE, root / "pyproject.toml"
    own_text = _text(own)
    shared_text = _text(shared)
    table = _parse(own, own_text)
    tool = _parse(shared, shared_text).get("tool", {})
    in_pyproject = tool.get("agent-perf") if isinstance(tool, dict) else None
    if own_text is not None and in_pyproject is not None:
        raise ConfigError(
            f"{own} and [tool.agent-perf] in {shared} both configure agent-perf; keep one of them"
        )
    if own_text is not None:
        return _File(table=table, name=_FILE, text=own_text)
    if not isinstance(in_pyproject, dict | None):
        raise ConfigError(f"{shared}: tool.agent-perf = {in_pyproject!r}; want a table")
    return _File(
        table=in_pyproject or {},
        name="pyproject.toml",
        text=(shared_text or "") if in_pyproject is not None else "",
        above=("tool", "agent-perf"),
    )


def _text(path: Path) -> str | None:
    try:
        return _decoded(read_whole(path)) if path.is_file() else None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _decoded(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n")


def _parse(path: Path, text: str | None) -> dict[str, Any]:
    try:
        return parse_toml(text or "")
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _problems(file: _File) -> Iterator[str]:
    """Yield what is wrong with *file*, in all of its profiles, a line each."""
    base = {key: value for key, value in file.table.items() if key != _PROFILES}
    yield from _wrong_keys(file, base, ())
    profiles = file.table.get(_PROFILES, {})
    if not isinstance(profiles, dict):
        yield f"{file.place((_PROFILES,))}: profiles = {profiles!r}; want tables, as [profiles.ci]"
        return
    for name, table in profiles.items():
        if isinstance(table, dict):
            yield from _wrong_keys(file, table, (_PROFILES, name))
        else:
            yield f"{file.place((_PROFILES, name))}: profiles.{name} = {table!r}; want a table"


def _wrong_keys(
    file: _File, table: Mapping[str, Any], above: tuple[str, ...], of: Table = Config
) -> Iterator[str]:
    known = [item.name for item in fields(of)]
    seen: dict[str, str] = {}
    for written, value in table.items():
        path = (*above, written)
        key = written.replace("-", "_")
        where = f" in [{'.'.join(above)}]" if above else ""
        if key not in known:
            hint = did_you_mean(key, [*known, _PROFILES] if not above else known, kind="known keys")
            yield f"{file.place(path)}: unknown key {written!r}{where}; {hint}"
        elif key in seen:
            yield f"{file.place(path)}: {written!r} and {seen[key]!r}{where} are one key; keep one"
        elif key in NAMED_TABLES and of is Config and isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, dict):
                    yield from _wrong_keys(file, inner, (*path, name), NAMED_TABLES[key])
                else:
                    yield f"{file.place((*path, name))}: {key}.{name} = {inner!r}; want a table"
        else:
            for (_, *below), problem in value_problems(of, key, value):
                yield f"{file.place((*path, *below))}: {problem}{where}"
        seen[key] = written


def _underscored(table: Mapping[str, Any]) -> dict[str, Any]:
    plain = {key.replace("-", "_"): value for key, value in table.items()}
    for key in NAMED_TABLES:
        if plain.get(key):
            plain[key] = {
                name: {inner.replace("-", "_"): value for inner, value in table.items()}
                for name, table in plain[key].items()
            }
    return plain


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)
