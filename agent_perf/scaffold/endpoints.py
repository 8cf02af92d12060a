"""
The routes of an ASGI application, and a first request to each.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from agent_perf.scaffold.bodies import Asked, asked_of
from agent_perf.scaffold.modules import Module, Sources
from agent_perf.scaffold.samples import TALKING

_VERBS: Final = frozenset({"get", "post", "put", "patch", "delete"})
_ASKING: Final = ("chat", "ask", "agent", "complet", "question", "query", "invoke", "run", "answer")
_ASIDE: Final = ("health", "ready", "live", "metrics", "docs", "openapi", "favicon", "login")
_PLACE: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_NESTED_MAX: Final = 4

_Place = tuple[str, str]
"""Module and name."""

_Prefixes = Mapping[_Place, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    One way in.

    Attributes:
        method: ``POST``.
        path: As it is asked for, places filled in.
        asked: What the request carries.
        function: Name of what answers.
        is_complete: Whether all that it needs could be made up.
    """

    method: str
    path: str
    asked: Asked
    function: str

    @property
    def is_complete(self) -> bool:
        """Whether everything that it needs is known."""
        return not self.asked.unknown

    @property
    def rank(self) -> tuple[float, ...]:
        """How much it looks like the request that matters; the largest does most."""
        words = f"{self.path} {self.function}".lower()
        asks = max((len(_ASKING) - i for i, one in enumerate(_ASKING) if one in words), default=0)
        return (
            not any(one in words for one in _ASIDE),
            self.is_complete,
            self.asked.has_any(TALKING),
            asks,
            self.method == "POST",
            self.method == "GET",
            -len(self.path),
        )


def find_routes(
    sources: Sources, elsewhere: AbstractSet[_Place] = frozenset()
) -> tuple[Route, ...]:
    """
    Return the routes of all modules, the one that matters most first.

    Args:
        sources: The project's.
        elsewhere: Applications that are not asked, by module and name: what only they answer is
            left out.
    """
    prefixes = _prefixes(sources, elsewhere)
    found = [
        route
        for module in sources
        for route in (
            *_decorated(sources, module, prefixes),
            *_listed(sources, module, elsewhere),
        )
    ]
    return tuple(sorted(found, key=lambda route: route.rank, reverse=True))


def _decorated(sources: Sources, module: Module, prefixes: _Prefixes) -> Iterator[Route]:
    """Yield the routes that decorators declare, as FastAPI's do."""
    for node in module.nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in node.decorator_list:
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            owner, verb = call.func.value, call.func.attr
            path = _text(_argument(call, 0, "path"))
            if path is None or not isinstance(owner, ast.Name):
                continue
            if verb in _VERBS:
                method = verb.upper()
            elif verb in {"api_route", "route"}:
                method = _methods(call)
            else:
                continue
            place = _place_of(sources, module, owner) or (module.name, owner.id)
            for prefix in prefixes.get(place, ("",)):
                yield _route(sources, module, method, prefix + path, node)


def _listed(sources: Sources, module: Module, elsewhere: AbstractSet[_Place]) -> Iterator[Route]:
    """Yield the routes of Starlette's lists, and those that are added by a call."""
    inside: dict[int, str] = {}
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        called = module.qualified(node.func)
        last = called.rpartition(".")[2]
        prefix = inside.get(id(node), "")
        if last == "Mount":
            mounted = prefix + (_text(_argument(node, 0, "path")) or "")
            for inner in ast.walk(node):
                inside[id(inner)] = mounted
        elif last in {"Route", "add_route", "add_api_route"}:
            path = _text(_argument(node, 0, "path"))
            endpoint = _argument(node, 1, "endpoint") or _argument(node, 1, "route")
            owner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if path is None or endpoint is None or _place_of(sources, module, owner) in elsewhere:
                continue
            found = sources.resolve(module, endpoint)
            if found and isinstance(found[1], ast.FunctionDef | ast.AsyncFunctionDef):
                yield _route(sources, found[0], _methods(node), prefix + path, found[1])


def _route(
    sources: Sources,
    module: Module,
    method: str,
    path: str,
    node: ast.FunctionDef | ast.AsyncFunctionDef,
) -> Route:
    places = tuple(_PLACE.findall(path))
    asked = asked_of(sources, module, node, method=method, places=places)
    filled = _PLACE.sub(lambda match: str(asked.places.get(match[1], "1")), path) or "/"
    return Route(method=method, path=filled, asked=asked, function=node.name)


def _prefixes(sources: Sources, elsewhere: AbstractSet[_Place]) -> _Prefixes:
    """Return module and name of each router to the paths under which it is asked: maybe none."""
    own = {
        (module.name, name): _text(_keyword(value, "prefix")) or ""
        for module in sources
        for name, value in _assigned(module)
        if isinstance(value, ast.Call) and module.qualified(value.func).endswith("APIRouter")
    }
    included: defaultdict[_Place, list[tuple[_Place, str]]] = defaultdict(list)
    for module in sources:
        for router, host, prefix in _inclusions(sources, module):
            included[router].append((host, prefix))

    def paths(router: _Place, depth: int) -> list[str]:
        hosts, begin = included.get(router, []), own.get(router, "")
        if router in elsewhere and not hosts:
            return []
        if not hosts or depth > _NESTED_MAX:
            return [begin]
        return [
            outer + prefix + begin for host, prefix in hosts for outer in paths(host, depth + 1)
        ]

    return {router: paths(router, 0) for router in (*own, *elsewhere, *included)}


def _inclusions(sources: Sources, module: Module) -> Iterator[tuple[_Place, _Place, str]]:
    """Yield a router or application, who includes or mounts it, and under which path."""
    for call in module.nodes:
        if not (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
        ):
            continue
        if call.func.attr == "include_router":
            inner, path = _argument(call, 0, "router"), _keyword(call, "prefix")
        elif call.func.attr == "mount":
            inner, path = _argument(call, 1, "app"), _argument(call, 0, "path")
        else:
            continue
        if isinstance(inner, ast.Name | ast.Attribute):
            router = _place_of(sources, module, inner)
            if router is not None:
                host = _place_of(sources, module, call.func.value)
                yield router, host or (module.name, call.func.value.id), _text(path) or ""


def _assigned(module: Module) -> Iterator[tuple[str, ast.expr]]:
    for node in module.nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _place_of(sources: Sources, module: Module, node: ast.expr) -> _Place | None:
    """Return module and name under which the value of *node* is defined."""
    name = module.qualified(node)
    if "." not in name:
        return module.name, name
    home, _, attribute = name.rpartition(".")
    for _ in range(_NESTED_MAX):
        found = sources.modules.get(home)
        if found is None:
            return None
        if attribute in found.definitions:
            return found.name, attribute
        home, _, attribute = found.imports.get(attribute, "").rpartition(".")
    return None


def _argument(call: ast.Call, index: int, name: str) -> ast.expr | None:
    return call.args[index] if len(call.args) > index else _keyword(call, name)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _methods(call: ast.Call) -> str:
    listed = _keyword(call, "methods")
    names: list[Any] = []
    if isinstance(listed, ast.List | ast.Tuple | ast.Set):
        names = [_text(one) for one in listed.elts]
    return "POST" if "POST" in names else str(names[0]) if names and names[0] else "GET"
