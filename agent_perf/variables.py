"""
Environment variables of a world: the scenario's own, and no real key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from agent_perf.errors import ConfigError

SIMULATED_KEY: Final = "simulated"
"""What every API key is: clients want one, and what answers them takes any."""

TELEMETRY_OFF: Final = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb, browser-use
    "DO_NOT_TRACK": "1",  # consoledonottrack.com
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
}
"""What libraries are told that would report to their makers, from threads.

An application's own tracing is left on: it is part of what is measured.
"""

_KEYS: Final = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
_KEY_SUFFIX: Final = "_API_KEY"


def simulated_variables(own: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str]:
    """
    Return what is to be set besides *current*: *own*, a dummy for every API key, no telemetry.

    A real key has no place where nothing leaves the process: it could only get into a record.
    Telemetry is sent by threads, which a simulation neither has nor sees.
    """
    keys = (*_KEYS, *(name for name in current if name.upper().endswith(_KEY_SUFFIX)))
    return {**dict.fromkeys(keys, SIMULATED_KEY), **TELEMETRY_OFF, **own}


def check_variables(own: object, whose: str) -> Mapping[str, str]:
    """
    Return *own*, which maps names to values.

    Raises:
        ConfigError: If it does not.
    """
    if not isinstance(own, Mapping):
        raise ConfigError(f'{whose}: env={own!r}; want a mapping, as {{"DATABASE_URL": "..."}}')
    for name, value in own.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigError(f"{whose}: env has {name!r}: {value!r}; want text for text")
        if not name or "=" in name or "\0" in name + value:
            raise ConfigError(f"{whose}: env has {name!r}, which the system cannot set")
    return own


@contextmanager
def variables_set(own: Mapping[str, str]) -> Iterator[None]:
    """Set the variables of a simulated world, *own* among them, while the body runs."""
    wanted = simulated_variables(own, os.environ)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
