"""Named cases: how each question ends."""

import openai
import pytest

from agent_perf import scenario
from agent_perf.components.agent.agent import Agent
from agent_perf.components.agent.conversation import Talker
from agent_perf.components.agent.llm import Tool
from agent_perf.components.agent.openai_adapter import OpenAiModel
from agent_perf.components.agent.questions import Question
from agent_perf.components.database.pool import Database
from agent_perf.components.errors import ModelError, ModelRateLimitError
from agent_perf.components.resilience.retry import RetryPolicy
from agent_perf.components.store.redis_store import RedisStore
from agent_perf.errors import BrokenError, ConfigError, UsageError
from agent_perf.load.data import Case, edge_cases
from agent_perf.records import Tier
from agent_perf.sim import llm
from agent_perf.sim.faults import errors, outage
from agent_perf.suite import CaseResult, ErrorCase, error_cases, run_cases


@scenario("shop.agent", think=None)
async def agent(world):
    """The agent with Redis, a database and a model behind it, as shipped."""
    import httpx2

    world.database.prepare("CREATE TABLE turns (user_id TEXT, said TEXT, answer TEXT)")
    async with (
        world.redis.client() as redis,
        world.http.client(httpx2) as http,
        Database(world.database.engine()) as database,
    ):
        client = openai.AsyncOpenAI(
            api_key="simulated", base_url=world.llm.base_url, http_client=http
        )

        async def save(question: Question, answer: str) -> None:
            await database.write(
                "INSERT INTO turns VALUES (:user, :said, :answer)",
                {"user": question.user_id, "said": question.text, "answer": answer},
            )

        talker = Talker(OpenAiModel(client, "gpt-4o-mini"))
        store: RedisStore[str] = RedisStore(redis, namespace="answers", kind=str)
        shipped = Agent(talker, cache=store, save=save)

        async def request(ask):
            answer = await shipped.ask(Question(text=ask.text, user_id=str(ask.user)))
            rows = await database.read(
                "SELECT said FROM turns WHERE user_id = :user", {"user": str(ask.user)}
            )
            # What was stored is what was asked, to the last character.
            assert [ask.text] == [row.said for row in rows]
            return answer.path

        yield request


def test_the_shipped_agent_handles_every_edge_case() -> None:
    """
    Through real clients of Redis, SQL and the model: what says nothing or cannot be encoded
    is refused as invalid; all else, however dangerous it looks, is answered and stored as is.
    """
    results = run_cases(agent, edge_cases())

    assert [] == [result.describe() for result in results if not result.passed]
    assert {"miss"} == {result.path for result in results if not result.error}
    assert 12 == sum(result.error == "validation" for result in results)


def test_errors_have_the_category_that_an_operator_acts_on() -> None:
    """
    An error suite: what goes wrong with the model is told by its category, not its class.
    """
    wrong = {
        "slow": TimeoutError("too slow"),
        "limited": ModelRateLimitError("429", retry_after_s=None),
        "gone": ConnectionResetError("reset"),
        "nonsense": ModelError("no JSON"),
        "bug": KeyError("oops"),
    }

    @scenario("shop.errors", think=None)
    async def errors(world):
        async def model(messages, tools, /):
            text = messages[-1].content
            if text in wrong:
                raise wrong[text]
            return f"You said {text}"

        asked = Agent(Talker(model, retry=RetryPolicy(attempts=1)))

        async def request(ask):
            return (await asked.ask(Question(text=ask.text, user_id="1"))).path

        yield request

    cases = (
        Case(name="model.slow", text="slow", expect="timeout"),
        Case(name="model.limited", text="limited", expect="rate_limit"),
        Case(name="model.gone", text="gone", expect="network"),
        Case(name="model.nonsense", text="nonsense", expect="model"),
        Case(name="model.bug", text="bug", expect="internal"),
        Case(name="model.well", text="hello"),
        Case(name="question.empty", text=" ", expect="validation"),
    )

    assert [] == [r.describe() for r in run_cases(errors, cases) if not r.passed]


def test_a_case_that_ends_otherwise_is_told() -> None:
    """
    An answer where a refusal was wanted, and the other way round, do not pass.
    """

    @scenario("shop.yes", think=None)
    async def yes(world):
        async def request(ask):
            if ask.text == "no":
                raise ValueError("no")
            return "yes"

        yield request

    first, second = run_cases(
        yes, (Case(name="a.one", text="x", expect="validation"), Case(name="a.two", text="no"))
    )

    assert (False, False) == (first.passed, second.passed)
    assert "a.one: answered (yes): NOT OK, want validation" == first.describe()
    assert "a.two: failed with ValueError: NOT OK, want an answer" == second.describe()
    assert CaseResult(case=first.case, path="yes", error="", latency_ns=0) == first


