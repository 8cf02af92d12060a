from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from agent_perf.components import (
    FREE,
    Agent,
    Budget,
    BudgetError,
    ErrorCategory,
    Message,
    ModelRateLimitError,
    ModelTimeoutError,
    Price,
    Question,
    Reply,
    RequestError,
    Reservation,
    RetryPolicy,
    Talker,
    TalkPolicy,
    Tool,
    Usage,
)
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands

PRICE = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)
POLICY = TalkPolicy(reply_tokens_max=100)
MICRO = Fraction(1, 10**6)


class Spending(RuleBasedStateMachine):
    """A budget beside exact fractions: reserve, settle below, at, or without knowing, days pass."""

    reservations = Bundle("reservations")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Hands(0.0)
        self.budget = Budget(1e-4, clock=self.clock)
        self.spent = self.reserved = Fraction(0)
        self.day = 0

    @rule(target=reservations, micro=st.integers(0, 60))
    def reserve(self, micro: int) -> object:
        fits = self.spent + self.reserved + micro * MICRO <= 100 * MICRO
        if not fits:
            with pytest.raises(BudgetError):
                self.budget.reserve(micro / 1e6)
            return None
        self.reserved += micro * MICRO
        return self.budget.reserve(micro / 1e6), micro

    @rule(reservation=consumes(reservations), share=st.none() | st.integers(0, 4))
    def settle(self, reservation: tuple[Reservation, int] | None, share: int | None) -> None:
        if reservation is not None:
            place, micro = reservation
            paid = micro if share is None else micro * share // 4
            place.settle(None if share is None else paid / 1e6)
            self.reserved -= micro * MICRO
            self.spent += paid * MICRO

    @rule(seconds=st.integers(-100_000, 200_000))
    def wait(self, seconds: int) -> None:
        self.clock.now_s += seconds
        if self.clock.now_s // 86_400 > self.day:
            self.day = int(self.clock.now_s // 86_400)
            self.spent = Fraction(0)

    @invariant()
    def agrees(self) -> None:
        stats = self.budget.stats()
        # Each sum is rounded up by less than a trillionth.
        assert abs(stats.period_spent_usd - float(self.spent)) < 1e-10
        assert abs(stats.reserved_usd - float(self.reserved)) < 1e-10
        assert stats.period_spent_usd + stats.reserved_usd <= stats.limit_usd * (1 + 1e-12)
        assert 0 == stats.exceeded


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=50, stateful_step_count=30)


class Metered:
    """A model that takes a second and bills what it is told to; it adds up its bills."""

    def __init__(self, tokens_out: int = 100, error: Exception | None = None) -> None:
        self.billed_usd = 0.0
        self.calls = 0
        self.tokens_out = tokens_out
        self.error = error

    async def __call__(self, messages: Sequence[Message], _: Sequence[Tool]) -> Reply:
        self.calls += 1
        await asyncio.sleep(1)
        if self.error:
            raise self.error
        usage = Usage(tokens_in=20, tokens_out=self.tokens_out)
        self.billed_usd += PRICE.cost_usd(usage)
        return Reply(text=messages[-1].content, usage=usage)


async def ask_all(agent: Agent, count: int) -> list[object]:
    async def ask(number: int) -> object:
        try:
            return (await agent.ask(Question(text=f"question {number}"))).text
        except RequestError as error:
            return error.category

    return list(await asyncio.gather(*(ask(number) for number in range(count))))


@settings(max_examples=100)
@given(
    st.integers(0, 40),
    st.integers(0, 100),
    st.sampled_from([None, ModelRateLimitError("429"), ModelTimeoutError("slow")]),
    st.integers(1, 40),
)
def test_many_at_once_never_exceed_it(
    cents: int, tokens_out: int, error: Exception | None, users: int
) -> None:
    """
    However many ask at a time, and whatever comes of it, what the model bills stays within
    the budget; those who are refused are told so, and nobody's money stays reserved.
    """
    model = Metered(tokens_out, error)
    budget = Budget(cents / 1000, clock=Hands())

    async def main(_: SimLoop) -> list[object]:
        talker = Talker(
            model, price=PRICE, policy=POLICY, budget=budget, retry=RetryPolicy(attempts=2)
        )
        return await ask_all(Agent(talker), users)

    outcomes = simulate(main)

    assert model.billed_usd <= cents / 1000 + 1e-12
    assert 0.0 == budget.stats().reserved_usd
    assert budget.stats().refused == 0 or ErrorCategory.BUDGET in outcomes
    assert all(
        outcome == f"question {number}" or isinstance(outcome, ErrorCategory)
        for number, outcome in enumerate(outcomes)
    )


def test_what_is_left_is_exact() -> None:
    """
    Of ten at once that may cost $0.001538 each, $0.005 lets three in; they cost $0.00102
    each, and for the rest one more can be asked.
    """
    model, budget = Metered(), Budget(0.005, clock=Hands())

    async def main(_: SimLoop) -> list[int]:
        agent = Agent(Talker(model, price=PRICE, policy=POLICY, budget=budget))
        counts = []
        for _ in range(3):
            await ask_all(agent, 10)
            counts.append(model.calls)
        return counts

    assert [3, 4, 4] == simulate(main)
    assert pytest.approx(4 * 0.00102) == budget.stats().spent_usd


