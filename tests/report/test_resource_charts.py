"""Charts of what a process took."""

from __future__ import annotations

import re

from agent_perf.report.resource_charts import draw_resources, resource_table
from tests.records.test_resources import recording, series


def along(name: str, *values: float | None, **given):
    known = [value for value in values if value is not None]
    total = sum(known) if name == "cpu" else None
    return series(
        name,
        mean=values,
        peak=values,
        sample_mean=sum(known) / len(known),
        sample_peak=max(known),
        total=total,
        **given,
    )


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_base_and_head_share_one_time_axis() -> None:
    """
    The longer recording fills the width, one half as long half of it.
    """
    base = recording(along("cpu", *[0.5] * 10), duration_s=5.0)
    head = recording(along("cpu", *[1.0] * 20), duration_s=10.0)
    (chart,) = draw_resources(base, head)
    drawn = {curve.style: points(curve.path) for curve in chart.curves}

    assert (0.0, 500.0) == (drawn["base"][0][0], drawn["base"][-1][0])
    assert (0.0, 1000.0) == (drawn["head"][0][0], drawn["head"][-1][0])
    # Twice the value is twice as high above the axis.
    low, high = 120 - drawn["base"][0][1], 120 - drawn["head"][0][1]
    assert abs(high - 2 * low) < 0.1


def test_a_gap_stays_a_gap() -> None:
    """
    What was not sampled is not drawn.
    """
    (chart,) = draw_resources(None, recording(along("cpu", 0.5, None, None, 0.5), duration_s=2.0))

    assert 2 == chart.curves[0].path.count("M")


def test_what_does_not_move_has_figures_and_no_chart() -> None:
    """
    Three files for the whole time need no curve, and no connections no line.
    """
    run = recording(
        along("files", 3.0, 3.0), along("connections", 0.0, 0.0), along("cpu", 0.5, 0.6)
    )
    table = resource_table(None, run)

    assert ["CPU, cores busy"] == [chart.title for chart in draw_resources(None, run)]
    assert ("Open files: peak", "3") in table.rows
    assert ("Resource", "Head") == table.header


def test_each_chart_has_its_figures_in_words() -> None:
    """
    For those who do not see it: a description, and a table of at most thirteen moments.
    """
    run = recording(along("memory", *(float(i << 20) for i in range(1, 101))), duration_s=50.0)
    (chart,) = draw_resources(run, run)

    assert "Memory held over 50 s. base: mean 50.5" in chart.description.replace("\u00a0", " ")
    assert chart.table is not None
    assert ("Time", "Base", "Head") == chart.table.header
    assert 10 <= len(chart.table.rows) <= 13


def test_the_table_tells_the_price_of_sampling() -> None:
    """
    Of both sides, with what was missed.
    """
    note = resource_table(recording(missed_count=2), recording()).note.replace("\u00a0", " ")

    assert "Base: sampled 21 times in 10 s, 2 missed; that took 0.2 % of a core." in note
    assert "Head: sampled 21 times in 10 s; " in note


def test_a_recording_without_length_can_be_shown() -> None:
    """
    A process that ended at the first look.
    """
    run = recording(along("cpu", 0.5), duration_s=0.0)
    (chart,) = draw_resources(run, run)

    assert [(0.0, 1000.0)] * 2 == [
        (points(one.path)[0][0], points(one.path)[-1][0]) for one in chart.curves
    ]
