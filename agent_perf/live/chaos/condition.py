"""
What must hold of requests, as people write it: ``success_ratio >= 99.9%``, ``p95 <= 200ms``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

from agent_perf.amounts import parse_target
from agent_perf.errors import ConfigError
from agent_perf.live.chaos.observations import Sample
from agent_perf.stats import rank_of
from agent_perf.units import format_value

_CONDITION: Final = re.compile(r"\s*([a-z_][a-z0-9_.]*)\s*(<=|>=|<|>)\s*(\S.*?)\s*")
_SIGNS: Final = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_QUANTILES: Final = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99"}
_LATENCIES: Final = (*_QUANTILES, "max")
METRICS: Final = ("success_ratio", "error_ratio", *_LATENCIES)
_IS_MORE_BETTER: Final = frozenset({"success_ratio"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """
    A bound on a number that requests come to.

    Attributes:
        metric: One of METRICS.
        sign: ``<=``, ``>=``, ``<`` or ``>``.
        limit: A share, or seconds.
    """

    metric: str
    sign: str
    limit: float

    @property
    def unit(self) -> str:
        """As in units.format_value."""
        return "s" if self.metric in _LATENCIES else "ratio"

    def holds(self, value: float) -> bool:
        """Return whether *value* keeps it."""
        return bool(_SIGNS[self.sign](value, self.limit))

    def value_of(self, sample: Sample) -> float:
        """
        Return what *sample*, which is not empty, comes to.

        A quantile is the nearest rank, and who got no good answer waited for ever: a service
        that fails at once is not fast.
        """
        if self.metric == "success_ratio":
            return sample.good / sample.asked
        if self.metric == "error_ratio":
            # Not 1 - good / asked: 1 of 1000 would come to a little more than 0.1 %.
            return (sample.asked - sample.good) / sample.asked
        share = _QUANTILES.get(self.metric)
        rank = sample.asked if share is None else rank_of(share, sample.asked)
        return sample.latencies_s[rank - 1] if rank <= sample.good else math.inf

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.metric} {self.sign} {format_value(self.limit, self.unit)}"


def parse_condition(text: str, where: str) -> Condition:
    """
    Return the condition that *text* says; *where* begins the message if it says none.

    Raises:
        ConfigError: If it says none, or bounds the side on which it is better.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{where}: {text!r}; want a condition, as 'success_ratio >= 99.9%' or 'p95 <= 200ms'"
        )
    metric, sign, value = found.groups()
    metric = metric.removeprefix("latency.")
    if metric not in METRICS:
        close = get_close_matches(metric, METRICS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(METRICS)}"
        raise ConfigError(f"{where}: {text!r}: no metric {metric!r}; {hint}")
    if (metric in _IS_MORE_BETTER) != sign.startswith(">"):
        want = ">=" if metric in _IS_MORE_BETTER else "<="
        raise ConfigError(f"{where}: {text!r} bounds {metric} where it is best; want {want!r}")
    return Condition(metric=metric, sign=sign, limit=_limit(metric, value, f"{where}: {text!r}"))


def broken(conditions: Sequence[Condition], sample: Sample) -> list[tuple[Condition, float]]:
    """Return those of *conditions* that *sample* breaks, with what it comes to."""
    found = [(one, one.value_of(sample)) for one in conditions]
    return [(one, value) for one, value in found if not one.holds(value)]


def _limit(metric: str, value: str, told: str) -> float:
    if metric in _LATENCIES:
        try:
            return parse_target(f"latency.{metric}", value)
        except ConfigError as error:
            raise ConfigError(f"{told}: {error}") from None
    # That nothing fails is a limit as well, though no target of a benchmark.
    number = value.removesuffix("%").rstrip()
    try:
        share = float(Fraction(number) / (100 if value.endswith("%") else 1))
    except (ValueError, ZeroDivisionError):
        share = math.nan
    if not 0 <= share <= 1:
        raise ConfigError(f"{told}: {value!r}; want a share, as 99.9% or 0.999")
    return share
