"""What a report says of a decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_perf.records import Breach, Comparison, Decision, Evidence, Outcome, Step, Verdict
from agent_perf.report import (
    Series,
    SeriesPoint,
    build_history_view,
    build_view,
    render,
)
from agent_perf.report.view import View
from tests.report import past_samples, samples
from tests.report.views import VIEWS


def _compared(verdict: Verdict, **changes: object) -> Comparison:
    one = Comparison(
        benchmark="agent.chat@200",
        metric="latency.p95",
        unit="s",
        evidence=Evidence.EXACT,
        base=0.100,
        head=0.131,
        change_ratio=0.31,
        interval=None,
        limit_ratio=0.15,
        verdict=verdict,
        reason="because",
        sample_count=1000,
    )
    return replace(one, **changes)  # type: ignore[arg-type]


def _view(outcome: Outcome, *comparisons: Comparison, breaches: tuple[Breach, ...] = ()) -> View:
    decision = Decision(
        base=samples.BASE,
        head=samples.HEAD,
        outcome=outcome,
        comparisons=comparisons,
        breaches=breaches,
        failures=(),
        causes={},
        lines=("FAIL a line",),
    )
    return build_view(decision, base_runs={}, head_runs={})


def test_headline_of_a_failure() -> None:
    """
    The band names the worst benchmark, base to head, the change, and the limit.
    """
    band = _view(Outcome.FAIL, _compared(Verdict.REGRESSED)).band

    assert "agent.chat@200: P95 latency" == band.headline
    assert "100\u00a0ms\u00a0→\u00a0131\u00a0ms" == band.values
    assert "+31.0\u00a0%" == band.change
    assert ("Limit +15\u00a0%. Exact: the same on every machine.",) == band.lines


def test_headline_prefers_the_tail() -> None:
    """
    Among what regressed of a benchmark, its P95 stands for it, and the row counts the rest.
    """
    work = _compared(Verdict.REGRESSED, metric="work.db_statements", unit="count")
    view = _view(Outcome.FAIL, work, _compared(Verdict.REGRESSED))

    assert view.band.headline.endswith("P95 latency")
    assert ["latency.p95"] == [row.metric for row in view.rows]
    assert "and 1 more metric" == view.rows[0].note


def test_a_target_of_nothing_is_told() -> None:
    """
    What no request may do has no share that is left, and stands first among what is missed.
    """
    breaches = tuple(
        Breach(benchmark="agent.chat@200", metric=metric, unit="count", observed=2, limit=limit)
        for metric, limit in (("request.db_statements", 1), ("request.llm_calls", 0))
    )
    table = _view(Outcome.FAIL, _compared(Verdict.UNCHANGED), breaches=breaches).targets

    assert table is not None
    assert [
        ("request.llm_calls", "2", "0", "–", "✗ missed"),
        ("request.db_statements", "2", "1", "2 times", "✗ missed"),
    ] == [row[1:] for row in table.rows]


def test_headline_of_a_missed_target() -> None:
    """
    A benchmark that is unchanged and over its target fails by its target.
    """
    breach = Breach(
        benchmark="agent.chat@200", metric="latency.p95", unit="s", observed=0.16, limit=0.15
    )
    same = _compared(Verdict.UNCHANGED, base=0.16, head=0.16, change_ratio=0.0)
    view = _view(Outcome.FAIL, same, breaches=(breach,))

    assert "160\u00a0ms" == view.band.values
    assert "Target 150\u00a0ms missed by 10\u00a0ms." in view.band.lines
    assert "target missed" == view.rows[0].badge.word
    assert view.targets is not None
    assert "✗ missed" == view.targets.rows[0][-1]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("failed", "FAIL"),
        ("passed", "PASS"),
        ("undecided", "UNDECIDED"),
        ("nothing", "NOTHING MEASURED"),
        ("broken", "BROKEN"),
        ("history", "5 REGRESSIONS"),
        ("versions", "2 REGRESSIONS"),
        ("empty_history", "NOTHING MEASURED"),
    ],
)
def test_verdict_word(name: str, word: str) -> None:
    """
    Each outcome has a word of its own.
    """
    assert word == VIEWS[name]().band.badge.word


def test_outcome_without_details_tells_its_line() -> None:
    """
    A failure of which nothing is known but its line shows that line.
    """
    assert "FAIL a line" == _view(Outcome.FAIL).band.headline


def test_rows_come_worst_first() -> None:
    """
    Regressed, over target, errored, missing, undecided, slower, new, improved, unchanged.
    """
    order = [
        Verdict.UNCHANGED,
        Verdict.NEW,
        Verdict.SLOWER,
        Verdict.UNDECIDED,
        Verdict.IMPROVED,
        Verdict.MISSING,
        Verdict.ERRORED,
        Verdict.REGRESSED,
    ]
    comparisons = [_compared(verdict, benchmark=verdict.value) for verdict in order]
    over = _compared(Verdict.UNCHANGED, benchmark="over")
    breach = Breach(benchmark="over", metric="latency.p95", unit="s", observed=2.0, limit=1.0)
    view = _view(Outcome.FAIL, *comparisons, over, breaches=(breach,))

    assert [
        "regressed",
        "over",
        "errored",
        "missing",
        "undecided",
        "slower within limit",
        "new",
        "improved",
        "unchanged",
    ] == [row.benchmark for row in view.rows]
    assert 4 == sum(case.state in {"failure", "error"} for case in view.cases)


def test_only_failures_are_unfolded() -> None:
    """
    Of a scenario that failed at three loads, the worst load is open; all else is folded.
    """
    details = VIEWS["failed"]().details

    assert [True, False, False] == [detail.open for detail in details if "chat" in detail.benchmark]
    assert [details[0]] == [detail for detail in details if detail.open]
    assert 7 == len(details)


def test_loads_share_their_cause() -> None:
    """
    A cause that three loads of a scenario have in common is told once.
    """
    why = VIEWS["failed"]().facts[0]

    assert "Why" == why.question
    assert "agent.chat at 1, 50 and 200 users" == why.points[0].lead
    assert why.points[1].text.startswith(
        "SQL statements 3\u00a0→\u00a025 · Redis round trips 2\u00a0=\u00a02"
    )


def test_cases_are_gated_metrics() -> None:
    """
    Each gated metric is a case: regressed fails, undecided is skipped; what is not gated is none.
    """
    view = _view(
        Outcome.FAIL,
        _compared(Verdict.REGRESSED),
        _compared(Verdict.UNDECIDED, metric="cpu.p95"),
        _compared(Verdict.UNCHANGED, metric="latency.p50"),
        _compared(Verdict.SLOWER, metric="throughput", limit_ratio=None),
    )

    assert [
        ("latency.p95", "failure", "change-above-limit"),
        ("cpu.p95", "skipped", "not-decidable"),
        ("latency.p50", "passed", ""),
    ] == [(case.name, case.state, case.kind) for case in view.cases]


def test_nothing_measured_is_an_error() -> None:
    """
    A suite of no cases would pass, so that nothing was measured is a case that fails.
    """
    for name in ("nothing", "empty_history"):
        assert ["error"] == [case.state for case in VIEWS[name]().cases]


def test_failures_are_errors_and_skip_nothing() -> None:
    """
    Benchmarks without a value are errors of their category, each told with its traceback.
    """
    view = VIEWS["broken"]()

    assert [("error", "import"), ("error", "time limit")] == [
        (case.state, case.kind) for case in view.cases
    ]
    assert ["trouble-1", "trouble-2"] == [row.anchor for row in view.rows]


def test_history_names_the_commits() -> None:
    """
    Of twelve commits five are told, each with its cause, in order; seven changed nothing.
    """
    view = VIEWS["history"]()
    told = [moment for moment in view.moments if moment.number]

    assert "5 of 12 commits made it slower or dearer" == view.band.headline
    assert ["1", "2", "3", "4", "5"] == [moment.number for moment in told]
    assert [
        "Read the session and the profile one by one",
        "Put the locale into the cache key",
        "Load each cited document by itself",
        "Send every event at once",
        "Keep the transaction open until the answer is complete",
    ] == [moment.subject for moment in told]
    assert all(moment.causes for moment in told)
    assert "start" == view.moments[0].badge.word
    assert 6 == sum(moment.badge.word == "no change" for moment in view.moments)


def test_versions_tell_where_it_became_dearer() -> None:
    """
    Along a library's versions, those at which a series shifts are steps.
    """
    view = VIEWS["versions"]()

    assert ["6.4.0", "8.0.0"] == [moment.commit for moment in view.moments if moment.number]
    assert "time 38\u00a0µs\u00a0→\u00a057\u00a0µs, +50.0\u00a0%" in view.moments[3].changes[0].text


def test_only_what_stepped_is_marked() -> None:
    """
    A chart is marked at the steps of its own series, not at those of others.
    """
    (step, *_), _, commits = past_samples.history()
    stepped, other = replace(step.comparisons[0], benchmark="one"), "two latency.p95"
    labels = [SeriesPoint(label=commit.name, value=1.0) for commit in commits]
    view = build_history_view(
        [replace(step, comparisons=(stepped,))],
        [
            Series(name=name, unit="s", points=tuple(labels))
            for name in (f"one {stepped.metric}", other)
        ],
        commits=commits,
    )

    assert [1, 0] == [sum(line.style == "step" for line in chart.lines) for chart in view.trends]


def test_long_quiet_runs_are_folded() -> None:
    """
    Eight and more commits in a row that changed nothing are one entry.
    """
    steps, series, commits = past_samples.history()
    quiet = tuple(replace(commits[0], name=f"{index:040x}") for index in range(30))
    view = build_history_view(steps, series, commits=(*quiet, *commits))

    assert view.moments[1].subject.startswith("31 commits, 0000000 to ")


def test_unjudged_values_get_no_verdict() -> None:
    """
    Without a search for steps there is no green: the report says that it only measured.
    """
    points = (SeriesPoint(label="a", value=1.0), SeriesPoint(label="b", value=2.0))
    view = build_history_view(None, [Series(name="one", unit="s", points=points)])

    assert "MEASURED" == view.band.badge.word
    assert ("1\u00a0s\u00a0→\u00a02\u00a0s", "+100\u00a0%") == (view.band.values, view.band.change)


def test_step_without_comparisons() -> None:
    """
    A step of which nothing is recorded is shown all the same.
    """
    step = Step(commit="abc", parent="", subject="s", comparisons=(), causes={})

    assert "abc" == build_history_view([step]).moments[0].commit


def test_runs_alone_are_enough() -> None:
    """
    Runs that nothing was compared with are new or missing, not an error of the report.
    """
    decision, base, head = samples.n_plus_one()
    bare = replace(decision, comparisons=(), breaches=(), causes={}, outcome=Outcome.PASS)
    only_head = build_view(bare, base_runs={}, head_runs=head)
    only_base = build_view(bare, base_runs=base, head_runs={})

    assert {"new"} == {row.badge.word for row in only_head.rows}
    assert {"missing"} == {row.badge.word for row in only_base.rows}


def test_what_only_warns_does_not_fail() -> None:
    """
    A regression beyond a limit of level warn is shown as that, in page, row and test case; one
    that fails beside it still does.
    """
    warned = _compared(Verdict.REGRESSED)
    failing = _compared(Verdict.REGRESSED, metric="latency.p50")
    decision = Decision(
        base=samples.BASE,
        head=samples.HEAD,
        outcome=Outcome.PASS,
        comparisons=(warned,),
        breaches=(),
        failures=(),
        causes={},
        lines=(),
        warned=((warned.benchmark, warned.metric),),
    )
    view = build_view(decision, base_runs={}, head_runs={})
    both = replace(decision, outcome=Outcome.FAIL, comparisons=(warned, failing))
    mixed = build_view(both, base_runs={}, head_runs={})

    assert "1 benchmark, 1 beyond a limit that warns" == view.band.headline
    assert "the limit only warns; no target is missed." in render(view, "md")
    assert ["beyond a limit that only warns"] == [row.badge.word for row in view.rows]
    assert [("skipped", "warned")] == [(case.state, case.kind) for case in view.cases]
    assert {"latency.p95": "skipped", "latency.p50": "failure"} == {
        case.name: case.state for case in mixed.cases
    }
    assert "latency.p50" == mixed.rows[0].metric
    assert "regressed" == mixed.rows[0].badge.word
