"""Reading pages of metrics, as Prometheus does."""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from agent_perf.components.metrics import (
    OPENMETRICS_TYPE,
    PROMETHEUS_TYPE,
    Metrics,
    openmetrics_text,
    prometheus_text,
)
from agent_perf.errors import BrokenError
from agent_perf.live.smoke import Exposition, exposition, read_exposition

_texts = st.text(max_size=8)


def read(text: str, kind: str = PROMETHEUS_TYPE) -> Exposition:
    """Return the page *text*."""
    return read_exposition(text.encode("utf-8", "replace"), kind)


@st.composite
def pages(draw: st.DrawFn) -> Metrics:
    """Return metrics with hostile labels."""
    metrics = Metrics(namespace="shop")
    counts = metrics.counter("requests", draw(_texts), labels=("agent", "path"))
    for agent, path in draw(st.lists(st.tuples(_texts, _texts), max_size=4)):
        counts.of(agent, path).inc()
    metrics.gauge("waiting", draw(_texts)).set(draw(st.floats()))
    wait = metrics.histogram("wait", draw(_texts), bounds=(0.1, 1.0))
    for value in draw(st.lists(st.floats(0, 100), max_size=4)):
        wait.observe(value)
    return metrics


@given(pages())
@settings(max_examples=15)
def test_it_reads_what_other_readers_read(metrics: Metrics) -> None:
    """
    Of either format, whatever stands in labels and texts: prometheus_client's readers agree.
    """
    for text, kind, parse in (
        (prometheus_text(metrics.collect()), PROMETHEUS_TYPE, parse_prometheus),
        (openmetrics_text(metrics.collect()), OPENMETRICS_TYPE, parse_openmetrics),
    ):
        theirs = [
            (sample.name, tuple(sorted(sample.labels.items())), repr(float(sample.value)))
            for family in parse(text.encode("utf-8", "replace").decode())
            for sample in family.samples
        ]
        ours = [(one.name, one.labels, repr(one.value)) for one in read(text, kind).readings]

        assert sorted(theirs) == sorted(ours)


def test_a_page_as_written_by_hand() -> None:
    """
    Names, labels with escapes, numbers, times and exemplars.
    """
    page = read(
        '# TYPE a_total counter\n# HELP a_total x\n\n# a remark\na_total{b="\\"\\\\\\n}",} 1e3 17\n'
        '{"a.b",c="d"} +Inf\nc NaN # {trace="1"} 2.0 3\n'
    )

    assert {"a_total": "counter"} == page.kinds
    assert [("a_total", (("b", '"\\\n}'),), 1000.0), ("a.b", (("c", "d"),), math.inf)] == [
        (one.name, one.labels, one.value) for one in page.readings[:2]
    ]
    assert "c" == page.readings[2].name


BAD = [
    ("a", "line 1 is no sample: 'a'"),
    ("a 1\n\nb x\n", "line 3 is no sample: 'b x'"),
    ("a 1_0\n", "line 1 is no sample"),
    ('a{b="c} 1\n', "line 1 is no sample"),
    ("a{b=c} 1\n", "line 1: no label at 'b=c'"),
    ('a{b="1",b="2"} 1\n', "label 'b' has no value, or has two"),
    ('{b="1"} 1\n', "line 1 has no name"),
    ("a 1 soon\n", "'soon' is no time"),
    ("# TYPE a number\n", "'number' is no type of a metric"),
    ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second TYPE line for a"),
    ("<html>", "line 1 is no sample"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_prometheus_refuses_is_refused(text: str, message: str) -> None:
    """
    Each with the line and what is wrong there.
    """
    with pytest.raises(BrokenError) as error:
        read(text)

    assert message in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on PATH")
@pytest.mark.parametrize("text", [text for text, _ in BAD if "TYPE a gauge" not in text])
def test_prometheus_itself_refuses_it(text: str) -> None:
    """
    What we refuse, promtool does; a second TYPE line it takes, and other readers do not.
    """
    found = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False)

    assert 0 != found.returncode


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"a 1\n", "text/html; charset=utf-8", "sent as 'text/html', which Prometheus refuses"),
        (b"a 1\n", "", "sent as 'nothing'"),
        (b"a 1\n", OPENMETRICS_TYPE, "does not end with # EOF"),
        (b"# EOF\na 1\n", OPENMETRICS_TYPE, "line 2 comes after # EOF"),
        (b"a\xff 1\n", PROMETHEUS_TYPE, "byte 1 is no UTF-8"),
        (b"a" * 70_000, PROMETHEUS_TYPE, "line 1 has more than 65,536 characters"),
    ],
)
def test_a_page_that_is_none(content: bytes, kind: str, message: str) -> None:
    """
    The kind it is sent as, its end, its encoding and its lines are held to the format.
    """
    with pytest.raises(BrokenError) as error:
        read_exposition(content, kind)

    assert message in str(error.value)


def test_a_page_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Samples are bounded.
    """
    monkeypatch.setattr(exposition, "SAMPLES_MAX", 3)

    with pytest.raises(BrokenError, match="more than 3 samples"):
        read("a 1\n" * 4)


@given(st.binary(max_size=200))
def test_noise_is_read_or_refused(content: bytes) -> None:
    """
    Whatever comes, there is a page or our error.
    """
    for kind in (PROMETHEUS_TYPE, OPENMETRICS_TYPE):
        with contextlib.suppress(BrokenError):
            assert isinstance(read_exposition(content, kind), Exposition)


@pytest.mark.parametrize("filling", ['{"', "{a=", "{" * 9, '{a="b",', "\\", '"\\"', " \t"])
def test_no_line_takes_long(filling: str) -> None:
    """
    A line of the longest allowed length is refused at once, without backtracking.
    """
    with pytest.raises(BrokenError):
        read(("a" + filling * 65_000)[:65_000] + "!")
