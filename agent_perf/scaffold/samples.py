"""
Values that fit a type, as far as its source tells: what a first request sends.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, Final

from agent_perf.scaffold.modules import Module, Sources

QUESTION: Final = "How do refunds work?"

TALKING: Final = ("message", "question", "prompt", "query", "input", "text", "content", "topic")
"""Names of what people say to an agent, most telling first."""

_DEPTH_MAX: Final = 5

_SCALARS: Final[dict[str, Any]] = {
    "int": 1,
    "float": 1.0,
    "Decimal": 1.0,
    "bool": True,
    "UUID": "00000000-0000-4000-8000-000000000001",
    "UUID4": "00000000-0000-4000-8000-000000000001",
    "datetime": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "EmailStr": "user@mail.example",
    "HttpUrl": "https://page.example/",
    "AnyUrl": "https://page.example/",
    "bytes": "text",
    "dict": {},
    "Any": "text",
}
_LISTS: Final = frozenset({"list", "List", "Sequence", "tuple", "set", "Iterable"})
_MAPPINGS: Final = frozenset({"dict", "Dict", "Mapping"})
_WORDS: Final = {"role": "user", "email": "user@mail.example", "name": "Ada"}


class UnknownTypeError(Exception):
    """No value can be made up: the type is not in the project, or says too little."""


def sample(sources: Sources, module: Module, node: ast.expr, name: str, depth: int = 0) -> Any:
    """
    Return a value of JSON for annotation *node*, of a field or parameter called *name*.

    Raises:
        UnknownTypeError: If what is needed is not in the source.
    """
    if depth > _DEPTH_MAX:
        raise UnknownTypeError(name)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = _unquoted(node.value)
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        chosen = next((one for one in sides if not _is_none(one)), node.left)
        return sample(sources, module, chosen, name, depth)
    if isinstance(node, ast.Subscript):
        return _generic(sources, module, node, name, depth)
    last = module.qualified(node).rpartition(".")[2]
    if last == "str":
        return QUESTION if name in TALKING else _WORDS.get(name, f"{name}-1")
    if last in _SCALARS:
        return _SCALARS[last]
    if last in _LISTS:
        return []
    found = sources.resolve(module, node)
    if found is None or not isinstance(found[1], ast.ClassDef):
        raise UnknownTypeError(module.qualified(node) or name)
    return sample_of_class(sources, found[0], found[1], depth)


def sample_of_class(sources: Sources, module: Module, node: ast.ClassDef, depth: int = 0) -> Any:
    """
    Return the fields that an instance of class *node* cannot do without; of an enum, a value.

    Raises:
        UnknownTypeError: As in sample().
    """
    if any("Enum" in module.qualified(base) for base in node.bases):
        for statement in node.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
                return statement.value.value
    if depth > _DEPTH_MAX:
        raise UnknownTypeError(node.name)
    fields = {
        name: sample(sources, home, annotation, name, depth + 1)
        for home, name, annotation, is_needed in class_fields(sources, module, node)
        if is_needed
    }
    if not fields:
        # All have defaults: what people say is still worth saying.
        for home, name, annotation, _ in class_fields(sources, module, node):
            if name in TALKING:
                return {name: sample(sources, home, annotation, name, depth + 1)}
    return fields


def class_fields(
    sources: Sources, module: Module, node: ast.ClassDef, below: tuple[ast.ClassDef, ...] = ()
) -> Iterator[tuple[Module, str, ast.expr, bool]]:
    """Yield module, name, annotation and whether it is required, of each field, bases first."""
    # Two classes of one name, each in a branch of an `if`, may seem to be each other's base.
    below = (*below, node)
    for base in node.bases:
        found = sources.resolve(module, base)
        if found is not None and isinstance(found[1], ast.ClassDef) and found[1] not in below:
            yield from class_fields(sources, found[0], found[1], below)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            if not name.startswith("_") and name != "model_config":
                yield module, name, statement.annotation, is_required(statement.value)


def is_required(default: ast.expr | None) -> bool:
    """Whether a field or parameter of that *default* has none: nothing, `...`, `Field(gt=0)`."""
    if default is None:
        return True
    if not isinstance(default, ast.Call):
        return isinstance(default, ast.Constant) and default.value is ...
    if any(one.arg in {"default", "default_factory"} for one in default.keywords):
        return False
    first = default.args[0] if default.args else None
    return first is None or (isinstance(first, ast.Constant) and first.value is ...)


def _generic(sources: Sources, module: Module, node: ast.Subscript, name: str, depth: int) -> Any:
    last = module.qualified(node.value).rpartition(".")[2]
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if last == "Literal":
        return _literal(inner[0])
    if last in _LISTS:
        return [sample(sources, module, inner[0], name.removesuffix("s"), depth + 1)]
    if last in _MAPPINGS:
        return {}
    # An Optional, Union, Annotated or Required.
    chosen = next((one for one in inner if not _is_none(one)), inner[0])
    return sample(sources, module, chosen, name, depth)


def _unquoted(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise UnknownTypeError(repr(text)) from None


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:  # A member of an enum.
        raise UnknownTypeError(f"Literal[{ast.unparse(node)}]") from None


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