def test_cases_need_names_of_their_own() -> None:
    """
    None, or two of one name, is refused before anything runs.
    """
    for cases in ((), (Case(name="a.b", text="x"), Case(name="a.b", text="y"))):
        with pytest.raises(UsageError, match="want one or more, once each"):
            run_cases(agent, cases)


def test_a_broken_scenario_is_no_result() -> None:
    """
    A request function that returns a number breaks the validation, instead of failing a case.
    """

    @scenario("shop.number", think=None)
    async def number(world):
        async def request(ask):
            return 7

        yield request

    with pytest.raises(BrokenError, match="returned 7"):
        run_cases(number, (Case(name="a.b", text="x"),))


@pytest.mark.parametrize("tier", [Tier.CLIENT, Tier.WIRE])
def test_the_shipped_agent_fails_with_the_right_category(tier: Tier) -> None:
    """
    Time-outs, 429, 5xx, stalled, cut and filtered streams of the model, Redis and the database
    gone, hanging or refusing, through real clients: each ends in the category expected of it.
    """
    results = run_cases(agent, error_cases(), tier=tier)
    ends = {result.case.name: result.error for result in results}

    assert [] == [result.describe() for result in results if not result.passed]
    assert all(result.concerned for result in results)
    assert {"network", "timeout", "rate_limit", "model", "internal", ""} == set(ends.values())
    assert ("", "timeout", "network") == (
        ends["redis.down"],
        ends["llm.stalled_stream"],
        ends["database.lost"],
    )


def test_bad_json_of_a_tool_call_is_met() -> None:
    """
    The shipped agent tells the model what was wrong with its call, and answers.
    """

    async def search(query: str) -> str:
        return "nothing"

    parameters = {"type": "object", "properties": {"query": {"type": "string"}}}

    @scenario("shop.tools", think=None)
    async def tools(world):
        async with world.llm.openai() as client:
            tool = Tool(name="search", description="", parameters=parameters, call=search)
            asked = Agent(Talker(OpenAiModel(client, "gpt-4o-mini"), tools=[tool]))

            async def request(ask):
                await asked.ask(Question(text=ask.text, user_id="1"))

            yield request

    found = {one.case.name: one for one in run_cases(tools, error_cases(tool="search"))}

    assert found["llm.bad_tool_json"].concerned
    assert [] == [one.describe() for one in found.values() if not one.passed]
    assert not found["redis.down"].concerned
    assert "redis.down: nothing of the scenario's is concerned: passed over" == (
        found["redis.down"].describe()
    )


def test_an_error_case_has_a_world_of_its_own() -> None:
    """
    What one breaks, no other finds broken; a first question was answered before.
    """

    @scenario("shop.redis", think=None)
    async def redis_only(world):
        asked = []
        async with world.redis.client(socket_timeout=0.1) as redis:

            async def request(ask):
                asked.append(ask.index)
                assert [-1, 0][: len(asked)] == asked or not ask.text.startswith("?")
                await redis.get("key")

            yield request

    loading = errors("redis", message="LOADING")
    cases = (
        ErrorCase(name="a.down", text="?", faults=(outage("redis"),), expect="ConnectionError"),
        ErrorCase(name="a.loading", text="?", faults=(loading,), expect="BusyLoadingError"),
        Case(name="a.plain", text="well"),
        ErrorCase(name="a.model", text="?", turns=(llm.fail(500),), expect="model"),
    )
    results = run_cases(redis_only, cases)

    assert cases == tuple(result.case for result in results)
    assert [] == [result.describe() for result in results if not result.passed]
    assert [True, True, True, False] == [result.concerned for result in results]


def test_expectations_can_be_ones_own() -> None:
    """
    Another ending for a case that is there; a name that is not there is refused.
    """
    changed = {case.name: case for case in error_cases(expect={"redis.down": "unavailable"})}

    assert "unavailable" == changed["redis.down"].expect
    with pytest.raises(ConfigError, match="no case 'redis.gone'"):
        error_cases(expect={"redis.gone": ""})
