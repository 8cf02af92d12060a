from __future__ import annotations

import enum
import logging
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components.metrics import Counter, Gauge, Labelled, Metrics
from agent_perf.errors import ConfigError


@contextmanager
def hasty_threads() -> Iterator[None]:
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def test_threads_lose_no_count() -> None:
    """
    Four threads that count at the same time count every one, in a counter, in a gauge and
    behind a label.
    """
    counter, gauge, each = Counter(), Gauge(), 20_000
    family = Labelled("x", ("a",), Counter, series_max=10)

    def work(number: int) -> None:
        for index in range(each):
            counter.inc()
            gauge.add(2.0)
            family.of(str((number + index) % 5)).inc()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    with hasty_threads():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (4 * each, 8.0 * each) == (counter.value, gauge.value)
    assert [4 * each / 5] * 5 == [child.value for _, child in family.series()]


@pytest.mark.parametrize("amount", [-1, -1e-9, math.nan])
def test_a_counter_only_grows(amount: float) -> None:
    """
    A negative amount is refused, and changes nothing.
    """
    counter = Counter()

    with pytest.raises(ConfigError, match="gauge"):
        counter.inc(amount)
    assert 0 == counter.value


def test_a_gauge_goes_both_ways() -> None:
    """
    It is what it was set to, plus what was added since.
    """
    gauge = Gauge()
    gauge.set(5)
    gauge.add(-7.5)

    assert -2.5 == gauge.value


def test_the_same_values_give_the_same_instrument() -> None:
    """
    Values are told apart by their text, so 1 and "1" are one series, as Prometheus sees it.
    """
    family = Labelled("x", ("a", "b"), Counter, series_max=10)

    assert family.of("1", None) is family.of(1, "None")
    assert [((("a", "1"), ("b", "None")), 0)] == [(k, c.value) for k, c in family.series()]
    with pytest.raises(ConfigError, match="1 values"):
        family.of("1")


@given(st.lists(st.text(max_size=2), max_size=50), st.integers(1, 6))
def test_series_are_bounded_and_counts_are_not_lost(values: list[str], series_max: int) -> None:
    """
    Whatever the labels, there are never more series than the bound, their counts add up to
    all, and what had a series keeps it.
    """
    family = Labelled("x", ("a",), Counter, series_max=series_max)
    for value in values:
        family.of(value).inc()

    series = {labels[0][1]: child.value for labels, child in family.series()}
    assert len(series) <= series_max
    assert len(values) == sum(series.values())
    assert all(values.count(value) == count for value, count in series.items() if value != "other")
    lost = [value for value in values if value not in series]
    assert len(lost) == family.overflows


def test_overflow_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """
    A label with a user's id in it fills the family, is said once, and is counted in the
    metrics themselves.
    """
    metrics = Metrics(namespace="shop", series_max=3)
    family = metrics.counter("requests", "Requests.", labels=("user",))
    with caplog.at_level(logging.WARNING):
        for user in range(100):
            family.of(user).inc()

    assert 1 == len(caplog.messages)
    assert "shop_requests" in caplog.messages[0]
    found = {family.name: family for family in metrics.collect()}
    assert {"0": 1, "1": 1, "other": 98} == {
        one.labels[0][1]: one.value for one in found["shop_requests"].series
    }
    assert [((("metric", "shop_requests"),), 98)] == [
        (one.labels, one.value) for one in found["shop_series_overflows"].series
    ]


class Fault(enum.Enum):
    TIMEOUT = "timeout"


class Region(str, enum.Enum):  # noqa: UP042 (not every str says its value, as StrEnum does)
    EUROPE = "europe"


@pytest.mark.parametrize(("value", "text"), [(Fault.TIMEOUT, "timeout"), (Region.EUROPE, "europe")])
@pytest.mark.parametrize("text_first", [True, False])
def test_an_enum_is_its_value(value: object, text: str, text_first: bool) -> None:
    """
    A member of an Enum and its value are one label, whichever comes first.
    """
    family = Labelled("x", ("a",), Counter, series_max=10)
    for label in (text, value) if text_first else (value, text):
        family.of(label).inc()

    assert [((("a", text),), 2)] == [(labels, child.value) for labels, child in family.series()]
