from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    FunctionJudge,
    FunctionSystem,
    Output,
    RetryPolicy,
    RubricJudge,
    Usage,
    judge_standings,
    standings_markdown,
    standings_text,
    system_standings,
    wilson,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import simulate
from tests.components.evaluation.judging import Grader, examples, grades, model, sent

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_paper(hits: int, count: int, low: float, high: float) -> None:
    """
    Wilson's intervals are the ones that Newcombe tabulates.
    """
    ratio = wilson(hits, count)

    assert (low, high) == (pytest.approx(ratio.low, abs=5e-5), pytest.approx(ratio.high, abs=5e-5))


@given(counts=st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_solve_their_equation(counts: tuple[int, int]) -> None:
    """
    At either end the distance to the share seen is z standard errors of that end.
    """
    hits, count = counts
    ratio = wilson(hits, count)

    assert 0 <= ratio.low <= ratio.value <= ratio.high <= 1
    for end in (ratio.low, ratio.high):
        errors = abs(ratio.value - end) - 1.959963984540054 * math.sqrt(end * (1 - end) / count)
        assert abs(errors) < 1e-9


@pytest.mark.parametrize(("hits", "count"), [(0, 0), (-1, 2), (3, 2)])
def test_no_share_of_nothing(hits: int, count: int) -> None:
    """
    Without trials, or with more hits than these, there is no interval.
    """
    with pytest.raises(ConfigError):
        wilson(hits, count)


def labelled(count: int) -> list[Example]:
    """Return examples of which people find each with an even number right."""
    return [
        Example(
            id=f"e{n}",
            input=f"question {n}",
            expected="x",
            output="x" if n % 2 == 0 else "y",
            label=n % 2 == 0,
        )
        for n in range(count)
    ]


def panel(count: int) -> Evaluation:
    """Three judges: one right for nothing, one dear and always right, one dear and often wrong."""

    def honest(messages: object) -> str:
        return grades(messages, 5 if sent(messages)[0]["answer"] == "x" else 1)

    judges = [
        ExactMatch(),
        RubricJudge(model(Grader(say=honest, seconds=2.0)), "good?", name="dear"),
        RubricJudge(model(Grader(seconds=1.0)), "good?", name="gullible | *"),
    ]
    evaluator = Evaluator(judges, concurrency=4)
    result: Evaluation = simulate(lambda _: evaluator.evaluate(labelled(count)))
    return result


def test_accuracy_is_against_labels() -> None:
    """
    A judge is right where it says what people say; who passes everything is right half of the
    time, and who is beaten is not on the front.
    """
    exact, dear, gullible = judge_standings(panel(40))

    assert [40, 40, 20] == [one.accuracy.hits for one in (exact, dear, gullible)]
    assert [20, 20, 40] == [one.passed.hits for one in (exact, dear, gullible)]
    assert [True, False, False] == [one.on_front for one in (exact, dear, gullible)]
    assert (None, 2.0) == (exact.latency_s_p50, pytest.approx(dear.latency_s_p50, rel=0.01))
    assert pytest.approx(100 * 200e-6) == dear.cost_usd_per_100
    assert 40 * 110 == dear.tokens


@pytest.mark.parametrize(("count", "told"), [(19, False), (20, True)])
def test_a_p95_needs_twenty_calls(count: int, told: bool) -> None:
    """
    The P95 of nineteen calls would be their maximum: it is not told.
    """
    dear = judge_standings(panel(count))[1]

    assert told == (dear.latency_s_p95 is not None)
    assert dear.latency_s_p50 is not None


def test_without_labels_no_judge_is_accurate() -> None:
    """
    How often a judge passes says nothing of the judge: no accuracy, and no front.
    """
    result = simulate(lambda _: Evaluator([ExactMatch()]).evaluate(examples(3)))
    (one,) = judge_standings(result)

    assert one.accuracy is None
    assert not one.on_front
    assert 3 == one.passed.hits


def test_nothing_judged_is_no_share() -> None:
    """
    A judge that said nothing has no share passed, and all its examples missing.
    """

    def fail(_: object) -> bool:
        raise ConnectionError

    judge = FunctionJudge("down", fail, version="1")
    result = simulate(lambda _: Evaluator([judge]).evaluate(examples(3)))
    (one,) = judge_standings(result)

    assert one.passed is None
    assert 3 == one.missing
    (empty,) = judge_standings(simulate(lambda _: Evaluator([judge]).evaluate([])))
    assert (None, 0, 0.0) == (empty.passed, empty.missing, empty.cost_usd_per_100)


def system(name: str, right: int, seconds: float, cost_usd: float) -> Evaluation:
    """Return how a system does that answers *right* of twenty questions right."""

    async def ask(question: str) -> Output:
        await asyncio.sleep(seconds)
        text = "x" if int(question.split()[1]) < right else "y"
        return Output(text=text, cost_usd=cost_usd, usage=Usage(tokens_in=10, tokens_out=2))

    evaluator = Evaluator(
        [ExactMatch()], system=FunctionSystem(name, ask, version="1", cost_usd_max=cost_usd)
    )
    asked = [Example(id=f"e{n}", input=f"question {n}", expected="x") for n in range(20)]
    result: Evaluation = simulate(lambda _: evaluator.evaluate(asked))
    return result


SYSTEMS = (
    ("small", 12, 0.2, 0.0001),
    ("large", 19, 1.5, 0.0100),
    ("large, twice", 19, 3.0, 0.0200),
    ("slow and cheap", 12, 4.0, 0.00005),
)


def test_the_front_holds_who_is_not_beaten() -> None:
    """
    Twice the large model is as right, slower and dearer: beaten. The others each lead in
    something.
    """
    standings = system_standings([system(*one) for one in SYSTEMS])

    assert [True, True, False, True] == [one.on_front for one in standings]
    assert [12, 19, 19, 12] == [one.accuracy.hits for one in standings]


def test_a_failure_is_no_success_and_no_money_no_failure() -> None:
    """
    Of four questions the system fails one, and the money lasts for three: two of three
    passed, and one is missing.
    """

    async def ask(question: str) -> Output:
        if question == "question 1":
            raise ConnectionError
        return Output(text="x", cost_usd=1.0)

    asked = [Example(id=f"e{n}", input=f"question {n}", expected="x") for n in range(4)]
    evaluator = Evaluator(
        [ExactMatch()],
        system=FunctionSystem("flaky", ask, version="1", cost_usd_max=1.0),
        max_cost_usd=3.0,
        concurrency=1,
        retry=RetryPolicy(attempts=1),
    )
    (one,) = system_standings([simulate(lambda _: evaluator.evaluate(asked))])

    assert (2, 3, 1) == (one.accuracy.hits, one.accuracy.count, one.missing)


def test_systems_are_compared_on_the_same_examples() -> None:
    """
    One name twice, or other examples, are refused.
    """
    one = system(*SYSTEMS[0])
    other = simulate(lambda _: Evaluator([ExactMatch()]).evaluate(examples(3)))

    with pytest.raises(ConfigError, match="names of their own"):
        system_standings([one, one])
    with pytest.raises(ConfigError, match="the same examples"):
        system_standings([one, other])


@pytest.mark.parametrize("name", ["judges", "systems"])
def test_tables_are_golden(name: str, update_golden: bool) -> None:
    """
    The tables of judges and of systems, in text and Markdown, are the committed ones.
    """
    standings = (
        judge_standings(panel(40))
        if name == "judges"
        else system_standings([system(*one) for one in SYSTEMS])
    )
    for kind, render in (("txt", standings_text), ("md", standings_markdown)):
        path = GOLDEN / f"{name}.{kind}"
        if update_golden:
            path.parent.mkdir(exist_ok=True)
            path.write_text(render(standings))
        assert path.read_text() == render(standings)


def test_an_empty_table_has_its_head() -> None:
    """
    Without standings there is a head, and nothing fails.
    """
    assert 1 == len(standings_text(()).splitlines())
    assert 2 == len(standings_markdown(()).splitlines())
