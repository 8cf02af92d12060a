"""
What a request to an endpoint has to carry, read from the endpoint's own source.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent_perf.scaffold.modules import Module, Sources
from agent_perf.scaffold.samples import (
    QUESTION,
    TALKING,
    UnknownTypeError,
    is_required,
    sample,
    sample_of_class,
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef

_GIVEN: Final = frozenset(
    {
        "Request",
        "Response",
        "WebSocket",
        "BackgroundTasks",
        "HTTPConnection",
        "SecurityScopes",
    }
)
_INJECTED: Final = frozenset({"Depends", "Security", "Cookie", "Header"})
_BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What goes with a request.

    Attributes:
        json: The body; None for none.
        params: Of the query.
        form: Fields of a form.
        places: Name in the path to what stands there.
        unknown: What it needs that could not be made up.
    """

    json: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def has_any(self, names: Collection[str]) -> bool:
        """Whether a field of one of *names* is in it, at any depth."""

        def keys(value: object) -> Iterator[str]:
            if isinstance(value, Mapping):
                for key, inner in value.items():
                    yield key
                    yield from keys(inner)
            elif isinstance(value, list):
                for inner in value:
                    yield from keys(inner)

        wanted = set(names)
        return bool(wanted & {*keys(self.json), *self.params, *self.form})


def asked_of(
    sources: Sources, module: Module, node: _Function, *, method: str, places: Collection[str]
) -> Asked:
    """
    Return what a request to the endpoint *node* carries.

    Args:
        sources: The project.
        module: Where the endpoint is.
        node: The endpoint: with typed parameters, as FastAPI's, or with the request itself.
        method: ``POST``.
        places: Names in its path.
    """
    bodies: dict[str, Any] = {}
    alone: set[str] = set()
    params: dict[str, Any] = {}
    form: dict[str, Any] = {}
    filled: dict[str, Any] = {}
    unknown: list[str] = []
    for name, annotation, default in _parameters(node):
        kind, inner = _kind(module, annotation, default)
        if _is_left_out(kind, name, annotation, default):
            continue
        try:
            if name in places:
                filled[name] = sample(sources, module, inner, name) if inner else "1"
            elif kind == "form":
                form[name] = sample(sources, module, inner, name) if inner else "text"
            elif kind == "body" or _is_class(sources, module, inner):
                bodies[name] = _body(sources, module, inner, name)
                if kind != "body":
                    alone.add(name)
            elif default is None:
                params[name] = sample(sources, module, inner, name) if inner else "1"
        except UnknownTypeError as error:
            unknown.append(f"{name} ({error})")
    if not bodies and not form and method in _BODY_METHODS:
        bodies = {"": found} if (found := _read_by_hand(node)) else {}
        alone = set(bodies)
    json = next(iter(bodies.values())) if len(bodies) == 1 and alone else bodies or None
    return Asked(json=json, params=params, form=form, places=filled, unknown=tuple(unknown))


def _parameters(node: _Function) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    every = [*node.args.posonlyargs, *node.args.args]
    defaults = [None] * (len(every) - len(node.args.defaults)) + list(node.args.defaults)
    for one, default in (
        *zip(every, defaults, strict=True),
        *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
    ):
        if one.arg not in {"self", "cls"}:
            yield one.arg, one.annotation, default


def _kind(
    module: Module, annotation: ast.expr | None, default: ast.expr | None
) -> tuple[str, ast.expr | None]:
    """Return ``given``, ``body``, ``form`` or ``plain``, and the type without its marks."""
    marks = [default] if isinstance(default, ast.Call) else []
    inner = annotation
    if isinstance(annotation, ast.Subscript) and module.qualified(annotation.value).endswith(
        "Annotated"
    ):
        marked = annotation.slice
        inner, *others = marked.elts if isinstance(marked, ast.Tuple) else [marked]
        marks += [one for one in others if isinstance(one, ast.Call)]
    names = {module.qualified(one.func).rpartition(".")[2] for one in marks}
    if inner is not None and module.qualified(inner).rpartition(".")[2] in _GIVEN:
        return "given", inner
    # A type of the project that only stands for a dependency: `User = Annotated[..., Depends()]`.
    named = module.definitions.get(inner.id) if isinstance(inner, ast.Name) else None
    if names & _INJECTED or (named is not None and "Depends" in ast.dump(named)):
        return "given", inner
    if "Body" in names:
        return "body", inner
    if names & {"Form", "File"}:
        return "form", inner
    return "plain", inner


def _is_left_out(
    kind: str, name: str, annotation: ast.expr | None, default: ast.expr | None
) -> bool:
    """Whether the client does not send it: given by the server, or no need of a form."""
    if kind == "form":
        return not is_required(default) and name not in TALKING
    # Starlette's endpoints take the request without saying so.
    return kind == "given" or (annotation is None and name == "request")


def _is_class(sources: Sources, module: Module, node: ast.expr | None) -> bool:
    if node is None:
        return False
    if isinstance(node, ast.BinOp):
        return any(_is_class(sources, module, one) for one in (node.left, node.right))
    if isinstance(node, ast.Subscript):
        return module.qualified(node.value).rpartition(".")[2] in {"list", "List"} and _is_class(
            sources, module, node.slice
        )
    found = sources.resolve(module, node)
    if found is None or not isinstance(found[1], ast.ClassDef):
        return False
    return not any("Enum" in found[0].qualified(base) for base in found[1].bases)


def _body(sources: Sources, module: Module, node: ast.expr | None, name: str) -> Any:
    if node is None:
        return {}
    found = sources.resolve(module, node)
    if found is not None and isinstance(found[1], ast.ClassDef):
        return sample_of_class(sources, found[0], found[1])
    return sample(sources, module, node, name)


def _read_by_hand(node: _Function) -> dict[str, Any]:
    """Return the fields that the function takes out of `await request.json()` by name."""
    names: dict[str, None] = {}
    holders = {
        target.id
        for one in ast.walk(node)
        if isinstance(one, ast.Assign) and _is_json(one.value)
        for target in one.targets
        if isinstance(target, ast.Name)
    }
    for one in ast.walk(node):
        if isinstance(one, ast.Subscript) and _is_holder(one.value, holders):
            key = one.slice
        elif (
            isinstance(one, ast.Call)
            and isinstance(one.func, ast.Attribute)
            and one.func.attr == "get"
            and one.args
            and _is_holder(one.func.value, holders)
        ):
            key = one.args[0]
        else:
            continue
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            names[key.value] = None
    return {name: QUESTION if name in TALKING else f"{name}-1" for name in names}


def _is_holder(node: ast.expr, holders: Collection[str]) -> bool:
    return _is_json(node) or (isinstance(node, ast.Name) and node.id in holders)


def _is_json(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "json"
    )
