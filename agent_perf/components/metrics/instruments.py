"""
What a program counts with: counters, gauges, and families of them told apart by labels.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from agent_perf.components.metrics.families import OTHER, Labels, label_text
from agent_perf.errors import ConfigError

T = TypeVar("T")

_log = logging.getLogger(__name__)

SERIES_MAX: Final = 1_000
"""Series of a family, unless said otherwise: as many as a person may look at, and a mistake
such as a user's id for a label does no harm."""


class Counter:
    """
    A number that only grows; for any thread.

    No increment is lost under the GIL: nothing in ``inc`` lets another thread run.

    Example::

        requests = metrics.counter("requests", "Requests that ended.")
        requests.inc()
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: float = 0

    def inc(self, amount: float = 1) -> None:
        """
        Add *amount*, >= 0.

        Raises:
            ConfigError: If it is below 0, or NaN.
        """
        if not amount >= 0:
            raise ConfigError(f"amount={amount}; a counter only grows: use a gauge")
        self._value += amount

    @property
    def value(self) -> float:
        """What it has come to."""
        return self._value


class Gauge:
    """
    A number that goes up and down; for any thread, as Counter.

    Example::

        waiting = metrics.gauge("waiting", "Requests that wait for a slot.")
        waiting.add(1); waiting.add(-1); waiting.set(17)
    """

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: float = 0

    def set(self, value: float) -> None:
        """Make it *value*."""
        self._value = value

    def add(self, amount: float) -> None:
        """Change it by *amount*, which may be negative."""
        self._value += amount

    @property
    def value(self) -> float:
        """What it is now."""
        return self._value


class Labelled(Generic[T]):
    """
    Instruments of one name, told apart by the values of their labels.

    Beyond *series_max* of them, further values share one whose labels all are ``other``; how
    often that happened is counted, and logged the first time.

    Args:
        name: For the log.
        labels: Their names, one or more.
        make: Makes an instrument.
        series_max: Series at most, that for others included; >= 1.

    Example::

        requests = metrics.counter("requests", "Requests that ended.", labels=("agent",))
        requests.of("support").inc()
    """

    __slots__ = (
        "_children",
        "_lock",
        "_make",
        "_other",
        "_overflows",
        "_series_max",
        "labels",
        "name",
    )

    def __init__(
        self, name: str, labels: tuple[str, ...], make: Callable[[], T], *, series_max: int
    ) -> None:
        if series_max < 1:
            raise ConfigError(f"series_max={series_max}; want >= 1")
        self.name = name
        self.labels = labels
        self._make = make
        self._series_max = series_max
        self._children: dict[tuple[object, ...], T] = {}
        self._other: T | None = None
        self._overflows = 0
        self._lock = threading.Lock()

    @property
    def overflows(self) -> int:
        """How often there was no room, and ``other`` was given instead."""
        return self._overflows

    def of(self, *values: object) -> T:
        """
        Return the instrument for *values*, one for each label in their order.

        Who needs the same one again and again keeps it.

        Raises:
            ConfigError: If there are more or fewer values than labels.
        """
        # Values that are no texts are never found here, but by their text below.
        child = self._children.get(values)
        return child if child is not None else self._find(values)

    def series(self) -> list[tuple[Labels, T]]:
        """Return the labels and instruments of all."""
        names = self.labels
        with self._lock:
            found = [
                (tuple(zip(names, map(str, values), strict=True)), child)
                for values, child in self._children.items()
            ]
            if self._other is not None:
                found.append((tuple((name, OTHER) for name in names), self._other))
        return found

    def _find(self, values: tuple[object, ...]) -> T:
        if len(values) != len(self.labels):
            raise ConfigError(f"{self.name}: {len(values)} values for the labels {self.labels}")
        texts: tuple[object, ...] = tuple(map(label_text, values))
        with self._lock:
            child = self._children.get(texts)
            if child is not None:
                return child
            others = all(text == OTHER for text in texts)
            if not others and len(self._children) < self._series_max - 1:
                child = self._children[texts] = self._make()
                return child
            if self._other is None:
                self._other = self._make()
            if others:
                return self._other
            self._overflows += 1
            first = self._overflows == 1
        if first:
            _log.warning(
                "metric %s has %d series: further values of %s are counted as %r",
                self.name,
                self._series_max,
                ", ".join(self.labels),
                OTHER,
            )
        return self._other
