"""The whole path when something goes wrong at any instant, and thousands at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_perf.components import (
    Agent,
    AgentPolicy,
    Budget,
    Chunk,
    CircuitBreaker,
    Deadline,
    ErrorCategory,
    MemoryCache,
    Message,
    ModelRateLimitError,
    ModelTimeoutError,
    ModelUnavailableError,
    Price,
    Question,
    Reply,
    RequestError,
    RetryPolicy,
    StoreUnavailableError,
    Talker,
    TalkPolicy,
    Tool,
    ToolCall,
    Usage,
    time_left_s,
)
from agent_perf.sim import SimLoop, simulate
from tests.components.agent.asking import HELLO, Events
from tests.components.fakes import Hands

PRICE = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)


class Phases:
    """An agent each of whose phases takes a second; it notes when each began and ended."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.left_s: list[float] = []
        self.cache = MemoryCache[str]()

    async def phase(self, name: str) -> None:
        self.begun.append(name)
        self.left_s.append(time_left_s())
        try:
            await asyncio.sleep(1)
        finally:
            self.ended.append(name)

    async def load(self, _: Question) -> list[Message]:
        await self.phase("load")
        return []

    async def model(self, messages: Sequence[Message], _: Sequence[Tool]) -> AsyncIterator[Chunk]:
        await self.phase("model")
        if messages[-1].role == "tool":
            yield "done"
        else:
            yield ToolCall(id="1", name="tool", arguments="{}")

    async def tool(self) -> str:
        await self.phase("tool")
        return "found"

    async def save(self, _: Question, __: str) -> None:
        await self.phase("save")

    def agent(self) -> Agent:
        tool = Tool(name="tool", description="", parameters={}, call=self.tool)
        return Agent(
            Talker(self.model, tools=[tool]), cache=self.cache, loads=[self.load], save=self.save
        )


PHASES = ["load", "model", "tool", "model", "save"]


@given(st.floats(0.01, 6.0), st.sampled_from(["policy", "around", "cancel"]))
def test_the_deadline_holds_in_each_phase(limit_s: float, how: str) -> None:
    """
    At whatever instant the time is up or the caller goes: the phase under way is ended there,
    no other is begun, nothing half done is kept, and the next request works.
    """
    phases = Phases()

    async def main(loop: SimLoop) -> tuple[object, float, list[str], str]:
        agent = phases.agent()
        outcome: object = None
        try:
            if how == "policy":
                outcome = (await agent.ask(HELLO, deadline_s=limit_s)).text
            elif how == "around":
                async with Deadline(limit_s):
                    outcome = (await agent.ask(HELLO)).text
            else:
                async with asyncio.timeout(limit_s):
                    outcome = (await agent.ask(HELLO)).text
        except RequestError as error:
            outcome = error.category
        except TimeoutError:
            outcome = ErrorCategory.TIMEOUT
        ended_s, begun = loop.time(), list(phases.begun)
        await asyncio.sleep(0)
        assert 1 == len(asyncio.all_tasks())
        assert phases.begun == phases.ended
        again = await agent.ask(HELLO)
        return outcome, ended_s, begun, again.path

    outcome, ended_s, begun, path = simulate(main)

    if limit_s > 5:
        assert ("done", 5.0, PHASES, "hit") == (outcome, ended_s, begun, path)
    elif limit_s < 5:
        assert (ErrorCategory.TIMEOUT, "miss") == (outcome, path)
        assert abs(ended_s - limit_s) <= 1e-9
        # A phase that began at that very instant was ended in it.
        assert len(begun) - min(5, int(limit_s) + 1) in {0, -1}
        assert PHASES[: len(begun)] == begun
    if how != "cancel":
        expected = [min(limit_s, 30.0) - number for number in range(len(begun))]
        assert expected == pytest.approx(phases.left_s[: len(begun)], abs=1e-6)


