from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    BudgetError,
    ErrorCategory,
    Evaluation,
    Evaluator,
    Journal,
    Message,
    ModelRateLimitError,
    ModelUnavailableError,
    Price,
    Reply,
    RetryPolicy,
    RubricJudge,
    Tool,
    Unjudged,
    Usage,
)
from agent_perf.components.evaluation.purse import PICO, Purse, pico_up
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.evaluation.judging import MICRO, Grader, examples, grades, model


def test_what_fits_is_reserved_and_what_does_not_is_refused() -> None:
    """
    Ten dollars carry ten calls of one, and not an eleventh, once all have settled.
    """

    async def main() -> None:
        purse = Purse(10.0)
        for _ in range(10):
            await purse.reserve(pico_up(1.0))
        for _ in range(10):
            purse.settle(pico_up(1.0), pico_up(1.0))
        with pytest.raises(BudgetError, match=r"\$10.000000 of \$10.000000 is spent"):
            await purse.reserve(1)
        assert 10 * PICO == purse.spent_pico

    asyncio.run(main())


def test_what_is_given_back_lets_others_in() -> None:
    """
    A call that does not fit beside those under way waits for them, and is made if it then fits.
    """

    async def main() -> tuple[bool, bool]:
        purse = Purse(1.0)
        await purse.reserve(pico_up(0.9))
        waiting = asyncio.create_task(purse.reserve(pico_up(0.5)))
        await asyncio.sleep(0)
        before = waiting.done()
        purse.settle(pico_up(0.9), pico_up(0.5))
        await waiting
        return before, purse.reserved_pico == pico_up(0.5)

    assert (False, True) == asyncio.run(main())


def test_nobody_waits_for_money_that_will_not_come() -> None:
    """
    All who wait are refused as soon as what was spent leaves no room.
    """

    async def main() -> list[object]:
        purse = Purse(1.0)
        await purse.reserve(pico_up(0.9))
        waiting = [asyncio.create_task(purse.reserve(pico_up(0.5))) for _ in range(5)]
        await asyncio.sleep(0)
        purse.settle(pico_up(0.9), pico_up(0.9))
        return [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)]

    assert [BudgetError] * 5 == asyncio.run(main())


