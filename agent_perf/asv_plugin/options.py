"""
What ``"agent_perf": {...}`` in asv.conf.json may say.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields

import msgspec

from agent_perf.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """
    How environments are filled; every path is relative to asv.conf.json.

    Attributes:
        extras: Extras of the project to install beside its dependencies.
        requirements: Requirement files, for projects whose pyproject.toml lists none.
        constraints: Files of pinned versions, with or without hashes.
    """

    extras: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()


def read_options(table: Mapping[str, object]) -> Options:
    """
    Return the options in *table*.

    Raises:
        ConfigError: If a key is unknown or a value has the wrong type.
    """
    known = [item.name for item in fields(Options)]
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
            raise ConfigError(f'unknown key {key!r} in "agent_perf" of asv.conf.json; {hint}')
    try:
        return msgspec.convert(table, Options)
    except msgspec.ValidationError as error:
        raise ConfigError(f'"agent_perf" of asv.conf.json: {error}') from error
