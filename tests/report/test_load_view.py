"""The report on a load: the same facts in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

import agent_perf.report
from agent_perf.gate import find_bottlenecks, judge_capacity, judge_load
from agent_perf.records import Outcome
from agent_perf.report import View, build_capacity_view, build_load_view, render
from tests.report import loads
from tests.report.views import LOAD_VIEWS

_SCHEMA = Path(agent_perf.report.__file__).parent / "schema/load-1.json"


@pytest.mark.parametrize("build", LOAD_VIEWS.values(), ids=LOAD_VIEWS)
def test_the_document_is_as_its_schema_says(build: Callable[[], View]) -> None:
    """
    report.json of every kind of load is valid by the published schema, and so is nothing less.
    """
    validator = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text()))
    document = json.loads(render(build(), "json"))
    del document["bottlenecks"]

    assert [] == list(validator.iter_errors(json.loads(render(build(), "json"))))
    assert not validator.is_valid(document)


def test_each_format_holds_the_verdict_and_its_reason() -> None:
    """
    The missed target with its value, and the full pool with what it carries, are everywhere.
    """
    run = loads.full_run()
    view = loads.load_failed()
    why = find_bottlenecks(run)[0]
    assert why.ceiling_hz is not None
    page, words = (render(view, format_).replace("\u00a0", " ") for format_ in ("html", "md"))
    document = json.loads(render(view, "json"))
    case = next(one for one in ET.fromstring(render(view, "junit")).iter("testcase"))

    for text in (page, words):
        assert "FAIL" in text
        assert "target of 150 ms" in text
        assert f"{why.ceiling_hz:.4g}/s at most" in text
    assert ("fail", "latency.p95") == (document["outcome"], document["targets"][0]["metric"])
    assert why.ceiling_hz == document["bottlenecks"][0]["ceiling_hz"]
    assert "latency.p95" == case.get("name")
    assert "target-missed" == case[0].get("type")


def test_what_a_full_pool_carries_is_what_was_answered() -> None:
    """
    The utilisation law's ceiling, from sums alone, is the rate of answers while the pool is full.
    """
    run = loads.full_run()
    full = find_bottlenecks(run)[0]
    busy = [
        bucket for bucket in run.timeline.buckets[2:-2] if bucket.levels["db_in_use"].mean > 1.99
    ]
    answered_hz = sum(bucket.ended for bucket in busy) / len(busy) / 0.25

    assert ("full", "db_in_use") == (full.kind, full.name)
    assert len(busy) > 10
    assert full.ceiling_hz == pytest.approx(answered_hz, rel=0.05)


def test_what_failed_is_not_called_late() -> None:
    """
    Without a limit for good answers none is late; with one, the area of all is named so.
    """
    run = loads.faulty_run()
    late = replace(
        run,
        timeline=replace(
            run.timeline,
            buckets=tuple(replace(one, good=0) for one in run.timeline.buckets),
        ),
    )
    legends = [
        [key.text for key in chart.legend]
        for one in (run, late)
        for section in build_load_view(one, judge_load(one)).sections
        for chart in section.charts
        if chart.title.startswith("Not answered well")
    ]

    assert [False, True] == [any("too late" in text for text in texts) for texts in legends]


def test_a_fault_is_shaded_numbered_and_timed() -> None:
    """
    Each window is in every chart along the load, and in the table with its recovery.
    """
    along, faults = loads.load_faults().sections[:2]

    assert [2] * len(along.charts) == [len(chart.boxes) for chart in along.charts]
    assert ["1", "2"] == [label.text for label in along.charts[0].labels if label.y == "-6"]
    assert ["1 redis outage", "2 second outage"] == [row[0] for row in faults.tables[0].rows]
    assert all(row[5] == "at once" for row in faults.tables[0].rows)


def test_a_target_missed_for_a_while_is_told_though_it_is_kept() -> None:
    """
    Over all the error rate keeps its target; the page says when it did not.
    """
    view = loads.load_faults()
    when = next(fact for fact in view.facts if fact.question == "When")

    assert "PASS" == view.band.badge.word
    assert "Error rate:" == when.points[0].lead
    assert "0:04–0:06" in when.points[0].text
    assert when.points[0].text.endswith("though kept over all.")


def test_a_search_without_a_full_probe_is_no_pass() -> None:
    """
    Ended while scouts were out: undecided, with what they found; without them, nothing measured.
    """
    found = loads.searched()
    early = replace(found, probes=(), rate_hz=0.0, carried=None, broken=None, stopped="ended early")
    nothing = replace(early, scouts=())
    views = [build_capacity_view(one, judge_capacity(one)) for one in (early, nothing)]

    assert ["UNDECIDED", "NOTHING MEASURED"] == [view.band.badge.word for view in views]
    assert f"{early.scouted_hz:.4g}/s for a shorter time" in views[0].band.values.replace(
        "\u00a0", " "
    )
    assert all("<html" in render(view, "html") for view in views)


def test_a_search_ended_before_a_lower_rate_was_tried_is_no_failure() -> None:
    """
    That one rate was not carried says nothing about those below it.
    """
    found = loads.searched()
    early = replace(
        found, probes=found.probes[-1:], rate_hz=0.0, carried=None, stopped="ended early"
    )
    band = build_capacity_view(early, judge_capacity(early)).band

    assert ("UNDECIDED", "not 120/s") == (band.badge.word, band.values)


def test_scouts_that_all_failed_carried_nothing() -> None:
    """
    Ended after one scout that failed: its rate is told, not a rate of nought.
    """
    found = loads.searched()
    early = replace(
        found,
        probes=(),
        scouts=(replace(found.scouts[-1], kept=False),),
        rate_hz=0.0,
        carried=None,
        broken=None,
        stopped="ended early",
    )
    band = build_capacity_view(early, judge_capacity(early)).band

    assert "UNDECIDED" == band.badge.word
    assert band.values.startswith("not ")
    assert band.values.endswith("/s for a shorter time")


def test_users_by_chance_do_not_wait_for_answers() -> None:
    """
    Only the shape of a closed loop is told as one.
    """
    run = loads.full_run()
    shapes = ("poisson 5/s for 6 s, from 50 users by chance", "1 user for 6 s", "50 users for 6 s")
    views = [build_load_view(replace(run, shape=shape), judge_load(run)) for shape in shapes]
    sure = [fact for view in views for fact in view.facts if fact.question == "How sure"]

    assert [False, True, True] == [fact.points[1].text.startswith("Users wait") for fact in sure]


def test_what_comes_from_outside_is_escaped() -> None:
    """
    A scenario's exception and names are text in every format.
    """
    run = replace(loads.full_run(), scenarios={"<script>x": 1}, first_failure="<script>y")
    page = render(build_load_view(run, judge_load(run)), "html")

    assert "<script" not in page
    assert "&lt;script&gt;x" in page


@pytest.mark.parametrize("buckets", [0, 1])
def test_short_loads_have_pages_too(buckets: int) -> None:
    """
    A load of one bucket, or of none, is a valid page.
    """
    run = loads.full_run()
    short = replace(
        run,
        timeline=replace(run.timeline, buckets=run.timeline.buckets[:buckets]),
        exemplars=(),
        operations={},
        levels={},
        counts={},
        targets={},
    )

    assert "</html>" in render(build_load_view(short, judge_load(short)), "html")


def test_a_huge_load_stays_within_its_bounds() -> None:
    """
    With a hundred paths of long names a page stays below 1 MB, and Markdown below 60 KB.
    """
    run = loads.full_run()
    paths = {f"path {index} {'long ' * 900}": run.latency for index in range(100)}
    view = build_load_view(replace(run, paths=paths), judge_load(run))

    assert len(render(view, "html").encode()) < 1_000_000
    assert len(render(view, "md").encode()) < 60_000


def test_outcomes_are_those_of_the_loads() -> None:
    """
    By hand: missed, kept, not judged, nothing answered.
    """
    words = [build().band.badge.word for build in LOAD_VIEWS.values()]

    assert ["FAIL", "PASS", "MEASURED", "BROKEN", "PASS"] == words
    assert Outcome.PASS is judge_load(replace(loads.full_run(), targets={})).outcome
