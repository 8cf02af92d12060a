"""
Environment variables that a project cannot start without.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from agent_perf.scaffold.modules import Module, Sources
from agent_perf.scaffold.samples import class_fields

_KEY: Final = "_API_KEY"
"""Such variables are there in every world, with a value that is no key."""


def required_variables(sources: Sources) -> dict[str, str]:
    """
    Return name to a harmless value, of each variable that some module needs.

    Those of `os.environ["NAME"]`, and the fields without default of pydantic's settings.
    """
    found: dict[str, str] = {}
    for module in sources:
        for name in (*_subscripts(module), *_settings(sources, module)):
            if not name.endswith(_KEY):
                found.setdefault(name, _harmless(name, sources))
    return dict(sorted(found.items()))


def _subscripts(module: Module) -> Iterator[str]:
    set_here = {
        one.slice.value
        for node in module.nodes
        if isinstance(node, ast.Assign)
        for one in node.targets
        if isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Constant)
    }
    for node in module.nodes:
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and module.qualified(node.value) in {"os.environ", "environ"}
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and node.slice.value not in set_here
        ):
            yield node.slice.value


def _settings(sources: Sources, module: Module) -> Iterator[str]:
    for node in module.definitions.values():
        if not isinstance(node, ast.ClassDef):
            continue
        if not any(module.qualified(base).endswith("BaseSettings") for base in node.bases):
            continue
        prefix = _prefix(node)
        for _, name, _, is_required in class_fields(sources, module, node):
            if is_required:
                yield f"{prefix}{name}".upper()


def _prefix(node: ast.ClassDef) -> str:
    for one in ast.walk(node):
        if isinstance(one, ast.keyword) and one.arg == "env_prefix":
            return _word(one.value)
        if isinstance(one, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == "env_prefix" for to in one.targets
        ):
            return _word(one.value)
    return ""


def _word(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _harmless(name: str, sources: Sources) -> str:
    """Return a value that starts an application, and leads nowhere."""
    low = name.lower()
    if "redis" in low:
        return "redis://redis.example:6379/0"
    if any(word in low for word in ("database", "postgres", "db_url", "sqlalchemy", "dsn")):
        driver = next((one for one in ("asyncpg", "psycopg") if one in sources.imported()), "")
        return f"postgresql+{driver or 'asyncpg'}://app@database.example/app"
    if low.endswith(("_url", "_uri", "_endpoint", "_base", "_host")):
        host = low.rpartition("_")[0].replace("_", "-")
        return f"{host}.example" if low.endswith("_host") else f"https://{host}.example"
    if low.endswith(("_port", "_size", "_count", "_limit", "_seconds", "_timeout", "_max")):
        return "10"
    if low.startswith(("enable_", "use_", "debug")) or low.endswith(("_enabled", "debug")):
        return "false"
    return "simulated"
