"""
Ways into a project that a scenario can take: applications, agents, graphs, functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from agent_perf.scaffold.modules import Definition, Module, Sources

Kind = Literal["application", "agent", "graph", "function"]

_APPLICATIONS: Final = {
    "fastapi.FastAPI": "FastAPI",
    "fastapi.applications.FastAPI": "FastAPI",
    "starlette.applications.Starlette": "Starlette",
    "litestar.Litestar": "Litestar",
    "quart.Quart": "Quart",
}
_MAKERS: Final = {
    "to_ag_ui": "pydantic-ai",
    "to_a2a": "pydantic-ai",
    "to_web": "pydantic-ai",
    "http_app": "FastMCP",
    "streamable_http_app": "MCP",
}
_AGENTS: Final = ("pydantic_ai.Agent", "pydantic_ai.agent.Agent")
_GRAPHS: Final = (
    "langgraph.prebuilt.create_react_agent",
    "langchain.agents.create_agent",
)
NO_WAY_IN: Final = (
    ast.ClassDef, ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.JoinedStr,
)  # fmt: skip
_FAMILY: Final = {"application": 0, "agent": 1, "graph": 1, "function": 2}
_BASES_MAX: Final = 8
_WORK: Final = ("handle", "answer", "ask", "chat", "respond", "process", "run", "work", "serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One way in.

    Attributes:
        kind: What is found there.
        framework: ``FastAPI``, ``pydantic-ai``...; empty for a plain function.
        module: Name to import.
        name: In that module.
        is_factory: Whether *name* is a function that makes it, without arguments.
        node: What the source binds to *name*; of a factory what it returns.
        home: The module in which *node* stands.
    """

    kind: Kind
    framework: str
    module: str
    name: str
    is_factory: bool
    node: Definition
    home: Module

    @property
    def target(self) -> str:
        """As ``--app`` names it: ``shop.main:app``."""
        return f"{self.module}:{self.name}"


def find_entries(sources: Sources) -> tuple[Entry, ...]:
    """Return the ways in, applications first; what makes one only if none is made already."""
    found = [
        entry
        for module in sources
        for name, node in module.definitions.items()
        if not name.startswith("_")
        for entry in _entry(sources, module, name, node)
    ]
    made = {one.kind for one in found if not one.is_factory}
    kept = [one for one in found if not (one.is_factory and one.kind in made)]
    return tuple(sorted(kept, key=_rank))


def find_entry(sources: Sources, target: str) -> Entry | None:
    """Return the way in that *target* names, ``shop.main:app``; None if the source has none."""
    module_name, _, name = target.partition(":")
    module = sources.modules.get(module_name)
    if module is None or name not in module.definitions:
        return None
    node = module.definitions[name]
    known = next(_entry(sources, module, name, node), None)
    if known is not None:
        return known
    if isinstance(node, NO_WAY_IN) or (isinstance(node, ast.FunctionDef) and _has_required(node)):
        return None
    kind: Kind = "application"
    if isinstance(node, ast.AsyncFunctionDef) and _parameter_names(node)[:3] != [
        "scope",
        "receive",
        "send",
    ]:
        kind = "function"
    return Entry(
        kind=kind,
        framework="",
        module=module_name,
        name=name,
        is_factory=isinstance(node, ast.FunctionDef),
        node=node,
        home=module,
    )


def _rank(entry: Entry) -> tuple[object, ...]:
    work = next((i for i, one in enumerate(_WORK) if one in entry.name.lower()), len(_WORK))
    depth = entry.module.count(".")
    return _FAMILY[entry.kind], work if entry.kind == "function" else 0, depth, entry.target


def _entry(sources: Sources, module: Module, name: str, node: Definition) -> Iterator[Entry]:
    if isinstance(node, ast.ClassDef):
        return
    if isinstance(node, ast.AsyncFunctionDef):
        if not _is_endpoint(node) and _is_public_work(module, node):
            yield _made(module, name, node, ("function", ""), is_factory=False)
        return
    if isinstance(node, ast.FunctionDef):
        if not _has_required(node) and (returned := _returned(node)):
            for kind in _kind_of(sources, module, returned, depth=0):
                yield _made(module, name, returned, kind, is_factory=True)
        return
    for kind in _kind_of(sources, module, node, depth=0):
        yield _made(module, name, node, kind, is_factory=False)


