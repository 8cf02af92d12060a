"""
Limits and amounts as people write them: ``15%``, ``+0``, ``150ms``.
"""

from __future__ import annotations

import difflib
import math
import re
from fractions import Fraction
from typing import Final

from agent_perf.errors import ConfigError

_NUMBER: Final = r"(\d+(?:\.\d+)?|\.\d+)"
_PERCENT: Final = re.compile(rf"\+?{_NUMBER}\s*%")
_DURATION: Final = re.compile(rf"{_NUMBER}\s*(ns|us|µs|μs|ms|s|min|h)")
_BYTES: Final = re.compile(rf"{_NUMBER}\s*([kKMG]i?B)")
_PLAIN: Final = re.compile(_NUMBER)

REQUEST_METRICS: Final = tuple(
    f"request.{name}"
    for name in (
        "bytes_received",
        "bytes_sent",
        "db_connects",
        "db_lock_waits",
        "db_statements",
        "db_waits",
        "event_requests",
        "events",
        "http_connects",
        "http_errors",
        "http_requests",
        "llm_calls",
        "llm_calls_holding_db",
        "llm_cost_usd",
        "llm_embeddings",
        "llm_rate_limited",
        "llm_tokens_cached",
        "llm_tokens_in",
        "llm_tokens_out",
        "redis_commands",
        "redis_connects",
        "redis_hits",
        "redis_misses",
        "redis_trips",
        "tool_calls",
    )
)
"""What one request may do: of these, a target holds the most that any request did."""

_COUNTED: Final = "cpu.instructions"
"""The one metric of a CPU that is no time."""

_SECONDS: Final = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
}

_BYTE_UNITS: Final = {
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "kiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def parse_limit(text: str) -> float:
    """
    Return the largest change for the worse that *text* allows, as a ratio >= 0.

    It is a percentage, or ``+0`` for no change at all. For a metric that should rise,
    ``5%`` is how far it may fall.

    Raises:
        ConfigError: If *text* is anything else.
    """
    word = text.strip()
    if word in {"0", "+0"}:
        return 0.0
    found = _PERCENT.fullmatch(word)
    if found is None:
        raise ConfigError(
            f'limit {text!r}; want a percentage such as "15%", or "+0" for no change at all'
        )
    return float(Fraction(found[1]) / 100)


def parse_duration(text: str) -> float:
    """
    Return the seconds that *text* names: a number with ns, us, ms, s, min or h.

    Raises:
        ConfigError: If *text* is anything else.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f'duration {text!r}; want a number with a unit, such as "150ms" or "2s"')
    return float(Fraction(found[1]) * _SECONDS[found[2]])


def seconds_of(value: str | float, told: str) -> float:
    """
    Return the seconds that *value* says: text with a unit, or a number of seconds, >= 0.

    Raises:
        ConfigError: If it says none; it begins with *told*.
    """
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except ConfigError as error:
            raise ConfigError(f"{told}: {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigError(f'{told} = {value!r}; want a time, as "21ms" or 0.021 (seconds)')
    return float(value)


def parse_target(metric: str, value: str | float) -> float:
    """
    Return the target for *metric* in its base unit: seconds, a ratio, or a plain number.

    Args:
        metric: As in Metric.name; it decides which forms make sense.
        value: A number in the base unit, or text: a duration for times, else a percentage,
            bytes or a number.

    Raises:
        ConfigError: If *value* is of another form, or as in check_target.
    """
    amount = _amount(metric, value.strip()) if isinstance(value, str) else float(value)
    check_target(metric, amount, f"target {metric} = {value!r}")
    return amount


def check_target(metric: str, amount: float, told: str) -> None:
    """
    Check that *amount*, in base units, can be a target for *metric*.

    That one request does none of something is a target, too; a time of 0 is none.

    Raises:
        ConfigError: If it is not finite and > 0, or >= 0 for what one request does; it begins
            with *told*.
    """
    if metric.startswith("request."):
        if metric not in REQUEST_METRICS:
            close = difflib.get_close_matches(metric, REQUEST_METRICS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"{', '.join(REQUEST_METRICS)}"
            raise ConfigError(f"{told}: no such count of a request; {hint}")
        if not 0 <= amount < math.inf:
            raise ConfigError(f"{told}; want it finite, >= 0")
    elif not 0 < amount < math.inf:
        raise ConfigError(f"{told}; want it finite, > 0")


def _amount(metric: str, text: str) -> float:
    is_time = metric.startswith(("latency.", "cpu.", "wall.")) and metric != _COUNTED
    if is_time or metric == "resources.cpu":
        return parse_duration(text)
    if found := _BYTES.fullmatch(text):
        return float(Fraction(found[1]) * _BYTE_UNITS[found[2]])
    if found := _PERCENT.fullmatch(text):
        return float(Fraction(found[1]) / 100)
    if _PLAIN.fullmatch(text):
        return float(text)
    raise ConfigError(f'target {metric} = {text!r}; want a number such as "500", "95%" or "4GiB"')
