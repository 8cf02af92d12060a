"""How each statistic of a sampled benchmark moved."""

from __future__ import annotations

from agent_perf.records import Comparison, Confirmation, Evidence, Verdict
from agent_perf.report.sampled_shift import draw_sampled_shift


def compared(
    metric: str, change: float, interval: tuple[float, float] | None, **more: object
) -> Comparison:
    return Comparison(
        benchmark="cache.Memory.cpu_get",
        metric=metric,
        unit="s",
        evidence=Evidence.SAMPLED,
        base=1e-6,
        head=1e-6 * (1 + change),
        change_ratio=change,
        interval=interval,
        limit_ratio=0.15,
        verdict=more.pop("verdict", Verdict.UNCHANGED),  # type: ignore[arg-type]
        reason="because",
        sample_count=12,
        **more,  # type: ignore[arg-type]
    )


MEDIAN = compared("cpu.median", 0.01, (-0.01, 0.03))
MEAN = compared("cpu.mean", -0.05, (-0.08, -0.02))
TAIL = compared("cpu.p95", 0.30, (0.22, 0.38))


def test_each_statistic_has_its_interval() -> None:
    """
    Median, mean and P95 stand side by side in that order, each with a line from end to end of
    its interval, and a tone only where the interval leaves no doubt.
    """
    chart = draw_sampled_shift([TAIL, MEAN, MEDIAN])

    assert chart is not None
    assert ["head", "better", "worse"] == [dot.style for dot in chart.dots]
    assert 3 == sum(line.style == "whisker" for line in chart.lines)
    assert 1 == sum(line.style == "limit" for line in chart.lines)
    assert {"median", "mean", "P95"} <= {label.text for label in chart.labels}
    assert chart.table is not None
    assert ["median CPU time", "mean CPU time", "P95 CPU time"] == [
        row[0] for row in chart.table.rows
    ]
    for dot, line in zip(
        chart.dots, (one for one in chart.lines if one.style == "whisker"), strict=True
    ):
        assert float(line.y2) < float(dot.y) < float(line.y1)


def test_a_regression_shows_the_rounds_that_confirmed_it() -> None:
    """
    The interval drawn is the one that the verdict stands on.
    """
    again = Confirmation(
        change_ratio=0.25, interval=(0.2, 0.3), round_count=8, verdict=Verdict.REGRESSED
    )
    chart = draw_sampled_shift(
        [
            MEDIAN,
            compared("cpu.p95", 0.3, (0.1, 0.5), verdict=Verdict.REGRESSED, confirmation=again),
        ]
    )

    assert chart is not None
    assert chart.table is not None
    assert "+20.0\u00a0% … +30.0\u00a0%" == chart.table.rows[1][2]


def test_one_statistic_is_no_shift() -> None:
    """
    One alone is in the chart of its rounds, and one without an interval says nothing.
    """
    assert None is draw_sampled_shift([MEDIAN])
    assert None is draw_sampled_shift([MEDIAN, compared("cpu.p95", 0.1, None)])
    assert None is draw_sampled_shift([])
