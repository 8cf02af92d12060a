"""An evaluation from end to end, in virtual time."""

from __future__ import annotations

import pytest

from agent_perf.components import (
    CircuitBreaker,
    ErrorCategory,
    Evaluation,
    Evaluator,
    ExactMatch,
    Example,
    FunctionSystem,
    Judgement,
    ModelRateLimitError,
    ModelSystem,
    ModelTimeoutError,
    ModelUnavailableError,
    Output,
    RetryPolicy,
    RubricJudge,
    Unjudged,
    Usage,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.evaluation.evaluator import evaluate
from tests.components.evaluation.judging import Grader, examples, model

NO_JITTER = RetryPolicy(attempts=3, wait_s_first=1.0, wait_s_max=8.0, jitter_s_max=0.0)


def test_an_output_is_judged_by_each_judge() -> None:
    """
    Each example has its row, in order, with what each judge says.
    """
    judges = [ExactMatch(), RubricJudge(model(Grader()), "good?")]
    result = evaluate(Evaluator(judges), examples(3), seconds=1.0)

    assert ["e0", "e1", "e2"] == [row.example.id for row in result.rows]
    said = {"exact": Judgement(score=1.0, passed=True)} | {
        "rubric": Judgement(score=1.0, passed=True, reason="ok")
    }
    assert [said] * 3 == [row.judgements for row in result.rows]
    assert () == result.undone == result.failed


def test_a_hundred_samples_take_less_than_a_second_in_batches() -> None:
    """
    A hundred examples in batches of ten, ten calls at a time, take the time of one call.
    """
    grader = Grader(seconds=0.8)
    judge = RubricJudge(model(grader), "good?", batch_max=10)
    result = evaluate(Evaluator([judge], concurrency=10), examples(100), seconds=0.8)

    assert 10 == result.judging["rubric"].calls == len(grader.calls)
    assert 10 == grader.in_flight_max


@pytest.mark.parametrize("concurrency", [1, 3, 7])
def test_concurrency_is_bounded(concurrency: int) -> None:
    """
    No more calls are under way than may be, and no fewer while there is work.
    """
    grader = Grader()
    judge = RubricJudge(model(grader), "good?")
    seconds = float(-(-21 // concurrency))
    evaluate(Evaluator([judge], concurrency=concurrency), examples(21), seconds)

    assert concurrency == grader.in_flight_max


def test_the_system_is_asked_for_what_has_no_output() -> None:
    """
    Answers are judged as they come; an example that has an output keeps it.
    """
    llm = Grader(say=lambda messages: messages[-1].content.upper())
    asked = [
        Example(id="a", input="yes", expected="YES"),
        Example(id="b", input="no", expected="no", output="no"),
    ]
    evaluator = Evaluator([ExactMatch()], system=ModelSystem("shouter", model(llm)))
    result = evaluate(evaluator, asked)

    assert ["YES", "no"] == [row.output for row in result.rows]
    assert all(row.judgements["exact"].passed for row in result.rows)
    assert (1, 0) == (result.answering.calls, result.judging["exact"].calls)


def test_what_has_no_answer_is_not_judged() -> None:
    """
    A system's failure is a row that says so, with its category; others are judged.
    """

    async def ask(question: str) -> Output:
        if question == "question 1":
            raise ConnectionResetError("gone")
        return Output(text="x")

    evaluator = Evaluator(
        [ExactMatch()],
        system=FunctionSystem("flaky", ask, version="1"),
        retry=RetryPolicy(attempts=1),
    )
    asked = [Example(id=f"e{n}", input=f"question {n}", expected="x") for n in range(3)]
    result = evaluate(evaluator, asked)

    output = result.rows[1].output
    assert isinstance(output, Unjudged)
    assert ErrorCategory.NETWORK is output.category
    assert ("e1",) == result.failed
    assert [1, 0, 1] == [len(row.judgements) for row in result.rows]


@pytest.mark.parametrize(
    ("error", "waits_s"),
    [
        (ModelUnavailableError("down"), 1.0),
        (ModelTimeoutError("slow"), 1.0),
        (ModelRateLimitError("slow down", retry_after_s=5.0), 5.0),
        (ConnectionResetError("gone"), 1.0),
    ],
)
def test_what_passes_is_tried_again(error: Exception, waits_s: float) -> None:
    """
    A transient error is retried after a wait, as long as the provider asks for.
    """
    judge = RubricJudge(model(Grader(error)), "good?")
    result = evaluate(Evaluator([judge], retry=NO_JITTER), examples(1), seconds=2 + waits_s)

    assert () == result.failed
    totals = result.judging["rubric"]
    assert (2, 1) == (totals.calls, totals.calls_failed)
    assert 2 == totals.latency_s.count


def test_what_does_not_pass_is_not_tried_again() -> None:
    """
    An error that would come again is told at once, with its category.
    """
    grader = Grader(ValueError("a bug"))
    judge = RubricJudge(model(grader), "good?")
    result = evaluate(Evaluator([judge], retry=NO_JITTER), examples(1), seconds=1.0)

    said = result.rows[0].judgements["rubric"]
    assert isinstance(said, Unjudged)
    assert (ErrorCategory.INTERNAL, "ValueError: a bug") == (said.category, said.message)


def test_a_call_that_hangs_is_ended() -> None:
    """
    A call takes timeout_s at most, and is a time-out.
    """
    judge = RubricJudge(model(Grader(seconds=1e6)), "good?")
    evaluator = Evaluator([judge], timeout_s=3.0, retry=RetryPolicy(attempts=1))
    result = evaluate(evaluator, examples(1), seconds=3.0)

    said = result.rows[0].judgements["rubric"]
    assert isinstance(said, Unjudged)
    assert ErrorCategory.TIMEOUT is said.category


def test_an_open_breaker_is_no_call() -> None:
    """
    What the breaker refuses is in no latency, and costs nothing.
    """
    breaker = CircuitBreaker(failures_max=1, open_s=1e6, counts=(ModelUnavailableError,))

    async def main(loop: SimLoop) -> Evaluation:
        grader = Grader(*[ModelUnavailableError("down")] * 5)
        judge = RubricJudge(model(grader, breaker=breaker), "good?")
        return await Evaluator([judge], concurrency=1, retry=RetryPolicy(attempts=1)).evaluate(
            examples(3)
        )

    result = simulate(main)
    categories = [row.judgements["rubric"].category for row in result.rows]

    assert [ErrorCategory.NETWORK, *[ErrorCategory.UNAVAILABLE] * 2] == categories
    assert 1 == result.judging["rubric"].latency_s.count


def test_requests_are_paced() -> None:
    """
    At 60 requests a minute the fifth begins four seconds after the first.
    """
    judge = RubricJudge(model(Grader(seconds=0.0)), "good?")
    evaluate(Evaluator([judge], requests_per_min=60), examples(5), seconds=4.0)


def test_tokens_are_paced_by_what_was_used() -> None:
    """
    A call takes its bound of tokens at first, and gives back what it did not use.
    """
    grader = Grader(seconds=0.0, usage=Usage(tokens_in=600))

    async def main(loop: SimLoop) -> float:
        judge = RubricJudge(model(grader), "good?")
        evaluator = Evaluator([judge], tokens_per_min=60_000, concurrency=1)
        await evaluator.evaluate(examples(51))
        return loop.time()

    seconds = simulate(main)
    bound = model(grader).usage_bound(grader.calls[-1])
    # A thousand tokens at first and in each second; fifty calls have used theirs before the
    # last one finds its whole bound.
    needed = 50 * 600 + bound.tokens_in + bound.tokens_out
    assert round(seconds, 6) == (needed - 1_000) / 1_000


@pytest.mark.parametrize(
    "usage",
    [
        Usage(tokens_in=-1_000_000, tokens_out=10),
        Usage(tokens_in=100, tokens_out=-10_000),
        Usage(tokens_in=100, tokens_out=10, tokens_cached=1_000_000),
    ],
)
def test_a_bill_that_cannot_be_is_none(usage: Usage) -> None:
    """
    Tokens below 0, or more of them cached than read, bring nothing back: such a call counts
    as the most that it may have cost, and the rate limit is kept.
    """
    judge = RubricJudge(model(Grader(usage=usage)), "good?")
    told = evaluate(Evaluator([judge], tokens_per_min=60_000), examples(4))
    silent = RubricJudge(model(Grader(usage=None)), "good?")
    known = evaluate(Evaluator([silent], tokens_per_min=60_000), examples(4))

    assert known.cost_usd == told.cost_usd == told.assumed_usd
    assert known.cost_usd > 0
    assert Usage() == told.judging["rubric"].usage
