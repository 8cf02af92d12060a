"""
Metrics for OpenTelemetry: observable instruments that read a registry when they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from agent_perf.components.metrics.app import Collects
from agent_perf.components.metrics.families import Family
from agent_perf.components.metrics.histogram import HistogramSnapshot

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation


class MeterExport:
    """
    Tells *metrics* to OpenTelemetry through *meter*.

    OpenTelemetry cannot ask for a histogram, so one becomes three counters: ``.count``,
    ``.sum`` and ``.bucket`` with the label ``le``, cumulative as in Prometheus.

    Args:
        metrics: What there is to tell.
        meter: Where; instruments are made for the families that there are now.

    Example::

        export = MeterExport(metrics, opentelemetry.metrics.get_meter("shop"))
        export.refresh()  # after more was declared or is watched
    """

    def __init__(self, metrics: Collects, meter: Meter) -> None:
        self._metrics = metrics
        self._meter = meter
        self._made: set[str] = set()
        self._families: dict[str, Family] = {}
        # Instruments that were told the families that we hold: one that comes again wants newer.
        self._told: set[str] = set()
        self.refresh()

    def refresh(self) -> None:
        """Make instruments for families that have none yet."""
        for family in self._metrics.collect():
            if family.kind == "histogram":
                for suffix in ("count", "sum", "bucket"):
                    self._make(family, f"{family.name}.{suffix}")
            else:
                self._make(family, family.name)

    def _make(self, family: Family, name: str) -> None:
        if name in self._made:
            return
        self._made.add(name)
        make = (
            self._meter.create_observable_gauge
            if family.kind == "gauge"
            else self._meter.create_observable_counter
        )
        make(name, callbacks=[self._reader(family.name, name)], unit="", description=family.help)

    def _reader(self, family: str, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Sequence[Observation]:
            if name in self._told or not self._families:
                # One reading of the registry for all instruments of a round.
                self._families = {one.name: one for one in self._metrics.collect()}
                self._told.clear()
            self._told.add(name)
            found = self._families.get(family)
            return _observations(found, name) if found else ()

        return read


def _observations(family: Family, name: str) -> list[Observation]:
    from opentelemetry.metrics import Observation

    told = []
    for series in family.series:
        labels, value = dict(series.labels), series.value
        if not isinstance(value, HistogramSnapshot):
            told.append(Observation(value, labels))
        elif name.endswith(".count"):
            told.append(Observation(value.count, labels))
        elif name.endswith(".sum"):
            told.append(Observation(value.sum, labels))
        else:
            told.extend(
                Observation(count, {**labels, "le": f"{bound:g}"})
                for bound, count in value.cumulative()
            )
    return told
