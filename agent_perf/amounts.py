"""
Limits and amounts as people write them: ``15%``, ``+0``, ``150ms``.
"""

from __future__ import annotations

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


def parse_target(metric: str, value: str | float) -> float:
    """
    Return the target for *metric* in its base unit: seconds, a ratio, or a plain number.

    Args:
        metric: As in Metric.name; it decides which forms make sense.
        value: A number in the base unit, or text: a duration for times, else a percentage,
            bytes or a number.

    Raises:
        ConfigError: If *value* is of another form, or not finite and > 0.
    """
    amount = _amount(metric, value.strip()) if isinstance(value, str) else float(value)
    if not 0 < amount < math.inf:
        raise ConfigError(f"target {metric} = {value!r}; want it finite, > 0")
    return amount


def _amount(metric: str, text: str) -> float:
    if metric.startswith(("latency.", "cpu.", "wall.")) or metric == "resources.cpu":
        return parse_duration(text)
    if found := _BYTES.fullmatch(text):
        return float(Fraction(found[1]) * _BYTE_UNITS[found[2]])
    if found := _PERCENT.fullmatch(text):
        return float(Fraction(found[1]) / 100)
    if _PLAIN.fullmatch(text):
        return float(text)
    raise ConfigError(f'target {metric} = {text!r}; want a number such as "500", "95%" or "4GiB"')
