from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence

import httpx2
from openai import AsyncOpenAI

from agent_perf.components import (
    Agent,
    Database,
    EventBatcher,
    FlushPolicy,
    MemoryCache,
    Message,
    OpenAiModel,
    Price,
    PusherClient,
    Question,
    RedisStore,
    Talker,
    Tool,
    Usage,
)
from agent_perf.components.agent.waves import Wave, Work
from agent_perf.sim import (
    SimDatabase,
    SimHttp,
    SimLlm,
    SimLoop,
    SimPusher,
    SimRedis,
    llm,
    simulate,
)
from tests.components.agent.asking import HELLO, USAGE, Events, Model
from tests.components.fakes import Counts, constant_draws

PRICE = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)


def test_a_miss_works_and_a_hit_does_not() -> None:
    """
    The first request makes the model work and pays for it; the second is answered from
    the cache, at once and for nothing; both stream their text as events.
    """
    model, events = Model(), Events()
    heard: list[str] = []

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(model, price=PRICE), cache=MemoryCache[str](), publish=events)
        miss = await agent.ask(HELLO, on_text=heard.append)
        hit = await agent.ask(HELLO, on_text=heard.append)
        stats = agent.stats()
        return [
            (miss.text, miss.path, miss.usage, round(miss.cost_usd, 9), miss.duration_s),
            (hit.text, hit.path, hit.usage, hit.cost_usd, hit.duration_s),
            (stats.requests, stats.paths, stats.usage, round(stats.cost_usd, 9)),
        ]

    assert [
        ("You said hello", "miss", USAGE, 0.002, 1.0),
        ("You said hello", "hit", Usage(), 0.0, 0.0),
        (2, {"miss": 1, "hit": 1}, USAGE, 0.002),
    ] == simulate(main)
    assert ["You said ", "hello", "You said hello"] == heard
    assert [
        ("chat-17", "answer.delta", {"text": "You said "}),
        ("chat-17", "answer.delta", {"text": "hello"}),
        ("chat-17", "answer.done", {"path": "miss"}),
        ("chat-17", "answer.delta", {"text": "You said hello"}),
        ("chat-17", "answer.done", {"path": "hit"}),
    ] == events.published


def test_fifty_who_ask_together_make_one_call() -> None:
    """
    One of fifty works, forty-nine join it: their latency is a wait, not a hit.
    """
    model = Model()

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        answers = await asyncio.gather(*(agent.ask(HELLO) for _ in range(50)))
        late = await agent.ask(HELLO)
        return [[answer.path for answer in answers], late.path, model.asked]

    assert [["miss"] + ["joined"] * 49, "hit", 1] == simulate(main)


def test_users_do_not_get_each_others_answers() -> None:
    """
    The same words of two users are two questions.
    """
    model = Model()

    async def main(_: SimLoop) -> int:
        agent = Agent(Talker(model), cache=MemoryCache[str]())
        await agent.ask(Question(text="hello", user_id="1"))
        await agent.ask(Question(text="hello", user_id="2"))
        return model.asked

    assert 2 == simulate(main)


def test_what_is_independent_runs_together() -> None:
    """
    Three look-ups of a second each take one; their messages come in the order of the loads.
    """
    told: list[str] = []

    async def model(messages: Sequence[Message], _: Sequence[Tool]) -> str:
        told.extend(message.content for message in messages)
        return "done"

    def load(name: str, seconds: float) -> object:
        async def fetch(_: Question) -> list[Message]:
            await asyncio.sleep(seconds)
            return [Message(role="system", content=name)]

        return fetch

    async def main(_: SimLoop) -> float:
        agent = Agent(Talker(model), loads=[load("a", 1.0), load("b", 0.5), load("c", 0.1)])
        return (await agent.ask(HELLO)).duration_s

    assert 1.0 == simulate(main)
    assert ["a", "b", "c", "hello"] == told


def test_long_texts_are_cut_to_what_an_event_may_carry() -> None:
    """
    A cached answer of 10,000 control characters, six bytes each in JSON, goes out in
    pieces that the protocol allows.
    """
    text = "\x01" * 10_000

    async def main(_: SimLoop) -> list[int]:
        sent: list[Sequence[object]] = []

        async def send(events: Sequence[object]) -> None:
            sent.extend(events)

        async def model(_: object, __: object) -> str:
            return text

        async with EventBatcher(send) as events:
            await Agent(Talker(model), publish=events.publish).ask(HELLO)
        return [len(event.data) for event in sent]

    assert max(simulate(main)) <= 10_240


def test_the_new_answer_is_saved_once() -> None:
    """
    An answer is saved when it is made, not when it is read.
    """
    saved: list[tuple[str, str]] = []

    async def save(question: Question, text: str) -> None:
        saved.append((question.text, text))

    async def main(_: SimLoop) -> None:
        agent = Agent(Talker(Model()), cache=MemoryCache[str](), save=save)
        await asyncio.gather(agent.ask(HELLO), agent.ask(HELLO))
        await agent.ask(HELLO)

    simulate(main)

    assert [("hello", "You said hello")] == saved


