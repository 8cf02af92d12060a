"""The commits before the head: charts, culprits, and where it is heading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.records import Comparison, Run
from agent_perf.report import Commit, Stored, View, build_view
from agent_perf.report.lineage import draw_lineage, forecast_words, last_turn_words, lineages
from agent_perf.report.standing import gather
from tests.gate.deciding import decide
from tests.runs import make_run

MS = 1_000_000


def commit(index: int) -> str:
    return f"{index:040x}"


def past(*latencies_ms: float, trips: tuple[int, ...] = ()) -> tuple[Run, ...]:
    """One run for each commit, of 100 equal requests."""
    return tuple(
        make_run(
            commit=commit(index),
            latency_ns=(round(latency * MS),) * 100,
            counts={"redis_trips": 100 * (trips[index] if trips else 1)},
            targets={"latency.p95": 0.015},
        )
        for index, latency in enumerate(latencies_ms)
    )


def view_of(runs: tuple[Run, ...], stored: Stored) -> View:
    base, head = runs[-2], runs[-1]
    decision = replace(decide([base], [head]), base=base.commit, head=head.commit)
    return build_view(
        decision,
        base_runs={base.benchmark: base},
        head_runs={head.benchmark: head},
        stored=stored,
    )


def lineage_of(runs: tuple[Run, ...], metric: str):  # type: ignore[no-untyped-def]
    base, head = runs[-2], runs[-1]
    decision = decide([base], [head])
    (standing,) = gather(decision, {base.benchmark: base}, {head.benchmark: head}, ())
    found = lineages(standing, Stored(runs={head.benchmark: runs}))
    return next(one for one in found if one.metric == metric)


def test_history_has_change_points_and_target() -> None:
    """
    A failing benchmark shows its P95 along the stored commits, each change with its size and
    its own tone, and the target.
    """
    runs = past(10, 10, 8, 8, 12)
    page = view_of(runs, Stored(runs={runs[-1].benchmark: runs}))
    chart = next(one for one in page.details[0].charts if "commit by commit" in one.title)

    assert "P95 latency, commit by commit" == chart.title
    assert {"−20.0\u00a0%": "step better", "+50.0\u00a0%": "step"} == {
        label.text: label.style for label in chart.labels if label.style.startswith("step")
    }
    assert ["head", "head", "better", "head", "worse"] == [dot.style for dot in chart.dots]
    assert ["target 15\u00a0ms"] == [key.text for key in chart.legend]
    assert [commit(2), commit(4)] == [
        change["commit"]
        for one in page.document["history"]  # type: ignore[attr-defined]
        if one["metric"] == "latency.p95"
        for change in one["changes"]
    ]


def test_work_is_told_per_request() -> None:
    """
    A work count that every request makes is drawn per request, and said so.
    """
    runs = past(10, 10, 10, trips=(1, 1, 3))
    lineage = lineage_of(runs, "work.redis_trips")
    chart = draw_lineage(lineage)

    assert chart is not None
    assert "Redis round trips per request, commit by commit" == chart.title
    assert ["1", "1", "3"] == [cells[1] for cells in chart.table.rows]  # type: ignore[union-attr]
    assert (
        f"Redis round trips per request of shop.answer@1 changed at {commit(2)[:7]}, "
        "+200\u00a0%, for the first time in 2 measured commits." == last_turn_words(lineage)
    )


def test_base_and_head_alone_are_no_history() -> None:
    """
    With two commits there is nothing that the page does not show already.
    """
    runs = past(10, 12)
    page = view_of(runs, Stored(runs={runs[-1].benchmark: runs}))

    assert not [one for one in page.details[0].charts if "commit by commit" in one.title]
    assert [] == page.document["history"]


@pytest.mark.parametrize(
    ("slope_ms", "told"), [(0.1, True), (0.0, False), (-0.1, False), (0.0005, False)]
)
def test_forecast_only_where_the_trend_is_sure(slope_ms: float, told: bool) -> None:
    """
    A steady drift towards the target says when it is passed; a flat or falling one nothing.
    """
    runs = past(*(10 + slope_ms * index for index in range(30)))
    words = forecast_words(lineage_of(runs, "latency.p95"))

    assert told == bool(words)
    page = view_of(runs, Stored(runs={runs[-1].benchmark: runs}))

    assert told == any(point.lead == "Trend" for point in page.details[0].points)
    if told:
        # 12.9 ms at the end, 15 ms allowed: 2.1 ms at some 0.1 ms each.
        assert "P95 latency passes 15\u00a0ms in about 17 commits" in words


def fact_of(view: View) -> dict[str, list[str]]:
    (fact,) = (one for one in view.facts if one.question == "Which commit")
    found: dict[str, list[str]] = {}
    for point in fact.points:
        found.setdefault(point.lead, []).append(point.text)
    return found


def test_the_only_commit_is_the_culprit() -> None:
    """
    Where one commit lies between base and head, it is named; so is what the base is.
    """
    runs = past(10, 10, 12)
    only = Commit(name=commit(2), subject="Ask twice")
    page = view_of(runs, Stored(base_is="merge base with main", between=(only,)))
    told = fact_of(page)

    assert [f"{commit(1)[:7]} (merge base with main)"] == told["Base"]
    assert [f"{commit(2)[:7]} Ask twice: the only commit since the base."] == told["Culprit"]


def test_culprits_are_named_as_surely_as_they_are_known() -> None:
    """
    A step whose parent was measured is the culprit; with gaps it is one of several commits.
    """
    from agent_perf.records import Step

    runs = past(10, 12)
    worst: Comparison = decide([runs[0]], [runs[1]]).comparisons[0]
    between = tuple(
        Commit(name=commit(index), subject=f"s{index}", failure="not measured" if gap else "")
        for index, gap in ((2, False), (3, True), (4, False))
    )
    steps = tuple(
        Step(
            commit=commit(to),
            parent=commit(since),
            subject=f"s{to}",
            comparisons=(worst,),
            causes={},
        )
        for since, to in ((1, 2), (2, 4))
    )
    first, second = fact_of(view_of(runs, Stored(between=between, steps=steps)))["Culprit"]

    assert first.startswith(f"{commit(2)[:7]} s2: shop.answer@1, ")
    assert second.startswith(f"one of 2 commits, {commit(3)[:7]} to {commit(4)[:7]}; those before")


def test_unmeasured_commits_are_counted() -> None:
    """
    If nothing between base and head was measured, the page says so instead of guessing.
    """
    runs = past(10, 12)
    between = tuple(Commit(name=commit(index), failure="not measured") for index in (2, 3, 4))

    assert ["3 commits since the base, 0 of them measured."] == fact_of(
        view_of(runs, Stored(between=between))
    )["Between"]
