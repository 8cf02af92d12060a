"""
Why a value of the configuration cannot be used, in our words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from agent_perf.config.nearness import did_you_mean

_PLACE: Final = re.compile(r" - at `\$(?P<steps>.*)`\Z")
_STEP: Final = re.compile(r"\[(\d+)\]|\.(\w+)")
_FIELD: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`")

_WORDS: Final = (
    ("int", "a whole number"),
    ("float", "a number"),
    ("str", "text"),
    ("bool", "true or false"),
    ("array", "a list"),
    ("object", "a table"),
    ("null", "nothing"),
)


def refusal(hint: Any, value: object, name: str, error: str) -> str:
    """
    Return what is wrong with *value*, and what would do.

    Of a list of tables the wrong value in it is named, ``faults[0].kind``.

    Args:
        hint: Type of the key.
        value: What is written there.
        name: Of the key, as TOML writes it.
        error: What msgspec says, which converted *value* to *hint*.
    """
    place = _PLACE.search(error)
    for index, field in _STEP.findall(place["steps"]) if place else ():
        step = int(index) if index else field
        name += f"[{index}]" if index else f".{field}"
        hint, value = _type_inside(hint, step), _inside(value, step)
    text = _PLACE.sub("", error)
    if field := _FIELD.fullmatch(text):
        if field[1] == "missing required":
            return f"{name} has no {field[2]!r}; add it"
        hint = did_you_mean(field[2], _fields(hint), kind="known keys")
        return f"{name}.{field[2]} is unknown; {hint}"
    words = [one for one in literals(hint) if isinstance(value, str)]
    want = f"want {' or '.join(map(shown, words))}" if words else _plainly(text)
    return f"{name} = {shown(value)}; {want}"


def not_finite(value: object) -> str:
    """Return where in *value* a number is none, as ``[0].at_s = inf``; empty if all are."""
    match value:
        case float() if not math.isfinite(value):
            return f" = {value}"
        case Mapping():
            inside = ((f".{key}", inner) for key, inner in value.items())
        case list() | tuple():
            inside = ((f"[{index}]", inner) for index, inner in enumerate(value))
        case _:
            return ""
    return next((f"{step}{found}" for step, inner in inside if (found := not_finite(inner))), "")


def literals(hint: Any) -> list[str]:
    """Return the words that *hint*, a Literal or a union with one, allows."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in {Union, UnionType}:
        return [word for one in get_args(hint) for word in literals(one)]
    return []


def dotted(path: tuple[str, ...]) -> str:
    """Return *path* as TOML writes a key: ``limits."latency.*"``."""
    return ".".join(part if re.fullmatch(r"[\w-]+", part) else shown(part) for part in path)


def shown(value: object) -> str:
    """Return *value* as TOML would write it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{shown(k)} = {shown(v)}" for k, v in value.items()) + " }"
    return str(value)


def _inside(value: object, step: int | str) -> object:
    if isinstance(step, int):
        return value[step] if isinstance(value, list | tuple) else value
    return value.get(step) if isinstance(value, Mapping) else value


def _type_inside(hint: Any, step: int | str) -> Any:
    """Return the type of what lies at *step* inside of *hint*; object if it is not known."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    for one in get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,):
        if isinstance(step, str) and step in _fields(one):
            return get_type_hints(one, include_extras=True)[step]
        if isinstance(step, int) and get_origin(one) is tuple:
            inner = get_args(one)
            return inner[0] if inner[-1] is Ellipsis else inner[step]
    return object


def _fields(hint: Any) -> tuple[str, ...]:
    is_table = isinstance(hint, type) and issubclass(hint, Struct)
    return hint.__struct_fields__ if is_table else ()


def _plainly(text: str) -> str:
    """Return a message of msgspec in our words."""
    text = text.replace("`", "").replace("Expected ", "want ", 1)
    text = text.replace(" | null", "").replace(" | ", " or ")
    for theirs, ours in _WORDS:
        text = re.sub(rf"\b{theirs}\b", ours, text)
    if "regex '^/'" in text:
        return 'want one that begins with "/"'
    if "regex" in text:
        return 'want a folder below the root, as "benchmarks"'
    return text