def test_a_waiter_that_goes_away_leaves_nothing() -> None:
    """
    A cancelled wait reserves nothing.
    """

    async def main() -> int:
        purse = Purse(1.0)
        await purse.reserve(pico_up(1.0))
        waiting = asyncio.create_task(purse.reserve(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        purse.settle(pico_up(1.0), 0)
        return purse.reserved_pico

    assert 0 == asyncio.run(main())


@given(cost_usd=st.floats(0, 1e6))
def test_costs_are_rounded_up(cost_usd: float) -> None:
    """
    A cost in picodollars is never less than the cost, and less than one more.
    """
    pico = pico_up(cost_usd)

    assert pico - 1 < cost_usd * PICO <= pico


@pytest.mark.parametrize("cost_usd", [-1.0, float("nan"), float("inf")])
def test_odd_costs_are_refused(cost_usd: float) -> None:
    """
    A cost that is no number of dollars is an error, and no gift.
    """
    with pytest.raises(ConfigError):
        pico_up(cost_usd)


def rich(max_cost_usd: float, grader: Grader, count: int, **options: object) -> Evaluation:
    judge = RubricJudge(model(grader), "good?")

    async def main(loop: SimLoop) -> Evaluation:
        evaluator = Evaluator([judge], max_cost_usd=max_cost_usd, **options)
        return await evaluator.evaluate(examples(count))

    return simulate(main)


def bound_usd() -> float:
    """Return the most that one call of these tests may cost."""
    grader = Grader()
    rich(1.0, grader, 1)
    one = model(grader)
    return one.cost_usd_bound(one.usage_bound(grader.calls[0]))


def test_what_does_not_fit_is_told() -> None:
    """
    A call of $200e-6 needs its bound to be free; when it is not, the rest is undone, by name.
    """
    # Three calls settled at 200 each, and room for one bound beyond the third only.
    budget = 3 * 200e-6 + bound_usd() - 1e-9
    grader = Grader()
    result = rich(budget, grader, 5, concurrency=1)

    assert 3 == len(grader.calls)
    assert ("e3", "e4") == result.undone
    assert () == result.failed
    said = result.rows[3].judgements["rubric"]
    assert isinstance(said, Unjudged)
    assert ErrorCategory.BUDGET is said.category
    assert "is spent" in said.message
    assert pytest.approx(600e-6) == result.cost_usd


def test_no_budget_is_no_wait() -> None:
    """
    With nothing to spend, a thousand paced calls are refused at once, and none is made.
    """
    grader = Grader()
    judge = RubricJudge(model(grader), "good?")
    evaluator = Evaluator([judge], max_cost_usd=0.0, requests_per_min=1)

    async def main(loop: SimLoop) -> tuple[int, float]:
        result = await evaluator.evaluate(examples(1_000))
        return len(result.undone), loop.time()

    assert (1_000, 0.0) == simulate(main)
    assert [] == grader.calls


def test_a_call_without_a_told_cost_has_cost_the_most() -> None:
    """
    A failed call and a model that tells no tokens count with their bound; a refused call
    with nothing.
    """
    once = RetryPolicy(attempts=1)
    silent = rich(1.0, Grader(usage=None), 1)
    failed = rich(1.0, Grader(ModelUnavailableError("cut")), 1, retry=once)
    refused = rich(1.0, Grader(ModelRateLimitError("slow")), 1, retry=once)

    assert pytest.approx(bound_usd()) == silent.cost_usd == silent.assumed_usd
    assert pytest.approx(bound_usd()) == failed.cost_usd == failed.assumed_usd
    assert 0 == refused.cost_usd


def test_a_call_dearer_than_its_bound_is_told_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """
    A model that takes more than it was said to is logged and counted, and asked no more.
    """
    grader = Grader(usage=Usage(tokens_in=100, tokens_out=10_000))
    result = rich(1_000.0, grader, 5, concurrency=1)

    assert 1 == len(grader.calls)
    assert pytest.approx(0.1001) == result.cost_usd
    assert pytest.approx(result.cost_usd - bound_usd()) == result.overrun_usd
    assert 4 == len(result.undone)
    assert "was said to cost" in caplog.text


def test_the_bound_holds_for_tokens_that_are_stored() -> None:
    """
    A provider may charge more for tokens that it stores in its cache: the bound knows.
    """
    price = Price(usd_per_token_in=1e-6, usd_per_token_stored=1.25e-6, usd_per_token_out=1e-5)
    grader = Grader(usage=None)
    one = model(grader, price=price)
    judge = RubricJudge(one, "good?")
    simulate(lambda _: Evaluator([judge]).evaluate(examples(1)))
    bound = one.usage_bound(grader.calls[0])
    worst = Usage(
        tokens_in=bound.tokens_in, tokens_out=bound.tokens_out, tokens_stored=bound.tokens_in
    )

    assert pytest.approx(price.cost_usd(worst)) == one.cost_usd_bound(bound)


def test_free_models_need_no_budget() -> None:
    """
    With a price of nothing all is done on a budget of nothing.
    """
    judge = RubricJudge(model(Grader(), price=Price()), "good?")
    result = simulate(lambda _: Evaluator([judge], max_cost_usd=0.0).evaluate(examples(3)))

    assert () == result.undone


class Provider:
    """
    Bills each call when it begins, whatever becomes of it; a refused one is free.

    *plan* holds for each call: shares of the bound that it takes in and out, seconds, and
    what becomes of it.
    """

    def __init__(self, plan: list[tuple[float, float, float, str]]) -> None:
        self._plan = plan
        self.calls = 0
        self.billed_pico = 0
        self.model = model(self)

    async def __call__(self, messages: list[Message], _: list[Tool]) -> Reply:
        share_in, share_out, seconds, fate = self._plan[self.calls % len(self._plan)]
        self.calls += 1
        bound = self.model.usage_bound(messages)
        usage = Usage(
            tokens_in=int(bound.tokens_in * share_in), tokens_out=int(bound.tokens_out * share_out)
        )
        if fate == "refused":
            await asyncio.sleep(seconds)
            raise ModelRateLimitError("slow down")
        self.billed_pico += usage.tokens_in * 1_000_000 + usage.tokens_out * 10_000_000
        await asyncio.sleep(seconds)
        match fate:
            case "cut":
                raise ModelUnavailableError("cut")
            case "bug":
                raise ValueError("bug")
            case "silent":
                return Reply(text=grades(messages))
            case "nonsense":
                return Reply(text="Good!", usage=usage)
        return Reply(text=grades(messages), usage=usage)


shares = st.floats(0, 1)
plans = st.lists(
    st.tuples(
        shares,
        shares,
        st.sampled_from([0.0, 0.5, 1.0, 100.0]),
        st.sampled_from(["fine", "refused", "cut", "bug", "silent", "nonsense"]),
    ),
    min_size=1,
    max_size=12,
)


@given(
    plan=plans,
    budget=st.floats(0, 0.02),
    concurrency=st.integers(1, 12),
    batch_max=st.integers(1, 4),
    cancel_s=st.none() | st.floats(0, 40),
)
def test_the_budget_is_never_exceeded(
    plan: list[tuple[float, float, float, str]],
    budget: float,
    concurrency: int,
    batch_max: int,
    cancel_s: float | None,
) -> None:
    """
    Whatever calls take, fail, hang or are cancelled, however many run at once: what the
    provider bills is within the budget, and within what we say that it was.
    """
    provider = Provider(plan)
    judge = RubricJudge(provider.model, "good?", batch_max=batch_max)
    evaluator = Evaluator([judge], max_cost_usd=budget, concurrency=concurrency, timeout_s=50.0)

    async def main(loop: SimLoop) -> float:
        task = loop.create_task(evaluator.evaluate(examples(20)))
        await asyncio.wait([task], timeout=cancel_s)
        task.cancel()
        await asyncio.wait([task])
        assert 0 == evaluator.stats().in_flight
        return evaluator.stats().cost_usd

    cost_usd = simulate(main)

    assert provider.billed_pico <= round(cost_usd * PICO) <= budget * PICO


@settings(max_examples=100)
@given(plan=plans, budget=st.floats(0, 0.02), cuts_s=st.lists(st.floats(0, 5), max_size=4))
def test_the_budget_holds_across_runs(
    plan: list[tuple[float, float, float, str]], budget: float, cuts_s: list[float]
) -> None:
    """
    A run that is cut off and resumed, again and again, spends one budget.
    """
    provider = Provider(plan)
    with TemporaryDirectory() as folder:
        for cut_s in cuts_s:
            judge = RubricJudge(provider.model, "good?")
            evaluator = Evaluator([judge], max_cost_usd=budget, concurrency=3)
            journal = Journal(Path(folder), "run", fsync_lines=None)

            async def main(
                loop: SimLoop,
                evaluator: Evaluator = evaluator,
                journal: Journal = journal,
                cut_s: float = cut_s,
            ) -> None:
                task = loop.create_task(evaluator.evaluate(examples(10), journal=journal))
                await asyncio.wait([task], timeout=cut_s)
                task.cancel()
                await asyncio.wait([task])

            simulate(main)

    assert provider.billed_pico <= budget * PICO


assert MICRO * PICO == 1_000_000
