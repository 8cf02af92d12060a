from __future__ import annotations

import math
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from agent_perf.components.metrics import (
    Histogram,
    Metrics,
    openmetrics_text,
    prometheus_text,
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

hostile = st.text(
    st.one_of(st.characters(), st.sampled_from('\\"\n\r{},= #\t\x00\u2028\ud800')), max_size=12
)
names = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True).map(lambda name: f"x{name}x")
label_names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name not in {"le", "quantile"}
)
numbers = st.floats(0, 1e18, allow_nan=False) | st.integers(0, 10**15)


@st.composite
def filled(draw: st.DrawFn) -> tuple[Metrics, Samples]:
    """Metrics with hostile texts everywhere, and what a reader should find."""
    metrics, expected = Metrics(namespace=""), Samples()
    for name in draw(st.lists(names, max_size=4, unique_by=str.lower)):
        kind = draw(st.sampled_from(["counter", "gauge", "histogram"]))
        labels = tuple(draw(st.lists(label_names, max_size=3, unique=True)))
        about, count = draw(hostile), draw(st.integers(1, 3))
        for _ in range(count):
            texts = [draw(hostile) for _ in labels]
            key = frozenset(
                (label, text.encode("utf-8", "replace").decode())
                for label, text in zip(labels, texts, strict=True)
            )
            if kind == "histogram":
                bounds = (0.1, 1.0, 1e6)
                all_of = (
                    metrics.histogram(name, about, labels=labels, unit="", bounds=bounds)
                    if labels
                    else metrics.histogram(name, about, unit="", bounds=bounds)
                )
                histogram = all_of if isinstance(all_of, Histogram) else all_of.of(*texts)
                value = draw(st.floats(0, 1e9))
                histogram.observe(value)
                for bound in (*bounds, math.inf):
                    le = "+Inf" if bound == math.inf else repr(bound)
                    place = (f"{name}_bucket", key | {("le", le)})
                    expected[place] = expected.get(place, 0) + (value <= bound)
                for suffix, amount in (("_sum", value), ("_count", 1)):
                    expected[name + suffix, key] = expected.get((name + suffix, key), 0) + amount
            else:
                declare = metrics.counter if kind == "counter" else metrics.gauge
                number = draw(numbers)
                family = declare(name, about, labels=labels) if labels else declare(name, about)
                one = family.of(*texts) if labels else family
                if kind == "counter":
                    one.inc(number)
                    place = (f"{name}_total", key)
                    expected[place] = expected.get(place, 0) + number
                else:
                    one.set(-number)
                    expected[name, key] = -number
    return metrics, expected


def read(parse: object, text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)  # type: ignore[operator]
        for sample in family.samples
    }


def close(expected: Samples, found: Samples) -> bool:
    # A histogram adds its values in another order.
    return expected.keys() == found.keys() and all(
        value == pytest.approx(found[key], rel=1e-12) for key, value in expected.items()
    )


@given(filled())
def test_openmetrics_is_read_back_by_others(case: tuple[Metrics, Samples]) -> None:
    """
    Whatever names, labels and texts, prometheus_client's strict OpenMetrics parser finds
    every value, and nothing else.
    """
    metrics, expected = case

    assert close(expected, read(parse_openmetrics, openmetrics_text(metrics.collect())))


@given(filled())
def test_prometheus_text_is_read_back_by_others(case: tuple[Metrics, Samples]) -> None:
    """
    Likewise by its parser of Prometheus' own format.
    """
    metrics, expected = case

    assert close(expected, read(parse_prometheus, prometheus_text(metrics.collect())))


def shop() -> Metrics:
    metrics = Metrics(namespace="shop")
    metrics.counter("requests", "Requests \\ that\nended.", labels=("agent",)).of('"a"\n\\').inc(2)
    metrics.gauge("queue_size", "Waiting.").set(1.5)
    wait = metrics.histogram("wait", "Waits.", bounds=(0.1, 1.0))
    for value in (0.1, 0.5, 3.0):
        wait.observe(value)
    return metrics


def test_prometheus_text_as_written_by_hand() -> None:
    """
    The format 0.0.4: _total in HELP and TYPE, cumulative buckets to +Inf, escapes.
    """
    text = prometheus_text(shop().collect()[:3])

    assert text == (
        "# HELP shop_requests_total Requests \\\\ that\\nended.\n"
        "# TYPE shop_requests_total counter\n"
        'shop_requests_total{agent="\\"a\\"\\n\\\\"} 2\n'
        "# HELP shop_queue_size Waiting.\n"
        "# TYPE shop_queue_size gauge\n"
        "shop_queue_size 1.5\n"
        "# HELP shop_wait_seconds Waits.\n"
        "# TYPE shop_wait_seconds histogram\n"
        'shop_wait_seconds_bucket{le="0.1"} 1\n'
        'shop_wait_seconds_bucket{le="1.0"} 2\n'
        'shop_wait_seconds_bucket{le="+Inf"} 3\n'
        "shop_wait_seconds_sum 3.6\n"
        "shop_wait_seconds_count 3\n"
    )


def test_openmetrics_as_written_by_hand() -> None:
    """
    OpenMetrics: the family without _total, its unit, and EOF at the end.
    """
    text = openmetrics_text(shop().collect()[2:3])

    assert text == (
        "# TYPE shop_wait_seconds histogram\n"
        "# UNIT shop_wait_seconds seconds\n"
        "# HELP shop_wait_seconds Waits.\n"
        'shop_wait_seconds_bucket{le="0.1"} 1\n'
        'shop_wait_seconds_bucket{le="1.0"} 2\n'
        'shop_wait_seconds_bucket{le="+Inf"} 3\n'
        "shop_wait_seconds_sum 3.6\n"
        "shop_wait_seconds_count 3\n"
        "# EOF\n"
    )


def test_types_are_what_they_say() -> None:
    """
    A histogram is declared and read as a histogram, not as gauges.
    """
    kinds = {
        family.name: family.type for family in parse_openmetrics(openmetrics_text(shop().collect()))
    }

    assert ("counter", "gauge", "histogram") == tuple(
        kinds[name] for name in ("shop_requests", "shop_queue_size", "shop_wait_seconds")
    )


@pytest.mark.parametrize(
    ("value", "text"), [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (True, "1")]
)
def test_odd_gauges_are_written_as_prometheus_reads_them(value: float, text: str) -> None:
    """
    Infinities, NaN and booleans have a spelling.
    """
    metrics = Metrics(namespace="")
    metrics.gauge("x", "X.").set(value)

    assert f"\nx {text}\n" in prometheus_text(metrics.collect())


@pytest.mark.parametrize(
    ("value", "text"),
    [(10**400, "+Inf"), (-(10**400), "-Inf"), (2**70, "1.1805916207174113e+21"), (None, "NaN")],
)
def test_what_is_no_float_does_not_spoil_the_page(value: Any, text: str) -> None:
    """
    Integers that no float holds are infinite, and what is no number is none.
    """
    metrics = Metrics(namespace="")
    metrics.gauge("x", "X.").set(value)

    for page in (prometheus_text(metrics.collect()), openmetrics_text(metrics.collect())):
        assert f"\nx {text}\n" in page


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on PATH")
def test_promtool_has_nothing_to_say() -> None:
    """
    Prometheus' own linter takes the page.
    """
    page = prometheus_text(shop().collect())

    subprocess.run(["promtool", "check", "metrics"], input=page, text=True, check=True)
