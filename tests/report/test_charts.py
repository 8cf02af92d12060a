"""Charts: everything inside the plot, and what they say is so."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.records import Comparison, DuetRun, Evidence, Exemplar, Run, Span, Verdict
from agent_perf.report.axis import LogScale, Scale, scale_over
from agent_perf.report.bars import draw_bars
from agent_perf.report.distribution import draw_distribution, draw_shift
from agent_perf.report.drawing import CURVE_WIDTH, Chart
from agent_perf.report.mark import Mark
from agent_perf.report.rounds import draw_rounds
from agent_perf.report.trend import Series, SeriesPoint, draw_trend
from agent_perf.report.waterfall import draw_waterfall
from tests.report import samples

_ABOVE_PX = 62
_BELOW_PX = 20
_latencies = st.lists(st.integers(0, 10**11), min_size=1, max_size=250)
_floats = st.floats(0, 1e6, allow_nan=False, allow_subnormal=False)
_spans = st.builds(
    lambda name, start, length: Span(name=name, detail="x", start_ns=start, end_ns=start + length),
    st.sampled_from(["a", "b", "c", "db.statement"]),
    st.integers(-(10**6), 10**9),
    st.integers(0, 10**9),
)


def _check(chart: Chart | None) -> None:
    """Assert that no coordinate of *chart* lies outside of its plot and its margins."""
    assert chart is not None
    height = float(chart.height)
    across = [value for line in chart.lines for value in (line.x1, line.x2)]
    across += [one.x for one in (*chart.boxes, *chart.dots, *chart.labels)]
    down = [value for line in chart.lines for value in (line.y1, line.y2)]
    down += [one.y for one in (*chart.boxes, *chart.dots, *chart.labels)]
    assert all(0 <= float(value.removesuffix("%")) <= 100 for value in across)
    assert all(-_ABOVE_PX <= float(value) <= height + _BELOW_PX for value in down)
    for box in chart.boxes:
        right = float(box.x.removesuffix("%")) + float(box.width.removesuffix("%"))
        assert right <= 100
        assert float(box.height) >= 0
    for curve in chart.curves:
        assert curve.path.startswith("M")
        assert not re.search("nan|inf|e[+-]", curve.path)


def _run(latencies: list[int]) -> Run:
    run = samples.chat_run(samples.BASE, requests=1)
    return replace(run, latency_ns=tuple(latencies), path=("",) * len(latencies))


@given(base=_latencies, head=_latencies)
def test_distributions_stay_in_their_plot(base: list[int], head: list[int]) -> None:
    """
    Whatever requests took, both charts of it lie inside their plots.
    """
    before, after = _run(base), _run(head)
    shift = draw_shift(before, after)

    _check(draw_distribution(before, after, target_s=0.15))
    assert (shift is None) == (sorted(base) == sorted(head))
    if shift is not None:
        _check(shift)


@given(base=st.lists(_spans, max_size=60), head=st.lists(_spans, max_size=60))
def test_waterfall_stays_in_its_plot(base: list[Span], head: list[Span]) -> None:
    """
    Whatever a request waited for, before its start and after its end too, it is drawn inside.
    """
    chart = draw_waterfall(_exemplar(base), _exemplar(head))

    _check(chart)
    assert chart is not None
    for curve in chart.curves:
        for x, _, width in re.findall(r"M([\d.-]+) ([\d.]+)h([\d.]+)", curve.path):
            assert float(x) >= 0
            assert float(x) + float(width) <= CURVE_WIDTH + 0.1


@given(values=st.lists(st.none() | _floats, min_size=1, max_size=40), step=st.integers(0, 39))
def test_trend_stays_in_its_plot(values: list[float | None], step: int) -> None:
    """
    Whatever a series holds, holes included, its chart lies inside; without values there is none.
    """
    points = tuple(
        SeriesPoint(
            label=f"{index:040x}",
            value=value,
            interval=None if value is None else (value / 2, value),
        )
        for index, value in enumerate(values)
    )
    series = Series(name="a", unit="s", points=points, target=0.15)
    chart = draw_trend(series, {f"{step:040x}": Mark(text="1", name="step 1")})

    if any(value is not None for value in values):
        _check(chart)
    else:
        assert chart is None


def test_a_step_for_the_better_is_not_drawn_as_one_for_the_worse() -> None:
    """
    The dot, the line and the number of a step are of its own tone.
    """
    values = {"a": 3.0, "b": 2.0, "c": 4.0}
    points = tuple(SeriesPoint(label=name, value=value) for name, value in values.items())
    marks = {
        "b": Mark(text="1", name="step 1", better=True),
        "c": Mark(text="2", name="step 2"),
    }
    chart = draw_trend(Series(name="a", unit="s", points=points), marks)

    assert chart is not None
    assert ["head", "better", "worse"] == [dot.style for dot in chart.dots]
    assert ["step better", "step"] == [
        line.style for line in chart.lines if line.style.startswith("step")
    ]
    assert {"1": "step better", "2": "step"} == {
        label.text: label.style for label in chart.labels if label.style.startswith("step")
    }
    assert chart.table is not None
    assert ["a", "b (step 1)", "c (step 2)"] == [cells[0] for cells in chart.table.rows]


@given(base=_floats, head=_floats, limit=st.none() | st.floats(0, 5), target=st.none() | _floats)
def test_bars_stay_in_their_plot(
    base: float, head: float, limit: float | None, target: float | None
) -> None:
    """
    Whatever base, head, limit and target are, no bar is longer than its plot.
    """
    chart = draw_bars(_comparison(base, head, limit, None), target)

    assert (chart is None) == (max(base, head) == 0)
    if chart is not None:
        _check(chart)


@pytest.mark.parametrize(
    ("metric", "evidence", "limit"),
    [
        ("cpu.p95", Evidence.SAMPLED, 0.15),
        ("throughput", Evidence.SAMPLED, 1 / 1.15 - 1),
        ("success_ratio", Evidence.EXACT, -0.15),
    ],
)
def test_a_limit_is_drawn_on_the_side_of_the_worse(
    metric: str, evidence: Evidence, limit: float
) -> None:
    """
    What should rise has its limit below the base: bars and rounds mark it where the gate does.
    """
    compared = replace(_comparison(1.0, 0.5, 0.15, None), metric=metric, evidence=evidence)
    bars = draw_bars(compared, None)
    duet = DuetRun(
        benchmark="a", metric=metric, unit="s", base=(1.0,), head=(0.5,), calls_per_round=1
    )
    rounds = draw_rounds(duet, compared)

    assert bars is not None
    assert rounds is not None
    (mark,) = (line for line in bars.lines if line.style == "limit")
    assert pytest.approx((1 + limit) / max(1, 1 + limit), abs=1e-4) == float(mark.x1[:-1]) / 100
    (line,) = (line for line in rounds.lines if line.style == "limit")
    (zero,) = (line for line in rounds.lines if line.style == "zero")
    # Pixels grow downwards: what lies above no change lies beyond it.
    assert (limit > 0) == (float(line.y1) < float(zero.y1))


@given(
    rounds=st.lists(st.tuples(_floats, _floats), max_size=30),
    interval=st.none() | st.tuples(st.floats(-0.9, 5), st.floats(-0.9, 5)),
)
def test_rounds_stay_in_their_plot(
    rounds: list[tuple[float, float]], interval: tuple[float, float] | None
) -> None:
    """
    Whatever rounds came to, they are drawn inside; rounds from zero are left out.
    """
    duet = DuetRun(
        benchmark="a",
        metric="cpu.p95",
        unit="s",
        base=tuple(one for one, _ in rounds),
        head=tuple(one for _, one in rounds),
        calls_per_round=200,
    )
    low_high = None if interval is None else (min(interval), max(interval))
    chart = draw_rounds(duet, _comparison(1.0, 1.1, 0.15, low_high))

    if any(base > 0 and math.isfinite(head / base) for base, head in rounds):
        _check(chart)


def test_rare_percentiles_are_not_told() -> None:
    """
    The P95 of 19 requests would be their maximum: it is not in the words, nor the P99 of 99.
    """
    chart = draw_distribution(_run(list(range(19))), None, None)
    shift = draw_shift(_run(list(range(99))), _run(list(range(1, 100))))
    assert chart is not None
    assert shift is not None
    assert shift.table is not None

    assert "P95" not in chart.legend[0].text
    assert "P95" == shift.table.rows[-1][0]


def test_loop_of_queries_is_one_row_of_bars() -> None:
    """
    Twenty-three equal statements are one row, named once, with a bar for each.
    """
    base = samples.chat_run(samples.BASE, statements=3).exemplar
    head = samples.chat_run(samples.HEAD, statements=25).exemplar
    chart = draw_waterfall(base, head)
    assert chart is not None
    rows = [label for label in chart.labels if "SELECT documents.id, doc" in label.text]
    worse = next(curve for curve in chart.curves if curve.style == "head worse")

    assert ["narrow", "wide", "broad"] == [label.style.split()[0] for label in rows]
    assert 23 + 1 == worse.path.count("M")
    assert any("1 → 23" in label.text for label in chart.labels)


def test_equal_requests_are_drawn_once() -> None:
    """
    When base and head did the same, one of them is drawn and the legend says so.
    """
    same = samples.chat_run(samples.BASE).exemplar
    chart = draw_waterfall(same, same)
    assert chart is not None

    assert ["head"] == [curve.style for curve in chart.curves]
    assert chart.legend[0].text.startswith("base and head alike: request ")


def test_ticks_are_round() -> None:
    """
    The marks of an axis from 0 to 163 ms, at most five, are whole multiples of 50 ms.
    """
    assert (0.0, 0.05, 0.1, 0.15) == tuple(
        round(tick, 9) for tick in Scale(low=0, high=0.163).ticks(5)
    )


@given(high=st.floats(1e-9, 1e9), count=st.integers(2, 8))
def test_ticks_are_few_and_inside(high: float, count: int) -> None:
    """
    There are at least two marks and never more than asked for, all on the axis.
    """
    scale = scale_over([high])
    ticks = scale.ticks(count)

    assert 2 <= len(ticks) <= count
    assert all(scale.low <= tick <= scale.high * (1 + 1e-9) for tick in ticks)


def _exemplar(spans: list[Span]) -> Exemplar:
    ordered = tuple(sorted(spans, key=lambda span: span.start_ns))
    return Exemplar(request_id=len(spans), latency_ns=500_000_000, spans=ordered)


def _comparison(
    base: float, head: float, limit: float | None, interval: tuple[float, float] | None
) -> Comparison:
    return Comparison(
        benchmark="a",
        metric="cpu.p95",
        unit="s",
        evidence=Evidence.SAMPLED,
        base=base,
        head=head,
        change_ratio=0.1,
        interval=interval,
        limit_ratio=limit,
        verdict=Verdict.UNDECIDED,
        reason="",
        sample_count=1,
    )


def test_hits_and_misses_get_a_logarithmic_axis() -> None:
    """
    Where hits take 1 ms and misses 1 s, the axis marks 1 ms, 10 ms, 100 ms and 1 s, and a hit
    that takes twice as long moves visibly.
    """
    base = _run([1_000_000] * 60 + [1_000_000_000] * 40)
    head = _run([2_000_000] * 60 + [1_000_000_000] * 40)
    chart = draw_distribution(base, head, None)
    assert chart is not None
    ticks = [label.text for label in chart.labels if label.text.endswith("s")]
    starts = [float(curve.path[1:].split()[0]) for curve in chart.curves]

    assert ["1\u00a0ms", "10\u00a0ms", "100\u00a0ms", "1\u00a0s"] == ticks
    assert starts[1] - starts[0] > 0.05 * CURVE_WIDTH


@given(low=st.floats(1e-9, 1e3), ratio=st.floats(30, 1e6))
def test_logarithmic_ticks(low: float, ratio: float) -> None:
    """
    A logarithmic axis has marks, all inside, from its begin, 0, to its end, 1.
    """
    scale = LogScale(low=low, high=low * ratio)

    assert 0 == scale.share(low) == scale.share(0)
    assert abs(scale.share(low * ratio) - 1) < 1e-9
    assert len(scale.ticks()) >= 2
    assert all(low <= tick <= low * ratio for tick in scale.ticks())
