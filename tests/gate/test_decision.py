import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.errors import ConfigError, SampleError
from agent_perf.gate import ALL_METRICS, exit_code, judge, make_policy
from agent_perf.records import (
    Breach,
    Comparison,
    Decision,
    DuetRun,
    Failure,
    Outcome,
    Run,
    Verdict,
)
from tests.stats.example import ENVIRONMENT, make_run

MS = 1_000_000
BASE, HEAD = "b" * 40, "d" * 40
POLICY = make_policy({}, {})


def decide(
    base: list[Run],
    head: list[Run],
    *,
    duets: list[DuetRun] | None = None,
    failures: list[Failure] | None = None,
    limits: dict[str, str] | None = None,
    targets: dict[str, dict[str, str]] | None = None,
) -> Decision:
    return judge(
        base,
        head,
        duets or [],
        failures or [],
        make_policy(limits or {}, targets or {}),
        base_label=BASE,
        head_label=HEAD,
    )


def slow_by(percent: int, **changes: object) -> Run:
    return make_run(latency_ns=[(100 + percent) * MS] * 100, commit=HEAD, **changes)  # type: ignore[arg-type]


def verdicts(decision: Decision) -> dict[str, Verdict]:
    return {one.metric: one.verdict for one in decision.comparisons}


def duet(*ratios: float, benchmark: str = "cache.Memory.time_get") -> DuetRun:
    return DuetRun(
        benchmark=benchmark,
        metric="cpu.median",
        unit="s",
        base=(1e-6,) * len(ratios),
        head=tuple(1e-6 * ratio for ratio in ratios),
        calls_per_round=200,
    )


def failure(commit: str, benchmark: str = "agent.chat@50") -> Failure:
    return Failure(benchmark=benchmark, commit=commit, category="raised", message="ValueError: no")


OLD = make_run(latency_ns=[100 * MS] * 100, commit=BASE)


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


def test_targets_hold_where_nothing_compares() -> None:
    """
    A head that does not compare is still held to its targets.
    """
    head = make_run(latency_ns=[200 * MS] * 100, seed=2, targets={"latency.p95": 0.15})

    assert Outcome.FAIL is decide([OLD], [head]).outcome


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


def test_missed_targets() -> None:
    """
    A target that the head misses fails, although nothing changed.
    """
    run = replace(OLD, targets={"latency.p95": 0.09, "latency.p50": 0.1, "throughput": 60.0})
    decision = decide([run], [run])

    assert Outcome.FAIL is decision.outcome
    assert (
        Breach(
            benchmark="agent.chat@50", metric="throughput", unit="per_s", observed=50.0, limit=60.0
        ),
        Breach(benchmark="agent.chat@50", metric="latency.p95", unit="s", observed=0.1, limit=0.09),
    ) == decision.breaches
    assert (
        "FAIL agent.chat@50 throughput observed=50/s limit=60/s interval=none" == decision.lines[0]
    )


def test_a_target_that_was_missed_before_is_told() -> None:
    """
    A target that the base misses too fails all the same, with a word that it is not news.
    """
    old = replace(OLD, targets={"latency.p95": 0.05})
    both = decide([old], [replace(old, commit=HEAD)])
    only_head = decide([replace(OLD, latency_ns=(MS,) * 100)], [old])

    assert Outcome.FAIL is both.outcome
    assert ("agent.chat@50 latency.p95: the base misses this target too",) == both.warnings
    assert () == only_head.warnings


def test_a_target_without_its_metric_is_undecided() -> None:
    """
    A P99 of 50 requests does not exist, so its target is not met by that.
    """
    run = make_run(latency_ns=[MS] * 50, targets={"latency.p99": 0.2})
    decision = decide([run], [run])

    assert Outcome.UNDECIDED is decision.outcome
    (line,) = decision.lines
    assert (
        "UNDECIDED agent.chat@50 latency.p99 target of 200 ms, and 50 requests give no such "
        "metric; they give latency.p50, latency.p95, latency.mean"
    ) == line


def test_failure_of_the_head() -> None:
    """
    A benchmark that broke on the head is broken, in a line, and not missing.
    """
    decision = decide([OLD], [], failures=[failure(HEAD)])

    assert Outcome.BROKEN is decision.outcome
    assert 3 == exit_code(decision)
    assert () == decision.comparisons
    assert ("BROKEN agent.chat@50 raised: ValueError: no",) == decision.lines


def test_a_regression_outweighs_what_broke() -> None:
    """
    A regression is certain whatever else broke: it decides, and both have their lines.
    """
    decision = decide([OLD], [slow_by(20)], failures=[failure(HEAD, "cache.get@1")])

    assert Outcome.FAIL is decision.outcome
    assert "BROKEN cache.get@1 raised: ValueError: no" == decision.lines[-1]


def test_failure_of_the_base() -> None:
    """
    What broke on the base alone is a warning, and the head is held to its targets.
    """
    fast, slow = (replace(OLD, commit=HEAD, targets={"latency.p95": s}) for s in (0.2, 0.05))
    good = decide([], [fast], failures=[failure(BASE)])

    assert Outcome.PASS is good.outcome
    assert {Verdict.NEW} == set(verdicts(good).values())
    (warning,) = good.warnings
    assert (
        "agent.chat@50 gave no value on the base (raised: ValueError: no): "
        "the head is held to its targets alone"
    ) == warning
    assert Outcome.FAIL is decide([], [slow], failures=[failure(BASE)]).outcome


def test_a_failure_of_an_unknown_commit_is_the_heads() -> None:
    """
    A failure that is not surely the base's breaks the gate: it cannot be passed by mistake.
    """
    assert Outcome.BROKEN is decide([OLD], [OLD], failures=[failure("f" * 40)]).outcome
    assert Outcome.BROKEN is decide([OLD], [OLD], failures=[failure(OLD.commit)]).outcome


