"""How large a report may become."""

from __future__ import annotations

import json
from dataclasses import replace

from agent_perf.records import Decision, Failure, Outcome, Run
from agent_perf.report import build_view, render
from agent_perf.report.formats import HTML_BYTES_MAX, MARKDOWN_BYTES_MAX
from tests.report import samples
from tests.report.pages import read_page
from tests.report.views import VIEWS


def _many(count: int, worse: int) -> tuple[Decision, dict[str, Run], dict[str, Run]]:
    """*count* benchmarks, the first *worse* of them regressed."""
    before = samples.chat_run(samples.BASE, requests=200)
    after = samples.chat_run(samples.HEAD, requests=200, statements=25)
    base = {
        f"agent.case{index}@200": replace(before, scenario=f"agent.case{index}")
        for index in range(count)
    }
    head = {
        name: replace(
            after if index < worse else before, scenario=run.scenario, commit=samples.HEAD
        )
        for index, (name, run) in enumerate(base.items())
    }
    comparisons = tuple(one for name in base for one in samples.compared(base[name], head[name]))
    decision = Decision(
        base=samples.BASE,
        head=samples.HEAD,
        outcome=Outcome.FAIL if worse else Outcome.PASS,
        comparisons=comparisons,
        breaches=(),
        failures=(),
        causes={},
        lines=(),
    )
    return decision, base, head


def test_unchanged_benchmarks_lose_their_charts_above_100() -> None:
    """
    With 101 benchmarks only those that changed are drawn, and the page says so.
    """
    decision, base, head = _many(101, worse=2)
    page = read_page(render(build_view(decision, base_runs=base, head_runs=head), "html"))

    assert 1 + 2 * 3 == len(page.drawings)
    assert "With 101 benchmarks, the 99 unchanged ones carry no charts." in page.text


def test_page_stays_below_a_megabyte() -> None:
    """
    With 100 regressions, charts are shed until the page fits; every benchmark keeps its row.
    """
    decision, base, head = _many(100, worse=100)
    html = render(build_view(decision, base_runs=base, head_runs=head), "html")
    page = read_page(html)

    assert HTML_BYTES_MAX / 2 < len(html.encode()) <= HTML_BYTES_MAX
    assert "left out to keep this page small" in page.text
    assert all(f"agent.case{index}@200" in page.text for index in range(100))


def test_markdown_stays_below_the_limit_of_comments() -> None:
    """
    With 400 benchmarks the comment fits, and every number is in report.json.
    """
    decision, base, head = _many(400, worse=40)
    view = build_view(decision, base_runs=base, head_runs=head)

    assert len(render(view, "md").encode()) <= MARKDOWN_BYTES_MAX
    assert len(decision.comparisons) == len(json.loads(render(view, "json"))["comparisons"])


def test_long_strings_are_cut() -> None:
    """
    A message of a megabyte, in each of 50 failures, makes no page of 50 megabytes.
    """
    failures = tuple(
        Failure(
            benchmark=f"b{index}",
            commit="c",
            category="raised",
            message="é" * 1_000_000,
            traceback="x" * 1_000_000,
        )
        for index in range(50)
    )
    decision = replace(samples.broken(), failures=failures)
    view = build_view(decision, base_runs={}, head_runs={})

    assert len(render(view, "html").encode()) <= HTML_BYTES_MAX
    assert len(render(view, "md").encode()) <= MARKDOWN_BYTES_MAX


def test_markdown_begins_short() -> None:
    """
    At most 30 lines stand before the first fold, whatever the report tells.
    """
    for name, build in VIEWS.items():
        above, _, _ = render(build(), "md").partition("<details>")

        assert len(above.strip().splitlines()) <= 30, name
