from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import SampleError
from agent_perf.gate import ALL_METRICS, exit_code, make_policy
from agent_perf.records import (
    Comparison,
    Outcome,
    Run,
    Tier,
    Verdict,
)
from tests.gate.deciding import BASE, HEAD, MS, OLD, decide, duet, slow_by, verdicts
from tests.stats.example import ENVIRONMENT, make_run

POLICY = make_policy({}, {})


def test_pass() -> None:
    """
    Five per cent more is slower within the limit, and passes with nothing to say.
    """
    decision = decide([OLD], [slow_by(5)])

    assert Outcome.PASS is decision.outcome
    assert Verdict.SLOWER is verdicts(decision)["latency.p95"]
    assert () == decision.lines
    assert () == decision.warnings
    assert 0 == exit_code(decision)


def test_fail() -> None:
    """
    Twenty per cent more fails, with one line for each metric.
    """
    decision = decide([OLD], [slow_by(20)])

    assert Outcome.FAIL is decision.outcome
    assert 1 == exit_code(decision)
    assert (
        tuple(
            f"FAIL agent.chat@50 latency.{name} observed=100ms->120ms(+20%) limit=+15% interval=exact"
            for name in ("mean", "p50", "p95", "p99")
        )
        == decision.lines
    )
    assert (BASE, HEAD) == (decision.base, decision.head)


def test_work_that_was_never_done_before() -> None:
    """
    A work count that the base lacks was zero there: it regresses, it is not new.
    """
    decision = decide([OLD], [replace(OLD, counts={"llm_calls_holding_db": 3})])

    worst = decision.comparisons[0]
    assert ("work.llm_calls_holding_db", 0.0, 3.0) == (worst.metric, worst.base, worst.head)
    assert Verdict.REGRESSED is worst.verdict
    assert Outcome.FAIL is decision.outcome


def test_work_that_is_no_longer_done() -> None:
    """
    A work count that the head lacks is zero there: an improvement, nothing missing.
    """
    decision = decide([replace(OLD, counts={"redis_trips": 3})], [OLD])

    assert Verdict.IMPROVED is verdicts(decision)["work.redis_trips"]
    assert Outcome.PASS is decision.outcome


def test_lost_events_fail() -> None:
    """
    Events that are no longer delivered are lost work; more of them are no matter.
    """
    some, fewer = replace(OLD, counts={"events": 30}), replace(OLD, counts={"events": 29})

    assert Outcome.FAIL is decide([some], [fewer]).outcome
    assert Outcome.PASS is decide([fewer], [some]).outcome


def test_a_lost_path_is_told() -> None:
    """
    A path that no request takes any more has no comparison, and is a warning.
    """
    base = replace(OLD, path=("hit",) * 50 + ("miss",) * 50)
    head = replace(OLD, path=("miss",) * 100)
    decision = decide([base], [head])

    assert "latency.hit.p50" not in verdicts(decision)
    assert ("agent.chat@50: no request takes the path hit any more",) == decision.warnings


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"environment": replace(ENVIRONMENT, python="3.12")}, "Python 3.11 and 3.12"),
        ({"environment": replace(ENVIRONMENT, harness="e" * 40)}, "harness aaaaaaaa and eeeeeeee"),
        ({"environment": replace(ENVIRONMENT, scenario="e" * 40)}, "scenario file bbbbbbbb and"),
        ({"seed": 2}, "seed 1 and 2"),
        ({"latency_ns": [MS] * 99}, "requests 100 and 99"),
    ],
)
def test_other_circumstances_are_never_passed(changed: dict[str, object], words: str) -> None:
    """
    Runs that do not compare are undecided, with both circumstances named.
    """
    decision = decide([OLD], [make_run(**changed)])  # type: ignore[arg-type]

    assert Outcome.UNDECIDED is decision.outcome
    assert {ALL_METRICS: Verdict.UNDECIDED} == verdicts(decision)
    assert words in decision.comparisons[0].reason
    assert decision.lines[0].startswith("UNDECIDED agent.chat@50 * not comparable: base and head")
    assert 4 == exit_code(decision)
    assert 0 == exit_code(decision, undecided="pass")


def test_real_time_is_never_judged_as_exact() -> None:
    """
    Of tier live, equal or not, one run a side decides nothing: it is told where to compare.
    """
    live = replace(OLD, tier=Tier.LIVE)
    slow = replace(slow_by(50), tier=Tier.LIVE)
    for head in (replace(live, commit=HEAD), slow):
        decision = decide([live], [head])

        assert {ALL_METRICS: Verdict.UNDECIDED} == verdicts(decision)
        assert "real time" in decision.comparisons[0].reason
        assert "tier 'client'" in decision.comparisons[0].reason


def test_other_packages_are_told() -> None:
    """
    Packages are under test: another version compares, and is told once.
    """
    old, new = (
        replace(ENVIRONMENT, packages={"redis": version, "httpx": "1"})
        for version in ("5.0", "6.4")
    )
    runs = [
        make_run(environment=env, scenario=name) for env in (old, new) for name in ("a.b", "a.c")
    ]
    decision = decide(runs[:2], runs[2:])

    assert Outcome.PASS is decision.outcome
    assert ("base and head ran with other packages: redis 5.0 -> 6.4",) == decision.warnings


