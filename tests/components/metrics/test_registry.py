from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import ClassVar

import pytest

from agent_perf.components import MemoryCache
from agent_perf.components.metrics import Histogram, HistogramSnapshot, Metrics
from agent_perf.errors import ConfigError

Told = dict[tuple[str, str], dict[tuple[tuple[str, str], ...], object]]


def told(metrics: Metrics) -> Told:
    """Name and kind to labels to value, without the registry's own families."""
    return {
        (family.name, family.kind): {series.labels: series.value for series in family.series}
        for family in metrics.collect()
        if not family.name.endswith(("scrape_errors", "series_overflows"))
    }


def errors(metrics: Metrics) -> dict[str, object]:
    return {
        series.labels[0][1]: series.value
        for family in metrics.collect()
        if family.name.endswith("scrape_errors")
        for series in family.series
    }


class Word(Enum):
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    LEVELS: ClassVar[frozenset[str]] = frozenset({"wait_s_max"})

    tokens_in: int = 0
    wait_s_max: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    LEVELS: ClassVar[frozenset[str]] = frozenset({"in_use", "sizes"})

    calls: int = 0
    busy_s: float = 0.0
    in_use: int = 0
    is_up: bool = True
    note: str = "text"
    nothing: float | None = None
    cost_usd: Decimal = Decimal("1.5")
    errors: Mapping[object, int] = field(default_factory=dict)
    sizes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    inner: Inner = Inner()
    latency_s: Histogram | HistogramSnapshot | None = None


def test_the_rule_for_stats() -> None:
    """
    Fields are counters, LEVELS and booleans gauges; nested objects add their name and
    mappings a label; seconds are spelt out; texts and None are left out.
    """
    stats = Outer(
        calls=3,
        busy_s=0.5,
        in_use=2,
        errors={Word.LATE: 1, "other-one": 2},
        sizes={"a": {"b": 5}},
        inner=Inner(tokens_in=7, wait_s_max=0.25),
    )
    metrics = Metrics(namespace="")
    metrics.watch("pool", lambda: stats, labels={"pool": "main"}, keys={"errors": "category"})

    one = (("pool", "main"),)
    assert {
        ("pool_calls", "counter"): {one: 3},
        ("pool_busy_seconds", "counter"): {one: 0.5},
        ("pool_in_use", "gauge"): {one: 2},
        ("pool_is_up", "gauge"): {one: True},
        ("pool_cost_usd", "counter"): {one: 1.5},
        ("pool_errors", "counter"): {
            (*one, ("category", "late")): 1,
            (*one, ("category", "other-one")): 2,
        },
        ("pool_sizes", "gauge"): {(*one, ("key", "a"), ("key_2", "b")): 5},
        ("pool_inner_tokens_in", "counter"): {one: 7},
        ("pool_inner_wait_seconds_max", "gauge"): {one: 0.25},
    } == told(metrics)
    assert {} == errors(metrics)


def test_a_histogram_among_the_fields_stays_one() -> None:
    """
    A live histogram and its snapshot are told alike.
    """
    histogram = Histogram(bounds=(1.0,))
    histogram.observe(0.5)
    metrics = Metrics(namespace="")
    metrics.watch("live", lambda: Outer(latency_s=histogram))
    metrics.watch("still", lambda: Outer(latency_s=histogram.snapshot()))

    found = told(metrics)
    assert found["live_latency_seconds", "histogram"] == found["still_latency_seconds", "histogram"]


def test_two_of_a_kind_share_their_families() -> None:
    """
    Two caches told apart by a label are one family each, and unwatch forgets both.
    """
    metrics = Metrics(namespace="shop")
    for name in ("answers", "users"):
        cache: MemoryCache[int] = MemoryCache()
        cache.set("a", 1)
        cache.get("a")
        metrics.watch("cache", cache.stats, labels={"cache": name})

    assert {(("cache", "answers"),): 1, (("cache", "users"),): 1} == told(metrics)[
        "shop_cache_hits", "counter"
    ]
    with pytest.raises(ConfigError, match="labels"):
        metrics.watch("cache", cache.stats, labels={"cache": "users"})
    metrics.unwatch("cache")
    assert {} == told(metrics)


@dataclass(frozen=True)
class Falling:
    calls: float = -1


@dataclass(frozen=True)
class Clashing:
    LEVELS: ClassVar[frozenset[str]] = frozenset({"a_total"})
    a: int = 1
    a_total: int = 1


class Unprintable:
    def __str__(self) -> str:
        raise ZeroDivisionError


