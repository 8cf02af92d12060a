"""
What a project says it needs, in whichever file it says so.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from agent_perf.errors import ConfigError
from agent_perf.toml_text import parse_toml
from agent_perf.whole_files import read_whole

_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")

SERVICES: Final = {
    "redis": "Redis",
    "sqlalchemy": "SQL",
    "sqlmodel": "SQL",
    "asyncpg": "SQL",
    "psycopg": "SQL",
    "httpx": "HTTP",
    "httpx2": "HTTP",
    "aiohttp": "HTTP",
    "openai": "model",
    "anthropic": "model",
    "pydantic_ai": "model",
    "langchain_openai": "model",
    "langchain_anthropic": "model",
    "pusher": "events",
}
"""Package, as it is imported, to what it talks to."""


def declared(folder: Path) -> frozenset[str]:
    """
    Return the packages that the project in *folder* declares, as they are imported: ``a_b``.

    Raises:
        ConfigError: If pyproject.toml or Pipfile is no TOML.
    """
    found: set[str] = set()
    project = read_toml(folder / "pyproject.toml")
    found.update(_names(_of_pyproject(project)))
    found.update(_names(table_in(read_toml(folder / "Pipfile"), "packages")))
    for path in sorted(one for one in folder.glob("requirements*.txt") if one.is_file()):
        lines = read_whole(path).decode(errors="replace").splitlines()
        found.update(_names(line for line in lines if not line.lstrip().startswith(("#", "-"))))
    setup = folder / "setup.cfg"
    if setup.is_file():
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(setup, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ConfigError(f"{setup} cannot be read: {error}") from error
        found.update(_names(parser.get("options", "install_requires", fallback="").splitlines()))
    return frozenset(found)


def read_toml(path: Path) -> dict[str, Any]:
    """
    Return what the file at *path* holds; nothing if there is none.

    Raises:
        ConfigError: If it is no TOML.
    """
    if not path.is_file():
        return {}
    try:
        return parse_toml(read_whole(path).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; mend it first") from error


def _of_pyproject(table: Mapping[str, Any]) -> Iterable[str]:
    project = table_in(table, "project")
    yield from _strings(project.get("dependencies"))
    for group in table_in(project, "optional-dependencies").values():
        yield from _strings(group)
    for group in table_in(table, "dependency-groups").values():
        yield from _strings(group)
    yield from table_in(table, "tool", "poetry", "dependencies")
    groups = table_in(table, "tool", "poetry", "group")
    for name in groups:
        yield from table_in(groups, name, "dependencies")


def table_in(table: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the table that *keys* lead to; an empty one if something else is there."""
    for key in keys:
        inner = table.get(key)
        table = inner if isinstance(inner, Mapping) else {}
    return table


def _strings(value: object) -> Iterable[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _names(requirements: Iterable[str]) -> Iterable[str]:
    for one in requirements:
        match = _NAME.match(one)
        if match is not None and match[1].lower() != "python":
            yield match[1].lower().replace("-", "_").replace(".", "_")
