"""
The first scenario: one request that runs, and where to go on.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_perf.scaffold.conversation import Conversation, find_conversation
from agent_perf.scaffold.endpoints import Route, find_routes
from agent_perf.scaffold.entries import Entry, find_entries
from agent_perf.scaffold.rendering import fill
from agent_perf.scaffold.samples import (
    QUESTION,
    TALKING,
    UnknownTypeError,
    class_fields,
    sample,
)
from agent_perf.scaffold.source_text import in_one_line, source_of
from agent_perf.scaffold.survey import Survey
from agent_perf.scaffold.variables import required_variables

_NO_NAME: Final = re.compile(r"\W+")
_OURS: Final = frozenset({"llm", "scenario"})
"""What the file imports: a function of that name would hide it."""

_ASV: Final = ("time_", "track_", "mem_", "peakmem_", "timeraw_")
"""What asv runs as a benchmark of its own."""

_BODIES: Final = frozenset({"POST", "PUT", "PATCH"})
_PLAIN: Final = _BODIES | {"GET", "DELETE", "HEAD", "OPTIONS"}
"""Methods of a client that have a function; that of *_BODIES* takes a body."""

_WIDTH: Final = 70
"""Of a call, after `reply = await `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstScenario:
    """
    Attributes:
        stem: Of its file: the name of the project's package.
        function: Its own name.
        does: What one request is, for people: ``POST /chat``.
        text: Of the file.
        unknown: What could not be made up, and has to be filled in.
    """

    stem: str
    function: str
    does: str
    text: str
    unknown: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As verbs take it: ``shop.chat``."""
        return f"{self.stem}.{self.function}"


def write_scenario(found: Survey, entry: Entry) -> FirstScenario:
    """Return a scenario that asks *entry* once a request."""
    environment = required_variables(found.sources)
    talk = find_conversation(found.sources) if "model" in found.services else None
    stem = _identifier(entry.module.partition(".")[0])
    if entry.kind == "application":
        return _of_application(found, entry, stem, environment, talk)
    call, unknown = _call(found, entry)
    function = "answer" if entry.kind in {"agent", "graph"} else f"one_{_identifier(entry.name)}"
    text = fill(
        "function.py.j2",
        entry=entry,
        function=function,
        call=call,
        result="reply" if entry.kind in {"agent", "graph"} else "",
        environment=_sources_of(environment),
        talk=talk,
        unknown=tuple(map(in_one_line, unknown)),
    )
    return FirstScenario(
        stem=stem, function=function, does=f"{entry.target}", text=text, unknown=unknown
    )


def _of_application(
    found: Survey,
    entry: Entry,
    stem: str,
    environment: Mapping[str, str],
    talk: Conversation | None,
) -> FirstScenario:
    routes = find_routes(found.sources, _other_applications(found, entry))
    route = routes[0] if routes else None
    unknown = tuple(map(in_one_line, route.asked.unknown)) if route else ()
    function = _identifier(route.function if route else "first_page")
    if function in _OURS or function.startswith(_ASV):
        function = f"ask_{function}"
    text = fill(
        "application.py.j2",
        target=entry.target,
        function=function,
        environment=_sources_of(environment),
        talk=talk,
        request=_request(route),
        is_routeless=route is None,
        others=[in_one_line(f"{one.method} {one.path}") for one in routes[1:6]],
        unknown=unknown,
    )
    does = in_one_line(f"{route.method} {route.path}") if route else "GET /"
    return FirstScenario(stem=stem, function=function, does=does, text=text, unknown=unknown)


def _other_applications(found: Survey, entry: Entry) -> frozenset[tuple[str, str]]:
    """Return module and name of what is certainly not asked where *entry* is."""
    if entry.is_factory or not entry.framework:
        # It may give back, or wrap, any of them.
        return frozenset()
    return frozenset(
        (one.module, one.name)
        for one in find_entries(found.sources)
        if one.kind == "application" and not one.is_factory and one.target != entry.target
    )


def _request(route: Route | None) -> str:
    if route is None:
        return 'client.get("/")'
    words = {"params": route.asked.params, "json": route.asked.json, "data": route.asked.form}
    given = {
        name: value
        for name, value in words.items()
        if value or (name == "json" and value is not None)
    }
    has_own = route.method in (_BODIES if {"json", "data"} & set(given) else _PLAIN)
    method = f"client.{route.method.lower()}" if has_own else "client.request"
    place = (
        source_of(route.path) if has_own else f"{source_of(route.method)}, {source_of(route.path)}"
    )
    words_flat = [f"{name}={source_of(value)}" for name, value in given.items()]
    line = f"{method}({', '.join([place, *words_flat])})"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    parts = [
        place,
        *(
            f"{name}={source_of(value, column=9 + len(name), indent=8)}"
            for name, value in given.items()
        ),
    ]
    inner = "".join(f"\n        {part}," for part in parts)
    return f"{method}({inner}\n    )"


def _sources_of(environment: Mapping[str, str]) -> dict[str, str]:
    return {source_of(name): source_of(value) for name, value in environment.items()}


def _call(found: Survey, entry: Entry) -> tuple[str, tuple[str, ...]]:
    """Return the call of an agent, a graph or a function, and what it lacks."""
    name = f"{entry.name}()" if entry.is_factory else entry.name
    if entry.kind == "agent":
        deps, unknown = _deps(found, entry)
        return f"{name}.run({source_of(QUESTION)}{deps})", unknown
    if entry.kind == "graph":
        return f"{name}.ainvoke({source_of(_state(found))})", ()
    assert isinstance(entry.node, ast.AsyncFunctionDef)
    words, unknown_names = [], []
    positional = [*entry.node.args.posonlyargs, *entry.node.args.args]
    required = len(positional) - len(entry.node.args.defaults)
    optional = {
        one.arg
        for one, default in zip(
            entry.node.args.kwonlyargs, entry.node.args.kw_defaults, strict=True
        )
        if default is not None
    } | {one.arg for one in positional[required:]}
    for one in (*positional, *entry.node.args.kwonlyargs):
        if one.arg in optional:
            continue
        try:
            node = one.annotation or ast.Name(id="str")
            value = source_of(sample(found.sources, entry.home, node, one.arg))
        except UnknownTypeError as error:
            unknown_names.append(f"{one.arg} ({error})")
            value = "..."
        is_positional = one in entry.node.args.posonlyargs
        words.append(value if is_positional else f"{one.arg}={value}")
    return f"{entry.name}({', '.join(words)})", tuple(unknown_names)


def _deps(found: Survey, entry: Entry) -> tuple[str, tuple[str, ...]]:
    """Return the argument `deps` of an agent's run, and whether it has to be filled in."""
    assert isinstance(entry.node, ast.Call)
    kind = next((one.value for one in entry.node.keywords if one.arg == "deps_type"), None)
    if kind is None:
        return "", ()
    words = ast.unparse(kind)
    resolved = found.sources.resolve(entry.home, kind)
    if resolved is None:
        try:
            return f", deps={source_of(sample(found.sources, entry.home, kind, 'deps'))}", ()
        except UnknownTypeError:
            pass
    # Only the project knows how its own class is made.
    return ", deps=...", (f"deps ({words})",)


def _state(found: Survey) -> dict[str, Any]:
    """Return the first state of a graph: what a class called so has to say, or messages."""
    for module in found.sources:
        for name, node in module.definitions.items():
            if not isinstance(node, ast.ClassDef) or "State" not in name:
                continue
            names = [one for _, one, _, _ in class_fields(found.sources, module, node)]
            bases = {module.qualified(base).rpartition(".")[2] for base in node.bases}
            if "messages" in names or "MessagesState" in bases:
                break
            talking = [one for one in TALKING if one in names]
            if talking:
                return {talking[0]: QUESTION}
    return {"messages": [{"role": "user", "content": QUESTION}]}


def _identifier(name: str) -> str:
    word = _NO_NAME.sub("_", name).strip("_") or "first"
    word = f"first_{word}" if word[0].isdigit() else word
    return f"{word}_" if keyword.iskeyword(word) else word