def test_the_whole_path_in_virtual_time() -> None:
    """
    Redis, SQL, a streamed model with a tool, and Pusher together: the work counts and the
    time of a miss and of a hit are exactly those of the design.
    """

    async def main(_: SimLoop) -> list[object]:
        counts = Counts()
        draws = constant_draws(
            redis_trip=0.001,
            redis_connect=0.0,
            db_connect=0.0,
            db_statement=0.002,
            http_connect=0.0,
            http_request=0.0,
            llm_first_token=0.100,
            llm_token=0.0,
            pusher_request=0.030,
        )
        redis, database = SimRedis(draws, counts, command_ns=0), SimDatabase(draws, counts)
        database.prepare("CREATE TABLE notes (body TEXT); INSERT INTO notes VALUES ('note')")
        http = SimHttp(draws, counts)
        model_server = SimLlm(http, draws, counts, tokens_per_chunk=2)
        model_server.script(
            (llm.call_tool("shout", word="a"), llm.call_tool("shout", word="b")),
            llm.text("done", tokens=5),
        )
        pusher_server = SimPusher(http, draws, counts, app_id="1", key="k", secret="s")

        async def shout(word: str) -> str:
            await asyncio.sleep(0.5)
            return word.upper()

        async with (
            http.client() as client,
            http.client(httpx2) as llm_client,
            Database(database.engine()) as notes,
            redis.client() as redis_client,
        ):
            await redis_client.ping()
            pusher = PusherClient(
                client, app_id="1", key="k", secret="s", base_url=pusher_server.base_url
            )
            openai_client = AsyncOpenAI(
                api_key="x", base_url=model_server.base_url, http_client=llm_client
            )
            tool = Tool(
                name="shout",
                description="Shouts a word.",
                parameters={"type": "object", "properties": {"word": {"type": "string"}}},
                call=shout,
            )

            async def load(_: Question) -> list[Message]:
                rows = await notes.read("SELECT body FROM notes")
                return [Message(role="system", content=row.body) for row in rows]

            async def save(_: Question, text: str) -> None:
                await notes.write("INSERT INTO notes VALUES (:body)", {"body": text})

            async with EventBatcher(
                pusher.send_batch, policy=FlushPolicy(delay_s_max=0.01)
            ) as events:
                agent = Agent(
                    Talker(OpenAiModel(openai_client, "gpt-4o-mini"), tools=[tool]),
                    cache=RedisStore(redis_client, namespace="answers", kind=str),
                    loads=[load],
                    save=save,
                    publish=events.publish,
                )
                before = counts.total.copy()
                miss = await agent.ask(HELLO)
                await events.flush()
                between = counts.total.copy()
                hit = await agent.ask(HELLO)
            after = counts.total.copy()
        names = ("redis_trips", "db_statements", "llm_calls", "events", "llm_calls_holding_db")
        return [
            (miss.text, miss.path, miss.tool_calls, round(miss.duration_s, 9)),
            {name: between[name] - before[name] for name in names},
            (hit.text, hit.path, round(hit.duration_s, 9)),
            {name: after[name] - between[name] for name in names},
            (miss.usage.tokens_in, miss.usage.tokens_out)
            == (after["llm_tokens_in"], after["llm_tokens_out"]),
        ]

    outcome = simulate(main, executor="inline")

    assert ("done", "miss", 2) == outcome[0][:3]
    assert {
        "redis_trips": 2,
        "db_statements": 2,
        "llm_calls": 2,
        "events": 5,
        "llm_calls_holding_db": 0,
    } == outcome[1]
    assert ("done", "hit", 0.001) == outcome[2]
    assert {
        "redis_trips": 1,
        "db_statements": 0,
        "llm_calls": 0,
        "events": 2,
        "llm_calls_holding_db": 0,
    } == outcome[3]
    assert outcome[4]
    # GET 1, SELECT 2, first token 100, both tools 500, first token 100, INSERT 2, SET 1.
    assert 0.706 == outcome[0][3]


def test_a_request_leaves_nothing_to_the_collector() -> None:
    """
    Once it has its answer, nothing of a request is held, whichever way the answer came.
    """

    async def main(_: SimLoop) -> list[object]:
        agent = Agent(Talker(Model()), cache=MemoryCache[str]())
        together = await asyncio.gather(agent.ask(HELLO), agent.ask(HELLO))
        paths = [answer.path for answer in (*together, await agent.ask(HELLO))]
        del together
        return [*paths, *(held for held in gc.get_objects() if isinstance(held, Work | Wave))]

    gc.collect()
    gc.disable()
    try:
        assert ["miss", "joined", "hit"] == simulate(main)
    finally:
        gc.enable()
