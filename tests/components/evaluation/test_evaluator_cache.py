"""Caches, progress and statistics of an evaluation, and judges and callers that do it wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agent_perf.components import (
    Attempt,
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    FunctionJudge,
    Judgement,
    MemoryCache,
    Progress,
    RubricJudge,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.evaluation.evaluator import evaluate
from tests.components.evaluation.judging import Grader, examples, model


def test_a_cache_answers_for_nothing() -> None:
    """
    A second evaluation of the same finds it all, and calls nobody; another judge does not.
    """
    cache: MemoryCache[str] = MemoryCache()
    grader = Grader()

    async def main(loop: SimLoop) -> tuple[Evaluation, Evaluation]:
        first = await Evaluator([RubricJudge(model(grader), "good?")], cache=cache).evaluate(
            examples(4)
        )
        second = await Evaluator([RubricJudge(model(grader), "good?")], cache=cache).evaluate(
            examples(5)
        )
        return first, second

    first, second = simulate(main)

    assert 5 == len(grader.calls)
    assert (0, 4) == (first.judging["rubric"].found, second.judging["rubric"].found)
    assert first.rows == second.rows[:4]
    evaluate(Evaluator([RubricJudge(model(grader), "better?")], cache=cache), examples(4))
    assert 9 == len(grader.calls)


class BrokenCache:
    def get(self, key: str) -> str:
        raise OSError("no disk")

    async def set(self, key: str, value: str) -> None:
        raise OSError("no disk")


def test_a_broken_cache_costs_only_its_hits(caplog: pytest.LogCaptureFixture) -> None:
    """
    A cache that fails is counted and logged once; what was paid for is not lost.
    """
    evaluator = Evaluator([RubricJudge(model(Grader()), "good?")], cache=BrokenCache())
    result = evaluate(evaluator, examples(3))

    assert () == result.failed
    assert 6 == evaluator.stats().cache_failures
    assert 1 == len(caplog.records)


def test_damaged_entries_of_a_cache_are_misses() -> None:
    """
    What a cache gives that is none of ours is asked for anew.
    """

    class Odd:
        def get(self, key: str) -> str:
            return '{"not": "ours"}'

        def set(self, key: str, value: str) -> None:
            """Forgets."""

    result = evaluate(Evaluator([ExactMatch()], cache=Odd()), examples(1))

    assert result.rows[0].judgements["exact"].passed


def test_progress_is_told_after_each_step() -> None:
    """
    What is told grows to the end, and matches what comes back.
    """
    told: list[Progress] = []
    judge = RubricJudge(model(Grader(ValueError("bug"))), "good?")
    result = evaluate(Evaluator([judge], on_progress=told.append, concurrency=1), examples(3))

    assert [0, 1, 2] == [one.had for one in told]
    assert [1, 1, 1] == [one.unjudged for one in told]
    assert result.cost_usd == told[-1].cost_usd
    assert 0 == told[-1].reserved_usd == told[-1].in_flight


def test_statistics_add_up_over_runs() -> None:
    """
    Two runs are in the statistics; nothing is under way afterwards.
    """
    evaluator = Evaluator([RubricJudge(model(Grader()), "good?", batch_max=2)])
    for _ in range(2):
        evaluate(evaluator, examples(3))
    stats = evaluator.stats()

    assert (6, 4, 0) == (stats.examples, stats.calls, stats.calls_failed)
    assert (400, 40) == (stats.tokens_in, stats.tokens_out)
    assert pytest.approx(800e-6) == stats.cost_usd
    assert {"in_flight", "reserved_usd"} == stats.LEVELS
    assert 0 == stats.in_flight == stats.reserved_usd


PASSED = Judgement(score=1.0, passed=True)


@pytest.mark.parametrize(
    "words", [[PASSED], [PASSED] * 4, [PASSED, PASSED, 0.5], None, "abc", 17, iter([PASSED] * 3)]
)
def test_a_judge_must_say_one_thing_of_each(
    words: object, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A judge that says too little, too much or something else is not believed at all: what is
    whose could not be told. Other judges are.
    """

    class Odd:
        name, version, batch_max = "odd", "1", 8

        async def judge(self, attempts: object, meter: object) -> object:
            return words

    result = evaluate(Evaluator([Odd(), ExactMatch()]), examples(3))

    assert ("e0", "e1", "e2") == result.failed
    assert all(row.judgements["exact"].passed for row in result.rows)
    assert "things of 3" in caplog.text


