"""
Reads the marker ``targets``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent_perf.amounts import parse_target
from agent_perf.errors import ConfigError
from agent_perf.suite import promised_targets

_WHOSE = "@pytest.mark.targets"


def marked_targets(args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, float]:
    """
    Return metric to the worst value allowed, in base units.

    Args:
        args: At most one mapping of whole metric names, as ``{"latency.hit.p95": "20ms"}``.
        kwargs: By short names, as ``p95="150ms"``.

    Raises:
        ConfigError: If a name is unknown, or a value has no known form.
    """
    found: dict[str, float] = {}
    if len(args) > 1 or not all(isinstance(table, Mapping) for table in args):
        raise ConfigError(
            f"{_WHOSE}{tuple(args)!r}: want limits by name, as p95='150ms', or one dict of whole "
            "metric names, as {'latency.hit.p95': '20ms'}"
        )
    for table in args:
        assert isinstance(table, Mapping)
        for metric, value in table.items():
            if not isinstance(metric, str) or not isinstance(value, str | int | float):
                raise ConfigError(f"{_WHOSE}: {metric!r}: {value!r}; want a metric and an amount")
            found[metric] = parse_target(metric, value)
    return found | promised_targets(kwargs, _WHOSE)