def test_shared_work_knows_the_latest_deadline() -> None:
    """
    The first who asks has 2 s, the second 10 s: the first is told in time that it is late,
    and the work goes on for the second, which knows of its time.
    """
    phases = Phases()

    async def main(loop: SimLoop) -> list[object]:
        agent = phases.agent()
        first = asyncio.create_task(agent.ask(HELLO, deadline_s=2.5))
        await asyncio.sleep(0.5)
        second = asyncio.create_task(agent.ask(HELLO, deadline_s=10.0))
        with pytest.raises(RequestError) as caught:
            await first
        late_s = loop.time()
        answer = await second
        return [caught.value.category, late_s, answer.path, loop.time()]

    assert [ErrorCategory.TIMEOUT, 2.5, "joined", 5.0] == simulate(main)
    assert [2.5, 9.5, 8.5, 7.5, 6.5] == phases.left_s


class Moody:
    """A model that answers with its question, or fails as the question's number says."""

    def __init__(self) -> None:
        self.calls = self.running = self.running_max = 0
        self.billed_usd = 0.0

    async def __call__(self, messages: Sequence[Message], _: Sequence[Tool]) -> Reply:
        self.calls += 1
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            await asyncio.sleep(1)
        finally:
            self.running -= 1
        text = messages[-1].content
        if text.endswith("13"):
            raise ModelRateLimitError("busy", retry_after_s=1.0)
        if text.endswith("27"):
            raise ModelUnavailableError("503")
        if text.endswith("66"):
            raise ModelTimeoutError("slow")
        usage = Usage(tokens_in=50, tokens_out=20)
        self.billed_usd += PRICE.cost_usd(usage)
        return Reply(text=text, usage=usage)


def test_ten_thousand_who_ask_one_question() -> None:
    """
    Ten thousand ask the same at once, and every tenth goes away: one call, one answer for all
    who stayed.
    """
    model = Moody()

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        tasks = [asyncio.create_task(agent.ask(HELLO)) for _ in range(10_000)]
        await asyncio.sleep(0.5)
        for task in tasks[::10]:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        texts = {answer.text for answer in answers if not isinstance(answer, BaseException)}
        stats = agent.stats()
        return [texts, model.calls, stats.paths, stats.cancelled, len(asyncio.all_tasks())]

    assert [{"hello"}, 1, {"joined": 9_000}, 1_000, 1] == simulate(main)


def test_ten_thousand_who_ask_many_questions() -> None:
    """
    Ten thousand ask two thousand questions at once, some of which fail: each answer carries
    its question, the bill stays within the budget, and no task is left.
    """
    model, budget = Moody(), Budget(0.5, clock=Hands())

    async def main(_: SimLoop) -> tuple[list[object], int]:
        talker = Talker(
            model,
            price=PRICE,
            budget=budget,
            policy=TalkPolicy(reply_tokens_max=20),
            retry=RetryPolicy(attempts=2),
            breaker=CircuitBreaker(failures_max=1_000),
        )
        agent = Agent(talker, cache=MemoryCache[str]())
        answers = await asyncio.gather(
            *(agent.ask(Question(text=f"question {n % 2_000}")) for n in range(10_000)),
            return_exceptions=True,
        )
        return list(answers), len(asyncio.all_tasks())

    answers, tasks = simulate(main)

    assert 1 == tasks
    failed: set[ErrorCategory] = set()
    for number, answer in enumerate(answers):
        if isinstance(answer, RequestError):
            failed.add(answer.category)
        else:
            assert f"question {number % 2_000}" == answer.text
    assert ErrorCategory.BUDGET in failed
    assert failed <= {
        *(ErrorCategory.BUDGET, ErrorCategory.RATE_LIMIT),
        *(ErrorCategory.NETWORK, ErrorCategory.TIMEOUT),
    }
    assert 0 < model.billed_usd <= budget.stats().spent_usd <= 0.5
    assert 0.0 == budget.stats().reserved_usd


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 6), st.none() | st.integers(0, 8)),
        min_size=1,
        max_size=8,
    )
)
def test_callers_come_and_go(callers: list[tuple[int, int, int | None]]) -> None:
    """
    Whoever asks what when, and goes when: answers carry their question, figures count every
    request once, and no task is left.
    """

    async def main(_: SimLoop) -> tuple[list[object], int, object]:
        agent = Agent(Talker(Moody()), cache=MemoryCache[str]())

        async def one(number: int, come: int, leave: int | None) -> object:
            await asyncio.sleep(come / 4)
            try:
                async with asyncio.timeout(None if leave is None else leave / 4):
                    return (await agent.ask(Question(text=f"question {number}"))).text
            except TimeoutError:
                return None

        texts = await asyncio.gather(*(one(*caller) for caller in callers))
        await asyncio.sleep(0)
        return list(texts), len(asyncio.all_tasks()), agent.stats()

    texts, tasks, stats = simulate(main)

    assert 1 == tasks
    for (number, _, leave), text in zip(callers, texts, strict=True):
        assert text in ({f"question {number}"} if leave is None else {f"question {number}", None})
    assert len(callers) == stats.requests == stats.latency_s.count


