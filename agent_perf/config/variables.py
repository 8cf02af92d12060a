"""
Settings from the environment: ``AGENT_PERF_TIME_LIMIT_S=30``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from agent_perf.config.nearness import did_you_mean
from agent_perf.config.settings import Config, key_types, value_problems

PREFIX: Final = "AGENT_PERF_"
PROFILE_VARIABLE: Final = "AGENT_PERF_PROFILE"
_OTHERS: Final = frozenset(
    {
        PROFILE_VARIABLE,
        "AGENT_PERF_DATABASE_URL",
        "AGENT_PERF_PROCESSES",
        "AGENT_PERF_REDIS_URL",
        "AGENT_PERF_POSTGRES_URL",
    }
)
"""The profile, where services are, and what this project's own tests and tools ask for."""
_WORDS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def settings_from(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """
    Return the keys that *environ* sets, and what is wrong with others, in words.

    Names of another case, or that begin with ``AGENT_PERF_JUNK_``, are none of ours: the
    self-test fills environments with those.
    """
    kinds = scalar_keys()
    tables = [item.name for item in fields(Config) if item.name not in kinds]
    found: dict[str, Any] = {}
    problems: list[str] = []
    for variable, text in sorted(environ.items()):
        key = variable.removeprefix(PREFIX).lower()
        foreign = not variable.startswith(PREFIX) or variable.startswith(f"{PREFIX}JUNK_")
        # An empty variable is how a CI's file unsets one.
        if foreign or variable in _OTHERS or not text:
            continue
        if key in tables:
            problems.append(f"{variable}: {key} is a table or list; set it in the file")
        elif key not in kinds:
            names = [f"{PREFIX}{one.upper()}" for one in kinds] + [PROFILE_VARIABLE]
            hint = did_you_mean(variable, names, kind="known variables")
            # Its value is not told: what is no setting of ours may be somebody's secret.
            problems.append(f"unknown variable {variable}; {hint}")
        else:
            value = _parsed(text, kinds[key])
            wrong = [problem for _, problem in value_problems(Config, key, value)]
            problems += [f"{variable}={text}: {problem}" for problem in wrong]
            if not wrong:
                found[key] = value
    return found, problems


def scalar_keys() -> dict[str, frozenset[type]]:
    """Return the keys with one value, each with the types that it may have."""
    found = {}
    for key, hint in key_types(Config).items():
        kinds = frozenset(_kinds(hint)) & {str, int, float, bool}
        if kinds:
            found[key] = kinds
    return {key: kinds for key, kinds in found.items() if key not in _tables()}


def _tables() -> set[str]:
    default = Config()
    return {
        item.name
        for item in fields(Config)
        if isinstance(getattr(default, item.name), tuple | Mapping)
    }


def _kinds(hint: Any) -> list[type]:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(hint)[0])
    if origin in {typing.Union, types.UnionType}:
        return [kind for one in typing.get_args(hint) for kind in _kinds(one)]
    if origin is typing.Literal:
        return [type(one) for one in typing.get_args(hint)]
    return [hint] if isinstance(hint, type) and origin is None else []


def _parsed(text: str, kinds: frozenset[type]) -> object:
    """Return *text* as the first of *kinds* that it can be; as text if none."""
    word = text.strip()
    if bool in kinds and word.lower() in _WORDS:
        return _WORDS[word.lower()]
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(word)
            except ValueError:
                continue
    return word