def _made(
    module: Module, name: str, node: Definition, kind: tuple[Kind, str], *, is_factory: bool
) -> Entry:
    return Entry(
        kind=kind[0],
        framework=kind[1],
        module=module.name,
        name=name,
        is_factory=is_factory,
        node=node,
        home=module,
    )


def _kind_of(
    sources: Sources, module: Module, node: ast.expr, depth: int
) -> Iterator[tuple[Kind, str]]:
    """Yield what the value of *node* is, if it is a way in."""
    if not isinstance(node, ast.Call) or depth > 2:
        return
    called = node.func
    # A generic one, as Agent[Deps, Out](...).
    called = called.value if isinstance(called, ast.Subscript) else called
    name = module.qualified(called)
    last = called.attr if isinstance(called, ast.Attribute) else name
    if name in _APPLICATIONS:
        yield "application", _APPLICATIONS[name]
    elif name in _AGENTS:
        yield "agent", "pydantic-ai"
    elif name in _GRAPHS:
        yield "graph", "LangGraph"
    elif isinstance(called, ast.Attribute) and last in _MAKERS:
        yield "application", _MAKERS[last]
    elif last == "compile" and "langgraph" in sources.imported() and name != "re.compile":
        yield "graph", "LangGraph"
    else:
        yield from _kind_of_made(sources, module, called, depth)


def _kind_of_made(
    sources: Sources, module: Module, called: ast.expr, depth: int
) -> Iterator[tuple[Kind, str]]:
    """Yield what a call of *called*, a class or function of the project's, gives."""
    found = sources.resolve(module, called)
    if found is None:
        # Of an object whose class is a library's, as `AgentOS(...).get_app()`.
        if isinstance(called, ast.Attribute) and called.attr.endswith("_app"):
            yield "application", ""
        return
    home, definition = found
    if isinstance(definition, ast.ClassDef) and (framework := _framework(sources, *found)):
        yield "application", framework
    elif isinstance(definition, ast.FunctionDef) and (returned := _returned(definition)):
        yield from _kind_of(sources, home, returned, depth + 1)


def _framework(sources: Sources, module: Module, node: Definition, depth: int = 0) -> str:
    """Return whose application the class *node* is by its bases; empty if it is none."""
    if not isinstance(node, ast.ClassDef) or depth > _BASES_MAX:
        return ""
    for base in node.bases:
        known = _APPLICATIONS.get(module.qualified(base), "")
        if not known and (found := sources.resolve(module, base)):
            known = _framework(sources, *found, depth=depth + 1)
        if known:
            return known
    return ""


def _returned(node: ast.FunctionDef) -> ast.expr | None:
    """Return the expression whose value the function gives back; None if it is not plain."""
    bound: dict[str, ast.expr] = {}
    returned: ast.expr | None = None
    for one in _own_statements(node):
        if isinstance(one, ast.Assign):
            bound |= {to.id: one.value for to in one.targets if isinstance(to, ast.Name)}
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and one.value:
            bound[one.target.id] = one.value
        elif isinstance(one, ast.Return) and one.value is not None:
            returned = one.value
    if isinstance(returned, ast.Name):
        returned = bound.get(returned.id)
    return returned


def _own_statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is inside *node*, but for the functions defined there."""
    for one in ast.iter_child_nodes(node):
        yield one
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _own_statements(one)


def _is_endpoint(node: ast.AsyncFunctionDef) -> bool:
    """Whether something else calls it: what has a decorator, or takes the request."""
    return bool(node.decorator_list) or bool(
        {"request", "scope", "ctx", "websocket"} & set(_parameter_names(node))
    )


def _is_public_work(module: Module, node: ast.AsyncFunctionDef) -> bool:
    is_generator = any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node))
    return not is_generator and node.name != "main" and not module.name.endswith("__main__")


def _has_required(node: ast.FunctionDef) -> bool:
    positional = [*node.args.posonlyargs, *node.args.args]
    required = len(positional) > len(node.args.defaults)
    return required or any(default is None for default in node.args.kw_defaults)


def _parameter_names(node: ast.AsyncFunctionDef) -> list[str]:
    return [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