def test_nothing_measured() -> None:
    """
    Without any value on the head there is nothing to pass.
    """
    decision = decide([OLD], [])

    assert Outcome.NOTHING is decision.outcome
    assert 5 == exit_code(decision)
    assert decision.lines[0].startswith("NOTHING measured")
    assert Outcome.NOTHING is decide([], []).outcome
    assert Outcome.NOTHING is decide([], [], duets=[duet()]).outcome


def test_a_benchmark_that_is_gone_is_told() -> None:
    """
    A benchmark that only the base has is missing, and a warning.
    """
    gone = make_run(scenario="cache.get", commit=BASE)
    decision = decide([OLD, gone], [replace(OLD, commit=HEAD)])

    assert Outcome.PASS is decision.outcome
    assert Verdict.MISSING is decision.comparisons[0].verdict
    assert ("cache.get@50 is measured on the base only",) == decision.warnings


def test_duets() -> None:
    """
    Sampled benchmarks count like exact ones: regressed, undecided, fine.
    """
    fine, slow, open_ = duet(*[1.0] * 5), duet(*[1.5] * 5), duet(0.5, 2, 0.5, 2, 0.5)

    assert Outcome.PASS is decide([], [], duets=[fine]).outcome
    assert Outcome.FAIL is decide([], [], duets=[fine, slow]).outcome
    assert Outcome.UNDECIDED is decide([], [], duets=[fine, open_]).outcome
    assert (
        "FAIL cache.Memory.time_get cpu.median observed=1µs->1.5µs(+50%) limit=+15% "
        "interval=[+50%,+50%]"
    ) == decide([], [], duets=[slow]).lines[0]


def test_bad_samples_are_undecided() -> None:
    """
    A duet with a sample that is no number is undecided: neither passed nor failed.
    """
    decision = decide([], [], duets=[duet(1.0, math.nan, 1.0, 1.0, 1.0)])

    assert Outcome.UNDECIDED is decision.outcome
    assert "head gave nan in round 2" in decision.comparisons[0].reason


def test_target_of_a_duet() -> None:
    """
    A sampled metric has targets too, for the median of the head's rounds.
    """
    decision = decide(
        [], [], duets=[duet(*[1.0] * 5)], targets={"cache.*": {"cpu.median": "900ns"}}
    )

    assert Outcome.FAIL is decision.outcome
    assert "cpu.median observed=1µs limit=900ns" in decision.lines[0]


def test_targets_of_what_has_no_number() -> None:
    """
    A target of a run without requests, or of a duet without rounds or with bad ones, is
    undecided with the comparison, and told once.
    """
    empty = make_run(latency_ns=(), targets={"latency.p95": 0.1})
    targets = {"cache.*": {"cpu.median": "900ns"}}

    assert 1 == len(decide([], [empty]).comparisons)
    for rounds in ((), (math.nan,) * 5):
        decision = decide([OLD], [OLD], duets=[duet(*rounds)], targets=targets)
        assert Outcome.UNDECIDED is decision.outcome
        assert () == decision.breaches


def test_a_met_duet_target_is_no_breach() -> None:
    """
    A sampled metric within its target passes.
    """
    decision = decide([], [], duets=[duet(*[1.0] * 5)], targets={"cache.*": {"cpu.median": "1us"}})

    assert Outcome.PASS is decision.outcome


def test_what_has_no_base_and_no_head_failure_is_told_once() -> None:
    """
    A benchmark that broke on the head is not also told as missing from it.
    """
    decision = decide([OLD], [slow_by(0, scenario="cache.get")], failures=[failure(HEAD)])

    assert Outcome.BROKEN is decision.outcome
    assert Verdict.MISSING not in verdicts(decision).values()


def test_a_duet_cannot_be_held_to_nothing() -> None:
    """
    The limit +0 for a sampled metric is a mistake in the configuration.
    """
    with pytest.raises(ConfigError, match="noise exceeds"):
        decide([], [], duets=[duet(*[1.0] * 5)], limits={"cpu.*": "+0"})


def test_warnings_do_not_fail() -> None:
    """
    A limit of level warn is told when exceeded, and passes.
    """
    decision = decide([OLD], [slow_by(20)], limits={"latency.*": "warn 15%"})

    assert Outcome.PASS is decision.outcome
    assert () == decision.lines
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


def test_a_run_without_requests_is_undecided() -> None:
    """
    A run without any request has no numbers, and cannot pass.
    """
    empty = make_run(latency_ns=())

    assert Outcome.UNDECIDED is decide([empty], [empty]).outcome
    assert Outcome.UNDECIDED is decide([], [empty]).outcome


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


def test_exit_code_refuses_other_words() -> None:
    """
    What to do with the undecided is one of two words.
    """
    with pytest.raises(ConfigError, match="maybe"):
        exit_code(decide([OLD], [OLD]), undecided="maybe")


@pytest.mark.parametrize("undecided", ["fail", "pass"])
@pytest.mark.parametrize("outcome", Outcome)
def test_exit_codes_are_total(outcome: Outcome, undecided: str) -> None:
    """
    Every outcome has its code, and only a pass or an allowed doubt ends with 0.
    """
    decision = replace(decide([OLD], [OLD]), outcome=outcome)
    code = exit_code(decision, undecided=undecided)

    assert code in {0, 1, 3, 4, 5}
    good = outcome is Outcome.PASS or (outcome is Outcome.UNDECIDED and undecided == "pass")
    assert good is (code == 0)


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