@pytest.mark.parametrize(
    ("part", "error", "category"),
    [
        ("cache", StoreUnavailableError("down"), ErrorCategory.UNAVAILABLE),
        ("load", ConnectionResetError("database"), ErrorCategory.NETWORK),
        ("save", TimeoutError("database"), ErrorCategory.TIMEOUT),
        ("load", KeyError("a bug"), ErrorCategory.INTERNAL),
    ],
)
def test_a_part_that_is_down_has_its_category(
    part: str, error: Exception, category: ErrorCategory
) -> None:
    """
    A cache that raises, a look-up or a save that fails: the request fails with the category
    of that, said on the channel, and is retried by nobody who might do harm.
    """
    events = Events()

    class Down:
        async def get_or_set(self, key: str, compute: object) -> str:
            raise error

    async def fail(*_: object) -> list[Message]:
        raise error

    async def main(_: SimLoop) -> tuple[ErrorCategory, int]:
        agent = Agent(
            Talker(Moody()),
            cache=Down() if part == "cache" else MemoryCache[str](),
            loads=[fail] if part == "load" else [],
            save=fail if part == "save" else None,
            publish=events,
        )
        with pytest.raises(RequestError) as caught:
            await agent.ask(HELLO)
        return caught.value.category, len(asyncio.all_tasks())

    assert (category, 1) == simulate(main)
    assert ("chat-17", "answer.failed", {"category": category.value}) == events.published[-1]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=10))
def test_clocks_that_jump_do_no_harm(jumps: list[float]) -> None:
    """
    However the clock jumps between and during requests, all are answered and counted, and
    no figure becomes negative.
    """
    clock = Hands(1e7)

    async def main(_: SimLoop) -> object:
        coming = iter(jumps)

        async def model(messages: Sequence[Message], __: object) -> str:
            clock.now_s += next(coming)
            return messages[-1].content

        agent = Agent(Talker(model, breaker=CircuitBreaker(clock=clock)), clock=clock)
        for _ in jumps:
            await agent.ask(HELLO)
        return agent.stats()

    stats = simulate(main)

    assert ({"miss": len(jumps)}, 1.0) == (stats.paths, stats.success_ratio)
    assert stats.duration_s >= 0
    assert len(jumps) == stats.latency_s.count + stats.latency_s.rejected


def test_figures_hold_failed_requests_too() -> None:
    """
    Of 100 requests, ten of which time out after 30 s, the P95 is the time-out's; the
    history has them in their minutes. Of fewer than 20 there is no P95.
    """
    model = Moody()

    async def main(_: SimLoop) -> list[object]:
        async def slow(messages: Sequence[Message], tools: Sequence[Tool]) -> Reply:
            if messages[-1].content.endswith("0"):
                await asyncio.sleep(3600)
            return await model(messages, tools)

        agent = Agent(Talker(slow), policy=AgentPolicy(deadline_s=30))
        few: object = None
        for number in range(100):
            if number == 19:
                few = agent.stats().latency_quantile_s(0.95)
            try:
                await agent.ask(Question(text=f"{number}"))
            except RequestError:
                assert number % 10 == 0 or number in {13, 27, 66}
        stats = agent.stats()
        return [
            few,
            [stats.latency_quantile_s(q) for q in (0.5, 0.95)],
            stats.errors[ErrorCategory.TIMEOUT],
            sum(slot.successes + slot.failures for slot in stats.history),
            max(slot.successes for slot in stats.history) < 60,
        ]

    few, (p50, p95), timeouts, counted, spread = simulate(main)

    assert few is None
    assert pytest.approx(1.0, rel=0.004) == p50
    assert pytest.approx(30.0, rel=0.004) == p95
    assert (11, 100, True) == (timeouts, counted, spread)
