"""
Ways to a model and back: pydantic-ai, streams, tools together and in order, budgets, calls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cache

from agent_perf import World, scenario
from agent_perf.asv_plugin import Cache, ScenarioBenchmark, drive, per_call
from agent_perf.components import (
    Agent,
    Budget,
    Bulkhead,
    Chunk,
    CircuitBreaker,
    Deadline,
    FailureRatio,
    Message,
    Price,
    Question,
    RateLimiter,
    Reply,
    RetryPolicy,
    Talker,
    TalkPolicy,
    Tally,
    Tool,
    ToolCall,
    Usage,
    call_with_retries,
)
from agent_perf.suite import Ask, Request

CALLS = 1_000
ASKS = 100
RUNS = 20
PIECES = 41

_ASKED = [Message(role="user", content="How do refunds work?")]
_QUESTION = Question(text="How do refunds work?", user_id="17")


def _tool(world: World, name: str, *, serial: bool) -> Tool:
    async def call() -> str:
        await world.sleep("db.statement")
        return "found"

    return Tool(name=name, description="", parameters={}, call=call, serial=serial)


def _tools_scenario(world: World, *, serial: bool) -> Agent:
    calls = tuple(ToolCall(id=str(n), name="look", arguments="{}") for n in range(4))

    async def model(messages: Sequence[Message], _: Sequence[Tool], /) -> Reply:
        await world.sleep("llm.first_token")
        if messages[-1].role == "tool":
            return Reply(text="done", usage=Usage(tokens_in=60, tokens_out=5))
        return Reply(tool_calls=calls, usage=Usage(tokens_in=20, tokens_out=40))

    return Agent(Talker(model, tools=[_tool(world, "look", serial=serial)]))


@scenario("agent.tools_together", requests=200)
async def tools_together(world: World) -> AsyncIterator[Request]:
    """Four look-ups at the same time: the slowest of them counts."""
    agent = _tools_scenario(world, serial=False)

    async def request(ask: Ask) -> None:
        await agent.ask(Question(text=f"Question {ask.request_id}"))

    yield request


@scenario("agent.tools_in_order", requests=200)
async def tools_in_order(world: World) -> AsyncIterator[Request]:
    """Four changes one after the other: all of them count."""
    agent = _tools_scenario(world, serial=True)

    async def request(ask: Ask) -> None:
        await agent.ask(Question(text=f"Question {ask.request_id}"))

    yield request


class ToolsTogether(ScenarioBenchmark):
    scenario = tools_together

    def setup_cache(self) -> Cache:
        return self.measure()


class ToolsInOrder(ScenarioBenchmark):
    scenario = tools_in_order

    def setup_cache(self) -> Cache:
        return self.measure()


async def _work() -> int:
    return 1


async def _pieces(_: Sequence[Message], __: Sequence[Tool], /) -> AsyncIterator[Chunk]:
    for _number in range(PIECES):
        yield "forty characters of a text that streams"
    yield Usage(tokens_in=20, tokens_out=400)


async def _reply(_: Sequence[Message], __: Sequence[Tool], /) -> Reply:
    return Reply(text="done", usage=Usage(tokens_in=20, tokens_out=5))


@cache
def _streaming() -> Agent:
    return Agent(Talker(_pieces))


@cache
def _budgeted() -> Talker:
    return Talker(
        _reply,
        price=Price(usd_per_token_in=1e-9, usd_per_token_out=1e-9),
        policy=TalkPolicy(reply_tokens_max=100),
        budget=Budget(1e6),
    )


@cache
def _free() -> Talker:
    return Talker(_reply)


@cache
def _pydantic_ai() -> Talker:
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    from agent_perf.components import PydanticAiModel

    async def say(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart("done")])

    return Talker(PydanticAiModel(FunctionModel(say), stream=False))


async def _talk(talker: Talker, times: int) -> None:
    for _ in range(times):
        await talker.talk(_ASKED, None, Tally())


async def _read(agent: Agent) -> None:
    for _ in range(RUNS):
        async for _piece in agent.stream(_QUESTION):
            pass


class Talking:
    """A model that costs nothing, and what stands around it; CPU time per conversation."""

    @per_call(ASKS)
    def time_plain(self) -> None:
        drive(_talk(_free(), ASKS))

    @per_call(ASKS)
    def time_with_budget(self) -> None:
        drive(_talk(_budgeted(), ASKS))

    @per_call(RUNS)
    def time_pydantic_ai_model(self) -> None:
        drive(_talk(_pydantic_ai(), RUNS))

    @per_call(RUNS)
    def time_stream_of_41(self) -> None:
        drive(_read(_streaming()))


async def _retried() -> None:
    policy = RetryPolicy()
    for _ in range(CALLS):
        await call_with_retries(_work, on=OSError, policy=policy)


async def _guarded(breaker: CircuitBreaker) -> None:
    for _ in range(CALLS):
        await breaker.call(_work)


async def _limited() -> None:
    limiter = RateLimiter(1e9, burst=10**9)
    for _ in range(CALLS):
        await limiter.acquire()


async def _bounded() -> None:
    bulkhead = Bulkhead(running_max=1)
    for _ in range(CALLS):
        async with bulkhead:
            pass


async def _in_time() -> None:
    for _ in range(CALLS):
        async with Deadline(10.0):
            pass


class Calls:
    """What a call pays for its guards while all is well; CPU time per call."""

    @per_call(CALLS)
    def time_retries(self) -> None:
        drive(_retried())

    @per_call(CALLS)
    def time_breaker(self) -> None:
        drive(_guarded(CircuitBreaker()))

    @per_call(CALLS)
    def time_breaker_by_share(self) -> None:
        drive(_guarded(CircuitBreaker(ratio=FailureRatio())))

    @per_call(CALLS)
    def time_rate_limit(self) -> None:
        drive(_limited())

    @per_call(CALLS)
    def time_bulkhead(self) -> None:
        drive(_bounded())

    @per_call(CALLS)
    def time_deadline(self) -> None:
        drive(_in_time())