@pytest.mark.parametrize("answer", [None, 17, b"x", "\ud800"])
def test_an_answer_must_be_text(answer: object) -> None:
    """
    A system that answers with something else has not answered.
    """

    class Odd:
        name, version = "odd", "1"

        async def answer(self, example: object, meter: object) -> object:
            return answer

    evaluator = Evaluator([ExactMatch()], system=Odd())
    result = evaluate(evaluator, [Example(id="a", input="?", expected="x")])

    assert ("a",) == result.failed


def test_an_error_of_the_caller_ends_the_run() -> None:
    """
    Two examples of one id, one without an output, and a progress that raises are the
    caller's errors: raised, and nothing is left under way.
    """
    judge = RubricJudge(model(Grader()), "good?")

    def fail(_: Progress) -> None:
        raise RuntimeError("no screen")

    with pytest.raises(ConfigError, match="two examples have the id 'e0'"):
        evaluate(Evaluator([judge]), [*examples(3), *examples(1)])
    with pytest.raises(ConfigError, match="no output"):
        evaluate(Evaluator([judge]), [Example(id="a", input="?")])
    with pytest.raises(RuntimeError, match="no screen"):
        evaluate(Evaluator([judge], on_progress=fail), examples(30))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Evaluator([]), "want one or more"),
        (lambda: Evaluator([ExactMatch(), ExactMatch()]), "names of their own"),
        (lambda: Evaluator([ExactMatch()], concurrency=0), "concurrency=0"),
        (lambda: Evaluator([ExactMatch()], timeout_s=0), "timeout_s=0"),
        (lambda: Evaluator([ExactMatch()], max_cost_usd=-1), "max_cost_usd=-1"),
        (lambda: Evaluator([ExactMatch()], max_cost_usd=float("nan")), "max_cost_usd=nan"),
        (lambda: Evaluator([ExactMatch()], requests_per_min=0), "requests_per_min=0"),
        (lambda: Evaluator([ExactMatch()], tokens_per_min=0), "rate_per_min=0"),
        (lambda: Example(id="", input="?"), "empty id"),
        (lambda: Example(id="a", input="?", label=True), "label but no output"),
        (lambda: Judgement(score=1.1, passed=True), "score=1.1"),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object], said: str) -> None:
    """
    Arguments out of range are named, with the way out.
    """
    with pytest.raises(ConfigError, match=said):
        make()


def test_an_odd_function_is_an_error_of_one_example() -> None:
    """
    A function that gives no score is an error of that example, and not a score.
    """
    scores = iter([0.4, float("nan"), 0.6])

    def odd(_: Attempt) -> float:
        return next(scores)

    result = evaluate(Evaluator([FunctionJudge("odd", odd, version="1")]), examples(3))

    assert ("e1",) == result.failed
    assert not result.rows[0].judgements["odd"].passed
    assert result.rows[2].judgements["odd"].passed


def test_examples_are_read_as_they_are_needed() -> None:
    """
    With two calls at a time, no more than three examples have been read by the first answer.
    """
    read: list[int] = []

    async def main(loop: SimLoop) -> int:
        def source() -> object:
            for n, example in enumerate(examples(1_000)):
                read.append(n)
                yield example

        judge = RubricJudge(model(Grader()), "good?")
        task = loop.create_task(Evaluator([judge], concurrency=2).evaluate(source()))
        await asyncio.sleep(0.5)
        seen = len(read)
        task.cancel()
        await asyncio.wait([task])
        return seen

    assert 2 == simulate(main)
