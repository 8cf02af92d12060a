"""
Which profile holds, and what it does to the table below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent_perf.config.nearness import did_you_mean
from agent_perf.config.variables import PROFILE_VARIABLE
from agent_perf.errors import ConfigError

_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


def chosen_profile(
    asked: str | None, environ: Mapping[str, str], profiles: Sequence[str], source: str
) -> str:
    """
    Return the name of the profile that holds; empty if none does.

    Args:
        asked: By a flag; None if it was not given.
        environ: AGENT_PERF_PROFILE says it if no flag does; CI whether this is a CI.
        profiles: Those that there are.
        source: Name of the file, for messages.

    Raises:
        ConfigError: If one is asked for that is not there.
    """
    name, said = asked, "--profile"
    if not name:
        name, said = environ.get(PROFILE_VARIABLE, ""), PROFILE_VARIABLE
    if name:
        if name not in profiles:
            hint = did_you_mean(name, profiles, kind="there are")
            raise ConfigError(f"{said} {name!r}: no such profile in {source}; {hint}")
        return name
    in_ci = environ.get("CI", "").lower() not in _FALSE
    for usual, holds in (("ci", in_ci), ("dev", True)):
        if holds and usual in profiles:
            return usual
    return ""


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return *below* with the keys of *above* over it; tables are merged, all else replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged(old, value)
        else:
            result[key] = value
    return result