def raises() -> object:
    raise OSError("gone")


@pytest.mark.parametrize(
    "stats",
    [
        raises,
        Falling,
        lambda: Falling(calls=math.nan),
        Clashing,
        lambda: {1: 1, "1": 1},
        lambda: {Unprintable(): 1},
    ],
)
def test_a_part_that_cannot_tell_hides_no_other(stats: Callable[[], object]) -> None:
    """
    A part that raises, or tells what would make the page invalid, is counted as a scrape
    error; of it nothing is told, and of all others everything.
    """
    metrics = Metrics(namespace="")
    metrics.counter("requests", "Requests.").inc()
    metrics.watch("bad", stats)
    metrics.watch(
        "good",
        lambda: Inner(tokens_in=1),
    )

    found = told(metrics)
    assert {(): 1} == found["good_tokens_in", "counter"] == found["requests", "counter"]
    assert [] == [name for name, _ in found if name.startswith("bad")]
    assert {"bad": 2} == errors(metrics)


def test_a_part_cannot_take_the_names_of_another() -> None:
    """
    A watched field under a declared name is a scrape error, not a second family.
    """
    metrics = Metrics(namespace="")
    metrics.gauge("part_calls", "Mine.").set(5)
    metrics.watch("part", lambda: Outer(calls=3))

    assert {("part_calls", "gauge"): {(): 5}} == told(metrics)
    assert {"part": 2} == errors(metrics)


def test_many_keys_become_few_series() -> None:
    """
    Of a mapping with thousands of keys the rest is told as other: counters as a sum,
    gauges as the largest, histograms merged.
    """

    def histogram() -> HistogramSnapshot:
        one = Histogram(bounds=(1.0,))
        one.observe(0.5)
        return one.snapshot()

    metrics = Metrics(namespace="", series_max=3)
    metrics.watch(
        "queries",
        lambda: {f"q{n}": Outer(calls=1, in_use=n, latency_s=histogram()) for n in range(100)},
    )

    found = told(metrics)
    assert {"q0": 1, "q1": 1, "other": 98} == {
        labels[0][1]: value for labels, value in found["queries_calls", "counter"].items()
    }
    assert 99 == found["queries_in_use", "gauge"][("key", "other"),]
    merged = found["queries_latency_seconds", "histogram"][("key", "other"),]
    assert isinstance(merged, HistogramSnapshot)
    assert ((1.0, 98), (math.inf, 98)) == merged.cumulative()


def test_a_name_gives_the_same_instrument_again() -> None:
    """
    Two libraries that declare the same counter share it; another kind is refused.
    """
    metrics = Metrics()
    first = metrics.counter("requests", "Requests.")

    assert first is metrics.counter("requests", "Requests.")
    for declare in (
        lambda: metrics.gauge("requests", "x"),
        lambda: metrics.counter("requests", "x", labels=("a",)),
        lambda: metrics.gauge("requests_total", "x"),
        lambda: metrics.gauge("scrape_errors", "x"),
    ):
        with pytest.raises(ConfigError, match="requests|scrape"):
            declare()


def test_the_unit_is_in_the_name_once() -> None:
    """
    A unit is appended unless it is there already.
    """
    metrics = Metrics(namespace="a")
    metrics.histogram("wait", "Waits.")
    metrics.gauge("size_bytes", "Size.", unit="bytes")

    assert {("a_wait_seconds", "histogram"), ("a_size_bytes", "gauge")} == told(metrics).keys()


@pytest.mark.parametrize(
    "declare",
    [
        lambda metrics: metrics.counter("1st", ""),
        lambda metrics: metrics.counter("requests_total", ""),
        lambda metrics: metrics.histogram("x", "", unit="", labels=("le",)),
        lambda metrics: metrics.counter("x", "", labels=("a-b",)),
        lambda metrics: metrics.counter("x", "", labels=("__a",)),
        lambda metrics: metrics.counter("x", "", labels=("a", "a")),
        lambda metrics: metrics.watch("a-b", dict),
        lambda metrics: metrics.watch("a", dict, labels={"le": "1"}),
        lambda metrics: metrics.watch("a", dict, keys={"errors": "quantile"}),
        lambda metrics: Metrics(namespace="a b"),
        lambda metrics: Metrics(namespace="", series_max=0),
    ],
)
def test_names_that_cannot_be_are_refused(declare: Callable[[Metrics], object]) -> None:
    """
    What Prometheus would not take is refused where it is declared.
    """
    with pytest.raises(ConfigError):
        declare(Metrics(namespace=""))
