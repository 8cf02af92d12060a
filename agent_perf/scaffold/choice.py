"""
Which way into a project its first scenario takes.
"""

from __future__ import annotations

import ast

from agent_perf.errors import UsageError
from agent_perf.scaffold.entries import NO_WAY_IN, Entry, find_entry
from agent_perf.scaffold.modules import Definition
from agent_perf.scaffold.survey import Survey

_SHOWN_MAX = 12


def choices(found: Survey) -> tuple[Entry, ...]:
    """Return the ways in that are as good as the first: one, if there is no question."""
    if not found.entries:
        return ()
    first = found.entries[0]
    if first.kind == "function":
        return (first,)
    return tuple(one for one in found.entries if one.kind == first.kind)


def named_entry(found: Survey, target: str) -> Entry:
    """
    Return the way in that the user names.

    Raises:
        UsageError: If the source has none of that name.
    """
    module, _, name = target.partition(":")
    if not module or not name:
        raise UsageError(f"--app {target}: want MODULE:NAME, as shop.main:app")
    module = _dotted(found, module)
    entry = find_entry(found.sources, f"{module}:{name}")
    if entry is None:
        raise UsageError(f"--app {target}: {_why_not(found, module, name)}")
    return entry


def require_choice(found: Survey) -> Entry:
    """
    Return the only way in.

    Raises:
        UsageError: If there is none, or more than one.
    """
    possible = choices(found)
    if len(possible) == 1:
        return possible[0]
    if possible:
        names = ", ".join(one.target for one in possible[:_SHOWN_MAX])
        raise UsageError(f"there are several ways in: {names}; choose by --app MODULE:NAME")
    skipped = "".join(f"; {one}" for one in found.sources.unreadable[:3])
    if found.sources.nameless:
        skipped += f"; no `import` can name {', '.join(found.sources.nameless[:3])}: rename it"
    raise UsageError(
        f"no application, agent, graph or async function found in {len(found.sources.modules)} "
        f"modules below {found.root / found.folder} (tests, examples and scripts are not looked "
        f"at){skipped}; name one by --app MODULE:NAME"
    )


def _dotted(found: Survey, module: str) -> str:
    """Return the name of a module that is written as its file, as ``src/shop/main.py``."""
    path = module if module.endswith(".py") else f"{module}.py"
    named = (one.name for one in found.sources if str(one.path) == path)
    return next(named, module)


def _why_not(found: Survey, module: str, name: str) -> str:
    known = found.sources.modules.get(module)
    if known is None:
        near = [one for one in found.sources.modules if one.endswith(module.rpartition(".")[2])]
        hint = f"; is it {near[0]}?" if near else ""
        folders = " or ".join(found.source_folders)
        return f"there is no module {module} below {folders}{hint}"
    if why := _no_entry(known.definitions.get(name)):
        return f"{name} of {known.path} is {why}"
    names = [one for one in known.definitions if not one.startswith("_")]
    return f"{known.path} defines no {name}; it has {', '.join(names[:_SHOWN_MAX]) or 'nothing'}"


def _no_entry(node: Definition | None) -> str:
    """Return what *node* is instead of a way in; empty if it may be one."""
    if isinstance(node, ast.ClassDef):
        return "a class; name the object that is made of it, or a function that makes it"
    if isinstance(node, ast.FunctionDef):
        return "a function that needs arguments; name one that makes it without any"
    if isinstance(node, NO_WAY_IN):
        return "a plain value, and no application"
    return ""
