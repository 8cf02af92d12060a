"""
What a scenario promises of itself, in short: ``p95="150ms"``, ``max_llm_calls=2``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypedDict

from agent_perf.amounts import parse_target
from agent_perf.errors import ConfigError

Amount = str | float


class Promises(TypedDict, total=False):
    """
    Targets by their short names.

    A time is text with its unit, ``"150ms"``, or a number of seconds. ``max_...`` is the most
    that any one request may do, 0 included; what belongs to no request is not counted.
    """

    p50: Amount
    p95: Amount
    p99: Amount
    mean: Amount
    success_ratio: Amount
    throughput: Amount
    max_llm_calls: Amount
    max_tool_calls: Amount
    max_redis_trips: Amount
    max_db_statements: Amount
    max_http_requests: Amount
    max_tokens_in: Amount
    max_tokens_out: Amount
    max_cost_usd: Amount


METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "p50": "latency.p50",
        "p95": "latency.p95",
        "p99": "latency.p99",
        "mean": "latency.mean",
        "success_ratio": "success_ratio",
        "throughput": "throughput",
        "max_llm_calls": "request.llm_calls",
        "max_tool_calls": "request.tool_calls",
        "max_redis_trips": "request.redis_trips",
        "max_db_statements": "request.db_statements",
        "max_http_requests": "request.http_requests",
        "max_tokens_in": "request.llm_tokens_in",
        "max_tokens_out": "request.llm_tokens_out",
        "max_cost_usd": "request.llm_cost_usd",
    }
)
"""Short name to the metric that it holds."""

# Nobody promises an answer within an hour by "3600"; many would write 150 for 150 ms.
_SECONDS_MAX: Final = 60


def promised_targets(promises: Mapping[str, object], whose: str) -> dict[str, float]:
    """
    Return metric to the worst value allowed, in base units, of *promises*.

    Args:
        promises: Short name to value, as of Promises; None: not promised.
        whose: Who promises, for messages: ``scenario shop.search``.

    Raises:
        ConfigError: If a name is unknown, or a value has no known form.
    """
    found = {}
    for name, value in promises.items():
        if name not in METRICS:
            raise ConfigError(f"{whose}: {name}={value!r} is no promise; {_hint(name)}")
        if value is not None:
            found[METRICS[name]] = _amount(name, value, whose)
    return found


def _amount(name: str, value: object, whose: str) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{whose}: {name}={value!r}; want {_wanted(name)}")
    metric = METRICS[name]
    if metric.startswith("latency.") and not isinstance(value, str) and value > _SECONDS_MAX:
        raise ConfigError(
            f'{whose}: {name}={value!r} is {value} seconds; for milliseconds write "{value:g}ms"'
        )
    try:
        amount = parse_target(metric, value)
    except ConfigError as error:
        raise ConfigError(f"{whose}: {name}={value!r}; want {_wanted(name)}") from error
    if name == "success_ratio" and amount > 1:
        raise ConfigError(f'{whose}: {name}={value!r}; want at most 1, or "100%"')
    return amount


def _wanted(name: str) -> str:
    if METRICS[name].startswith("latency."):
        return 'a time, as "150ms" or 0.15 (seconds), > 0'
    if name == "success_ratio":
        return 'a share, as "99%" or 0.99, > 0'
    return "a number >= 0" if name.startswith("max_") else "a number > 0"


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, METRICS, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(METRICS)}"
