"""
Loads that the configuration gives a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent_perf.cli.load_options import LoadOptions
from agent_perf.config import NamedLoad, did_you_mean
from agent_perf.errors import UsageError


def with_named_load(options: LoadOptions, loads: Mapping[str, NamedLoad]) -> LoadOptions:
    """
    Return *options* with what the load that they name says, where they say nothing.

    Raises:
        UsageError: If there is no load of that name.
    """
    if options.named is None:
        return options
    if options.named not in loads:
        hint = did_you_mean(options.named, loads, kind="the configuration has")
        raise UsageError(f"no load {options.named!r}; {hint}")
    load = loads[options.named]
    said = {
        "shape": load.shape,
        "rate_hz": load.rate_hz,
        "to_hz": load.to_hz,
        "for_s": load.for_s,
        "users": load.users,
        "within_s": load.within_s,
        "in_flight_max": load.max_in_flight,
        "rate_max_hz": load.max_rate_hz,
        "seed": load.seed,
    }
    missing = {name: value for name, value in said.items() if getattr(options, name) is None}
    # A named load may say any of these; the types are those of LoadOptions.
    return replace(options, closed=options.closed or load.closed, **missing)  # type: ignore[arg-type]
