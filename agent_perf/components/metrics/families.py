"""
What is told of metrics: families of series, each with its labels and its value now.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agent_perf.components.metrics.histogram import HistogramSnapshot
from agent_perf.errors import ConfigError

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label to value, in the order in which they are written."""

OTHER: Final = "other"
"""Label of what there was no room for."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED_LABELS: Final = frozenset({"le", "quantile"})
_SUFFIXES: Final = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


@dataclass(frozen=True, slots=True)
class Series:
    """
    One value; not keyword-only, for a scrape makes thousands.

    Attributes:
        labels: What tells it apart within its family.
        value: A number, or what a histogram holds.
    """

    labels: Labels
    value: float | HistogramSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """
    All series of one name.

    Attributes:
        name: Without the ``_total`` of counters; ends with the unit, if there is one.
        kind: What its values are.
        help: What it means, in a sentence.
        unit: ``seconds``, ``bytes`` or another base unit; empty for none.
        series: No two with the same labels.
    """

    name: str
    kind: Kind
    help: str = ""
    unit: str = ""
    series: tuple[Series, ...] = ()


def sample_names(name: str, kind: Kind) -> frozenset[str]:
    """Return the names that the lines of a family begin with, its own included."""
    return frozenset({name, *(name + suffix for suffix in _SUFFIXES[kind])})


def check_name(name: str, kind: Kind) -> str:
    """
    Return *name* as it is.

    Raises:
        ConfigError: If Prometheus would not take it, or a suffix of ours is there already.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"metric name {name!r}; want letters, digits, '_' and ':', no digit first"
        )
    if kind != "gauge" and name.endswith(("_total", "_bucket", "_sum", "_count", "_created")):
        raise ConfigError(f"{kind} name {name!r}; leave the suffix away, it is added when read out")
    return name


def check_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """
    Return *labels* as a tuple.

    Raises:
        ConfigError: If one cannot be a label, is one of Prometheus' own, or comes twice.
    """
    names = tuple(labels)
    for name in names:
        if not _LABEL.fullmatch(name) or name in _RESERVED_LABELS or names.count(name) > 1:
            raise ConfigError(
                f"labels={names}: {name!r}; want letters, digits and '_', once each, none of "
                f"{sorted(_RESERVED_LABELS)}, and no '__' first"
            )
    return names


def label_text(value: object) -> str:
    """Return *value*, or that of an Enum, as a label's; what UTF-8 cannot say becomes ``?``."""
    plain = value.value if isinstance(value, enum.Enum) else value
    return str(plain).encode("utf-8", "replace").decode()
