"""An agent some part of which fails, hangs, or is left."""

from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import (
    Agent,
    AgentPolicy,
    ErrorCategory,
    MemoryCache,
    Message,
    ModelUnavailableError,
    Question,
    QueueFullError,
    RequestError,
    RetryPolicy,
    Talker,
)
from agent_perf.sim import (
    SimLoop,
    simulate,
)
from tests.components.agent.asking import HELLO, USAGE, Events, Model


def fail_with(error: Exception) -> object:
    async def model(_: object, __: object) -> str:
        raise error

    return model


async def hang(_: object, __: object) -> str:
    await asyncio.sleep(3600)
    return "never"


@pytest.mark.parametrize(
    ("model", "question", "category"),
    [
        (Model(), Question(text=""), ErrorCategory.VALIDATION),
        (hang, HELLO, ErrorCategory.TIMEOUT),
        (fail_with(ModelUnavailableError("503")), HELLO, ErrorCategory.NETWORK),
        (fail_with(KeyError("a bug")), HELLO, ErrorCategory.INTERNAL),
        (lambda _messages, _tools: Model()([Message(role="user")], ()), HELLO, None),
    ],
    ids=["validation", "timeout", "network", "internal", "none"],
)
def test_failures_have_their_category(
    model: object, question: Question, category: ErrorCategory | None
) -> None:
    """
    Each way to fail is an error of its own category, counted with its time, and told on
    the channel; an agent that works is not counted as one that fails.
    """
    events = Events()

    async def main(_: SimLoop) -> tuple[object, object]:
        talker = Talker(model, retry=RetryPolicy(attempts=1))
        agent = Agent(talker, publish=events, policy=AgentPolicy(deadline_s=5))
        try:
            await agent.ask(question)
        except RequestError as error:
            return error.category, agent.stats().errors
        return None, agent.stats().errors

    expected = {} if category is None else {category: 1}
    assert (category, expected) == simulate(main)
    if category and question.channel:
        assert ("chat-17", "answer.failed", {"category": category.value}) == events.published[-1]


def test_the_deadline_holds_and_says_so() -> None:
    """
    A request ends with its deadline, whatever hangs; its time counts like any other's.
    """

    async def main(loop: SimLoop) -> tuple[float, float, float]:
        agent = Agent(Talker(hang), cache=MemoryCache[str](), policy=AgentPolicy(deadline_s=2.5))
        with pytest.raises(RequestError, match=r"the deadline of 2.5 s has passed"):
            await agent.ask(HELLO)
        stats = agent.stats()
        return loop.time(), stats.duration_s, stats.success_ratio

    assert (2.5, 2.5, 0.0) == simulate(main)


def test_failures_are_not_cached() -> None:
    """
    After a failure the next request works.
    """
    outcomes: list[object] = [KeyError("a bug"), "done"]

    async def model(_: object, __: object) -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def main(_: SimLoop) -> str:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        with pytest.raises(RequestError):
            await agent.ask(HELLO)
        return (await agent.ask(HELLO)).text

    assert "done" == simulate(main)


def test_a_caller_that_goes_away_is_no_failure() -> None:
    """
    A cancelled request is counted as that, with what it has cost; the one that joined it is
    answered.
    """
    model = Model()

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        first = asyncio.create_task(agent.ask(HELLO))
        second = asyncio.create_task(agent.ask(HELLO))
        await asyncio.sleep(0.5)
        first.cancel()
        answer = await second
        stats = agent.stats()
        return [answer.path, answer.text, stats.cancelled, stats.errors, stats.usage, model.asked]

    assert ["joined", "You said hello", 1, {}, USAGE, 1] == simulate(main)


def test_events_that_cannot_be_published_do_not_fail_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    A full event queue costs its events, which are counted and logged, and not the answer.
    """

    async def main(_: SimLoop) -> tuple[str, int]:
        agent = Agent(Talker(Model()), publish=Events(QueueFullError("full")))
        answer = await agent.ask(HELLO)
        return answer.text, agent.stats().events_dropped

    assert ("You said hello", 3) == simulate(main)
    assert 3 == caplog.text.count("is not published: full")