def test_warnings_do_not_fail() -> None:
    """
    A limit of level warn is told when exceeded, and passes.
    """
    decision = decide([OLD], [slow_by(20)], limits={"latency.*": "warn 15%"})

    assert Outcome.PASS is decision.outcome
    assert () == decision.lines
    assert ("agent.chat@50", "latency.p95") in decision.warned
    assert (
        "agent.chat@50 latency.p95 observed=100ms->120ms(+20%) limit=+15% interval=exact"
        in decision.warnings
    )


def test_nothing_is_gated_that_is_off() -> None:
    """
    What is off neither fails nor leaves the gate undecided.
    """
    limits = {"latency.*": "off", "cpu.*": "off"}
    decision = decide([OLD], [slow_by(300)], duets=[duet(0.5, 2, 0.5)], limits=limits)

    assert Outcome.PASS is decision.outcome
    assert () == decision.warnings


def test_worst_first() -> None:
    """
    Regressions come first, the largest at the top, then the rest by how bad it is.

    Three errors in a hundred requests, where there were none, stand between eight times
    more statements and half as many more trips.
    """
    base = replace(OLD, counts={"redis_trips": 100, "db_statements": 100, "llm_calls": 5})
    head = replace(
        OLD, counts={"redis_trips": 150, "db_statements": 900, "llm_calls": 4, "http_errors": 3}
    )
    decision = decide([base], [head])

    assert ["work.db_statements", "work.http_errors", "work.redis_trips"] == [
        one.metric for one in decision.comparisons[:3]
    ]
    assert [Verdict.REGRESSED] * 3 + [Verdict.IMPROVED] == [
        one.verdict for one in decision.comparisons[:4]
    ]


def test_causes_only_where_something_is_worse() -> None:
    """
    A benchmark that became worse has its causes, one that did not has none.
    """
    base = replace(OLD, counts={"redis_trips": 300})
    worse = replace(OLD, counts={"redis_trips": 400})
    other = make_run(scenario="cache.get")

    decision = decide([base, other], [worse, other])
    assert ["agent.chat@50"] == list(decision.causes)
    assert "extra-round-trip" == decision.causes["agent.chat@50"][0].kind
    assert {} == decide([worse], [base]).causes


def test_one_run_for_each_benchmark() -> None:
    """
    Two runs of one benchmark are refused: which counts is not the gate's to choose.
    """
    with pytest.raises(SampleError, match="two runs of 'agent.chat@50' in the head"):
        decide([OLD], [OLD, OLD])


def test_names_cannot_forge_lines() -> None:
    """
    A benchmark's name with a line break stays on its line.
    """
    name = "agent.chat\nFAIL forged@1 x"
    lines = decide(
        [make_run(scenario=name)], [make_run(scenario=name, counts={"redis_trips": 1})]
    ).lines

    assert 1 == len(lines)
    assert lines[0].startswith(r"FAIL 'agent.chat\nFAIL forged@1 x@50' work.redis_trips observed=")


runs = st.builds(
    make_run,
    latency_ns=st.lists(st.integers(0, 10**10), min_size=1, max_size=120),
    duration_ns=st.integers(0, 10**12),
    counts=st.dictionaries(
        st.sampled_from(["redis_trips", "events", "redis_hits", "bytes_sent", "llm_cost_nanousd"]),
        st.integers(0, 10**9),
    ),
)


@given(run=runs)
def test_a_run_against_itself_passes(run: Run) -> None:
    """
    Judged against itself a run passes, with nothing but unchanged, and no word of causes.
    """
    decision = decide([run], [replace(run, commit=HEAD)])

    assert Outcome.PASS is decision.outcome
    assert {Verdict.UNCHANGED} == {one.verdict for one in decision.comparisons}
    assert ((), (), {}) == (decision.lines, decision.warnings, decision.causes)


@given(slower=st.lists(st.integers(-99, 300), min_size=2, max_size=2))
def test_outcome_is_monotone(slower: list[int]) -> None:
    """
    A head that is slower still never has the better outcome.
    """
    less, more = (decide([OLD], [slow_by(percent)]).outcome for percent in sorted(slower))

    assert not (less is Outcome.FAIL and more is Outcome.PASS)


def test_the_comparison_is_the_statistics() -> None:
    """
    What a decision holds of a metric is what stats says of it.
    """
    found = next(
        one for one in decide([OLD], [slow_by(20)]).comparisons if one.metric == "latency.p95"
    )

    assert isinstance(found, Comparison)
    assert (0.1, 0.12, 0.2, 0.15, 100) == (
        found.base,
        found.head,
        found.change_ratio,
        found.limit_ratio,
        found.sample_count,
    )


def test_one_request_is_no_path() -> None:
    """
    A request that joins another a moment later is no regression of that path; that it is not
    judged is told.
    """
    old = replace(OLD, path=("joined",) + ("hit",) * 99, latency_ns=(MS,) + (100 * MS,) * 99)
    new = replace(old, commit=HEAD, latency_ns=(5 * MS,) + (100 * MS,) * 99)
    decision = decide([old], [new])

    assert Outcome.PASS is decision.outcome
    assert (
        "agent.chat@50: 1 of 100 requests takes the path joined, too few for its median; want 6",
    ) == decision.warnings
