"""
The numbers of any component's ``stats()`` object, as metrics.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Final, SupportsFloat

from agent_perf.components.metrics.families import OTHER, Family, Kind, Labels, Series, label_text
from agent_perf.components.metrics.histogram import Histogram, HistogramSnapshot
from agent_perf.errors import ConfigError

_SECONDS: Final = re.compile(r"_s(?=_|$)")
_UNITS: Final = ("seconds", "bytes", "ratio", "usd")
# A field's name may have letters that a metric's may not.
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """
    A component whose numbers are told.

    Attributes:
        name: Whose they are, for people.
        prefix: What the names of its metrics begin with.
        stats: Gives them.
        labels: Of all its series.
        keys: Field to the label for the keys of its mapping.
    """

    name: str
    prefix: str
    stats: Callable[[], object]
    labels: Labels
    keys: Mapping[str, str]


def families_of(part: Watched, series_max: int) -> list[Family]:
    """
    Return what *part* tells now.

    Of more than *series_max* series of one name the rest is one, with ``other`` for a label:
    the sum of counters, the largest of gauges, the merged histogram.

    Raises:
        Exception: What its ``stats`` raises.
        ConfigError: If a counter is negative or NaN.
    """
    found: dict[tuple[str, Kind], dict[Labels, float | HistogramSnapshot]] = {}
    for sample in _walk(part.prefix, "", part.stats(), part.labels, level=False, keys=part.keys):
        series = found.setdefault((sample.name, sample.kind), {})
        labels = sample.labels
        if labels in series:
            raise ConfigError(f"{sample.name} is told twice with the labels {labels}")
        if len(series) >= series_max - 1 and len(labels) > len(part.labels):
            own = labels[len(part.labels) :]
            labels = (*part.labels, *((name, OTHER) for name, _ in own))
        series[labels] = _together(sample.kind, series.get(labels), sample.value)
    return [
        Family(
            name=name,
            kind=kind,
            help=f"{name.removeprefix(part.prefix)} of {part.name}".replace("_", " ").strip(),
            unit=next((unit for unit in _UNITS if name.endswith(f"_{unit}")), ""),
            series=tuple(Series(labels, value) for labels, value in series.items()),
        )
        for (name, kind), series in found.items()
    ]


@dataclass(frozen=True, slots=True)
class _Sample:
    name: str
    kind: Kind
    labels: Labels
    value: float | HistogramSnapshot


def _walk(
    name: str,
    field: str,
    value: object,
    labels: Labels,
    *,
    level: bool,
    keys: Mapping[str, str],
) -> Iterator[_Sample]:
    if isinstance(value, (Histogram, HistogramSnapshot)):
        snapshot = value.snapshot() if isinstance(value, Histogram) else value
        yield _Sample(_metric(name), "histogram", labels, snapshot)
    elif is_dataclass(value) and not isinstance(value, type):
        levels: frozenset[str] = getattr(value, "LEVELS", frozenset())
        keys = {**getattr(value, "KEYS", {}), **keys}
        for one in fields(value):
            yield from _walk(
                f"{name}_{one.name}",
                one.name,
                getattr(value, one.name),
                labels,
                level=level or one.name in levels,
                keys=keys,
            )
    elif isinstance(value, Mapping):
        label = _label(keys.get(field, "key"), labels)
        for key, content in value.items():
            pair = (label, label_text(key))
            yield from _walk(name, field, content, (*labels, pair), level=level, keys=keys)
    elif isinstance(value, (int, float)):
        yield _number(name, value, labels, level=level)
    elif isinstance(value, SupportsFloat) and not isinstance(value, str):
        # Decimals, fractions and the scalars of numpy.
        yield _number(name, float(value), labels, level=level)


def _number(name: str, value: float, labels: Labels, *, level: bool) -> _Sample:
    if level or isinstance(value, bool):
        # Prometheus takes what ends so for a part of a histogram.
        return _Sample(_metric(name).removesuffix("_count"), "gauge", labels, value)
    if not 0 <= value < math.inf:
        raise ConfigError(f"{name} is {value}; name it in LEVELS, for a counter is finite, >= 0")
    metric = _metric(name).removesuffix("_total").removesuffix("_count")
    return _Sample(metric, "counter", labels, value)


def _together(
    kind: Kind, old: float | HistogramSnapshot | None, new: float | HistogramSnapshot
) -> float | HistogramSnapshot:
    if old is None:
        return new
    if isinstance(old, HistogramSnapshot) or isinstance(new, HistogramSnapshot):
        assert isinstance(old, HistogramSnapshot)
        assert isinstance(new, HistogramSnapshot)
        both = Histogram(bounds=old.bounds)
        both.merge(old)
        both.merge(new)
        return both.snapshot()
    return old + new if kind == "counter" else max(old, new)


def _metric(name: str) -> str:
    return _FOREIGN.sub("_", _SECONDS.sub("_seconds", name))


def _label(name: str, labels: Labels) -> str:
    taken = {label for label, _ in labels}
    return next(
        free
        for number in range(1, 99)
        if (free := f"{name}_{number}" if number > 1 else name) not in taken
    )