@pytest.mark.parametrize(
    ("error", "spent_usd", "unpriced"),
    [
        (ModelRateLimitError("429"), 0.0, 0),
        # Nobody knows what a call that was given up has cost: it counts as what was reserved.
        (ModelTimeoutError("slow"), 0.0015, 1),
        (KeyError("a bug"), 0.0015, 1),
    ],
)
def test_calls_without_a_bill(error: Exception, spent_usd: float, unpriced: int) -> None:
    """
    A refused call has cost nothing; one of which nobody knows has cost all it might have.
    """
    budget = Budget(1.0, clock=Hands())
    model = Metered(error=error)

    async def main(_: SimLoop) -> tuple[float, int]:
        talker = Talker(
            model, price=PRICE, policy=POLICY, budget=budget, retry=RetryPolicy(attempts=1)
        )
        agent = Agent(talker)
        await ask_all(agent, 1)
        return budget.stats().spent_usd, agent.stats().llm_calls_unpriced

    spent, calls = simulate(main)

    assert unpriced == calls
    assert spent_usd <= spent <= spent_usd * 1.1


def test_cancelled_calls_count_as_what_they_might_have_cost() -> None:
    """
    A caller that goes away in mid-call leaves no reservation and no free lunch.
    """
    budget = Budget(1.0, clock=Hands())

    async def main(_: SimLoop) -> None:
        agent = Agent(Talker(Metered(), price=PRICE, policy=POLICY, budget=budget))
        task = asyncio.create_task(agent.ask(Question(text="hello")))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    simulate(main)

    assert 0.0 == budget.stats().reserved_usd
    assert 0.0015 <= budget.stats().spent_usd <= 0.0016


@pytest.mark.parametrize(
    ("policy", "calls"),
    [
        # Each may cost $0.001538, and take 638 tokens.
        (TalkPolicy(reply_tokens_max=100, cost_usd_max=0.0031), 2),
        (TalkPolicy(reply_tokens_max=100, tokens_max=1300), 2),
        (TalkPolicy(reply_tokens_max=100), 5),
    ],
)
def test_calls_without_a_bill_count_against_their_request(policy: TalkPolicy, calls: int) -> None:
    """
    A call of which nobody knows the tokens has taken all that it might have of its request's
    own limits: retries do not exceed them.
    """
    model = Metered(error=ModelTimeoutError("slow"))

    async def main(_: SimLoop) -> list[object]:
        talker = Talker(model, price=PRICE, policy=policy, retry=RetryPolicy(attempts=5))
        return await ask_all(Agent(talker), 1)

    outcomes = simulate(main)

    assert calls == model.calls
    assert [ErrorCategory.BUDGET if calls < 5 else ErrorCategory.TIMEOUT] == outcomes


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(tokens_in=-1_000_000, tokens_out=5),
        Usage(tokens_in=5, tokens_out=-1_000_000),
        Usage(tokens_in=20, tokens_out=5, tokens_cached=1_000_000),
        Usage(tokens_in=20, tokens_out=5, tokens_cached=-5, tokens_stored=20),
    ],
)
def test_a_bill_that_cannot_be_is_none(usage: Usage) -> None:
    """
    Tokens below 0, or more of them cached than read, bring no money back: the call counts as
    all that it might have cost.
    """
    budget = Budget(1.0, clock=Hands())
    price = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5, usd_per_token_cached=1e-7)

    async def model(_: Sequence[Message], __: Sequence[Tool]) -> Reply:
        return Reply(text="yes", usage=usage)

    async def main(_: SimLoop) -> tuple[Usage, int]:
        agent = Agent(Talker(model, price=price, policy=POLICY, budget=budget))
        await ask_all(agent, 1)
        return agent.stats().usage, agent.stats().llm_calls_unpriced

    assert (Usage(), 1) == simulate(main)
    assert 0.0015 <= budget.stats().spent_usd <= 0.0016


def test_a_new_day_a_new_budget() -> None:
    """
    At midnight UTC the limit begins anew; a clock that is set back brings nothing back.
    """
    clock = Hands(86_000.0)
    budget = Budget(1.0, clock=clock)
    budget.reserve(1.0).settle(1.0)
    clock.now_s = 86_399.0
    with pytest.raises(BudgetError):
        budget.reserve(0.01)
    clock.now_s = 86_400.0
    budget.reserve(1.0).settle(1.0)
    clock.now_s = 0.0

    with pytest.raises(BudgetError):
        budget.reserve(0.01)
    assert (2.0, 1.0, 2) == (
        budget.stats().spent_usd,
        budget.stats().period_spent_usd,
        budget.stats().refused,
    )


def test_a_bound_that_was_wrong_is_told() -> None:
    """
    A call that costs more than was reserved counts in full, and as exceeded.
    """
    budget = Budget(1.0, period_s=math.inf, clock=Hands())
    budget.reserve(0.1).settle(0.3)

    assert (0.3, 1) == (budget.stats().spent_usd, budget.stats().exceeded)


@pytest.mark.parametrize("bad", [{"limit_usd": -1}, {"spent_usd": math.nan}, {"period_s": 0}])
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    A budget that bounds nothing is refused, and one whose calls have no bound too.
    """
    with pytest.raises(ConfigError):
        Budget(**({"limit_usd": 1.0} | bad))
    with pytest.raises(ConfigError, match="reply_tokens_max"):
        Talker(Metered(), price=PRICE, budget=Budget(1.0))
    with pytest.raises(ConfigError, match="wants a price"):
        Talker(Metered(), policy=POLICY, budget=Budget(1.0))
    Talker(Metered(), price=FREE, policy=POLICY, budget=Budget(1.0))
