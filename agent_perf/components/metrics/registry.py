"""
All metrics of a process: what it counts itself, and what its parts tell when they are asked.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, overload

from agent_perf.components.metrics.families import (
    Family,
    Kind,
    Labels,
    Series,
    check_labels,
    check_name,
    label_text,
    sample_names,
)
from agent_perf.components.metrics.histogram import LATENCY_BOUNDS_S, Histogram, HistogramSnapshot
from agent_perf.components.metrics.instruments import SERIES_MAX, Counter, Gauge, Labelled
from agent_perf.components.metrics.watching import Watched, families_of
from agent_perf.errors import ConfigError

_log = logging.getLogger(__name__)

_SCRAPE_ERRORS: Final = "scrape_errors"
_OVERFLOWS: Final = "series_overflows"


class Metrics:
    """
    Counters, gauges and histograms by name, and the ``stats()`` of components; for any thread.

    A name that is asked for again gives the same instrument.

    Args:
        namespace: What all names begin with; may be empty.
        series_max: Series of a family at most, >= 1; see Labelled.

    Example::

        metrics = Metrics(namespace="shop")
        latency = metrics.histogram("request_duration", "Requests.", unit="seconds")
        metrics.watch("cache", cache.stats)
        latency.observe(0.012)
    """

    def __init__(self, *, namespace: str = "agent_perf", series_max: int = SERIES_MAX) -> None:
        if namespace:
            check_name(namespace, "gauge")
        if series_max < 1:
            raise ConfigError(f"series_max={series_max}; want >= 1")
        self._prefix = f"{namespace}_" if namespace else ""
        self._series_max = series_max
        self._declared: dict[str, _Declared] = {}
        self._taken: dict[str, str] = {}
        self._watched: dict[tuple[str, Labels], Watched] = {}
        self._errors: Tally[str] = Tally()
        self._lock = threading.RLock()
        for own in (_SCRAPE_ERRORS, _OVERFLOWS):
            self._take(self._prefix + own, "counter")

    @overload
    def counter(self, name: str, about: str, *, unit: str = "") -> Counter: ...
    @overload
    def counter(
        self, name: str, about: str, *, labels: Iterable[str], unit: str = ""
    ) -> Labelled[Counter]: ...
    def counter(
        self, name: str, about: str, *, labels: Iterable[str] = (), unit: str = ""
    ) -> Counter | Labelled[Counter]:
        """
        Return the counter *name*, or one for each value of its *labels*.

        Args:
            name: Without namespace, unit and ``_total``, which are added.
            about: What it means, in a sentence.
            labels: Names of its labels.
            unit: ``seconds``, ``bytes``, ``usd`` ...; becomes part of the name.

        Raises:
            ConfigError: If a name cannot be, or is taken by something else.
        """
        return self._declare(name, "counter", about, labels, unit, Counter)  # type: ignore[no-any-return]

    @overload
    def gauge(self, name: str, about: str, *, unit: str = "") -> Gauge: ...
    @overload
    def gauge(
        self, name: str, about: str, *, labels: Iterable[str], unit: str = ""
    ) -> Labelled[Gauge]: ...
    def gauge(
        self, name: str, about: str, *, labels: Iterable[str] = (), unit: str = ""
    ) -> Gauge | Labelled[Gauge]:
        """Return the gauge *name*, or one for each value of its *labels*; as counter."""
        return self._declare(name, "gauge", about, labels, unit, Gauge)  # type: ignore[no-any-return]

    @overload
    def histogram(
        self,
        name: str,
        about: str,
        *,
        unit: str = "seconds",
        bounds: tuple[float, ...] = LATENCY_BOUNDS_S,
    ) -> Histogram: ...
    @overload
    def histogram(
        self,
        name: str,
        about: str,
        *,
        labels: Iterable[str],
        unit: str = "seconds",
        bounds: tuple[float, ...] = LATENCY_BOUNDS_S,
    ) -> Labelled[Histogram]: ...
    def histogram(
        self,
        name: str,
        about: str,
        *,
        labels: Iterable[str] = (),
        unit: str = "seconds",
        bounds: tuple[float, ...] = LATENCY_BOUNDS_S,
    ) -> Histogram | Labelled[Histogram]:
        """Return the histogram *name*, or one for each value of its *labels*; as counter."""
        return self._declare(  # type: ignore[no-any-return]
            name, "histogram", about, labels, unit, lambda: Histogram(bounds=bounds), bounds
        )

    def watch(
        self,
        name: str,
        stats: Callable[[], object],
        *,
        labels: Mapping[str, str] | None = None,
        keys: Mapping[str, str] | None = None,
    ) -> None:
        """
        Tell what *stats* returns whenever somebody reads the metrics.

        Fields of its dataclass are counters, those named in its ``LEVELS`` gauges; nested
        dataclasses add their name, mappings a label. ``_s`` becomes ``_seconds``. Texts and
        None are left out.

        Args:
            name: What the names begin with, after the namespace: ``cache``.
            stats: Quick, for it is called at every reading; what it raises is counted.
            labels: Further labels of all its series: ``{"cache": "answers"}``.
            keys: Field with a mapping to the label for its keys, ``{"errors": "category"}``;
                else what its class says in ``KEYS``, or ``key``.

        Raises:
            ConfigError: If a name cannot be, or it is watched already.
        """
        check_name(self._prefix + name, "gauge")
        check_labels({**(labels or {}), **dict.fromkeys((keys or {}).values(), "")})
        fixed = tuple((key, label_text(value)) for key, value in (labels or {}).items())
        watched = Watched(
            name=name, prefix=self._prefix + name, stats=stats, labels=fixed, keys=dict(keys or {})
        )
        with self._lock:
            if (name, fixed) in self._watched:
                raise ConfigError(f"{name} is watched already; tell the two apart by labels")
            self._watched[name, fixed] = watched

    def unwatch(self, name: str) -> None:
        """Forget all that is watched by *name*."""
        with self._lock:
            for key in [key for key in self._watched if key[0] == name]:
                del self._watched[key]

    def collect(self) -> tuple[Family, ...]:
        """
        Return all that there is now; a part that cannot tell is counted, the others are there.
        """
        with self._lock:
            declared, watched = list(self._declared.values()), list(self._watched.values())
            taken = dict(self._taken)
        families = {one.name: one.family() for one in declared}
        for part in watched:
            self._join(families, taken, part)
        overflows = {one.name: one.overflows for one in declared if one.overflows}
        own = (
            (_SCRAPE_ERRORS, "part", self._errors, "Readings of a part that failed."),
            (_OVERFLOWS, "metric", overflows, "Values that had no room for a series of their own."),
        )
        for name, label, counts, text in own:
            families[self._prefix + name] = Family(
                name=self._prefix + name,
                kind="counter",
                help=text,
                series=tuple(Series(((label, key),), value) for key, value in counts.items()),
            )
        return tuple(families.values())

    def _join(self, families: dict[str, Family], taken: dict[str, str], part: Watched) -> None:
        """Add what *part* tells to *families*, all of it or nothing."""
        told, names = dict(families), dict(taken)
        try:
            for family in families_of(part, self._series_max):
                told[family.name] = _joined(told.get(family.name), family, names)
                names.update(dict.fromkeys(sample_names(family.name, family.kind), family.name))
        except Exception as error:  # noqa: BLE001  # One part must not hide the others.
            with self._lock:
                self._errors[part.name] += 1
                first = self._errors[part.name] == 1
            if first:
                _log.warning("metrics of %s cannot be read", part.name, exc_info=error)
            return
        families.update(told)
        taken.update(names)

    def _declare(
        self,
        name: str,
        kind: Kind,
        about: str,
        labels: Iterable[str],
        unit: str,
        make: Callable[[], Any],
        bounds: tuple[float, ...] = (),
    ) -> Any:
        full = self._prefix + name
        if unit and not full.endswith(f"_{unit}"):
            full = f"{full}_{unit}"
        check_name(full, kind)
        names = check_labels(labels)
        with self._lock:
            old = self._declared.get(full)
            if old is None:
                self._take(full, kind)
                instrument = (
                    Labelled(full, names, make, series_max=self._series_max) if names else make()
                )
                old = _Declared(full, kind, about, unit, names, bounds, instrument)
                self._declared[full] = old
            elif (old.kind, old.labels, old.bounds) != (kind, names, bounds):
                raise ConfigError(
                    f"{full} is a {old.kind} with labels {old.labels} already; want the same "
                    "kind, labels and bounds, or another name"
                )
        return old.instrument

    def _take(self, name: str, kind: Kind) -> None:
        for sample in sample_names(name, kind):
            if sample in self._taken:
                raise ConfigError(f"{sample} of {name} is taken by {self._taken[sample]}")
        self._taken.update(dict.fromkeys(sample_names(name, kind), name))


@dataclass(frozen=True, slots=True)
class _Declared:
    name: str
    kind: Kind
    about: str
    unit: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    instrument: Any

    @property
    def overflows(self) -> int:
        return self.instrument.overflows if self.labels else 0

    def family(self) -> Family:
        pairs = self.instrument.series() if self.labels else [((), self.instrument)]
        return Family(
            name=self.name,
            kind=self.kind,
            help=self.about,
            unit=self.unit,
            series=tuple(Series(labels, _value(one)) for labels, one in pairs),
        )


def _value(instrument: Counter | Gauge | Histogram) -> float | HistogramSnapshot:
    return instrument.snapshot() if isinstance(instrument, Histogram) else instrument.value


def _joined(old: Family | None, new: Family, taken: Mapping[str, str]) -> Family:
    """Return both in one; two that would contradict each other are an error."""
    for sample in sample_names(new.name, new.kind):
        if taken.get(sample, new.name) != new.name:
            raise ConfigError(f"{sample} of {new.name} is taken by {taken[sample]}")
    if old is None:
        if taken.get(new.name):
            raise ConfigError(f"{new.name} is taken")
        return new
    there = {frozenset(one.labels) for one in old.series}
    if old.kind != new.kind or any(frozenset(one.labels) in there for one in new.series):
        raise ConfigError(f"{new.name} is told twice; rename one, or tell them apart by labels")
    return Family(
        name=old.name, kind=old.kind, help=old.help, unit=old.unit, series=old.series + new.series
    )
