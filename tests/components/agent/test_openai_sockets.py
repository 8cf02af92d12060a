"""The openai client, through our adapter, against a server on a real socket that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest
from aiohttp import web

from agent_perf.components import (
    Agent,
    AgentPolicy,
    Budget,
    CircuitBreaker,
    ErrorCategory,
    MemoryCache,
    OpenAiModel,
    Price,
    Question,
    RequestError,
    RetryPolicy,
    Talker,
    TalkPolicy,
)

PRICE = Price(usd_per_token_in=1e-6, usd_per_token_out=1e-5)
QUICK = RetryPolicy(attempts=3, wait_s_first=0.01, wait_s_max=0.05, jitter_s_max=0.01)


class Server:
    """
    Answers each question with its own words, and misbehaves as the question's first word says.

    Attributes:
        billed_usd: What it would charge.
        asked: Requests so far.
        open: Streams under way.
    """

    def __init__(self) -> None:
        self.billed_usd = 0.0
        self.asked = 0
        self.open = 0
        self.base_url = ""
        self._tries: dict[str, int] = {}

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        question = (await request.json())["messages"][-1]["content"]
        tries = self._tries[question] = self._tries.get(question, 0) + 1
        mishap = question.partition(" ")[0] if tries == 1 or question.startswith("always") else ""
        mishap = mishap.removeprefix("always-")
        if mishap.isdecimal():
            headers = {"retry-after-ms": "20"} if mishap == "429" else {}
            return web.json_response(
                {"error": {"message": "no"}}, status=int(mishap), headers=headers
            )
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        self.open += 1
        try:
            for number, word in enumerate(question.split(" ")):
                if number == 2 and mishap == "cut":
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if number == 2 and mishap == "stall":
                    await asyncio.sleep(60)
                if number == 2 and mishap == "garbage":
                    await response.write(b"data: {not json\n\n")
                await self._say(response, {"content": f"{word} "})
            self.billed_usd += 30 * 1e-6 + 10 * 1e-5
            await self._say(response, {}, finish="stop")
            await response.write(b"data: [DONE]\n\n")
        finally:
            self.open -= 1
        return response

    async def _say(
        self, response: web.StreamResponse, delta: dict[str, str], finish: str | None = None
    ) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        event: dict[str, object] = {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        if finish:
            event["usage"] = {"prompt_tokens": 30, "completion_tokens": 10, "total_tokens": 40}
        await response.write(f"data: {json.dumps(event)}\n\n".encode())


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, openai.AsyncOpenAI]]:
    server = Server()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        async with openai.AsyncOpenAI(
            api_key="x", base_url=f"http://127.0.0.1:{port}/v1"
        ) as client:
            yield server, client
    finally:
        await runner.cleanup()


def agent_of(client: openai.AsyncOpenAI, **options: object) -> Agent:
    policy = options.pop("agent_policy", None) or AgentPolicy(deadline_s=20.0)
    talker = Talker(OpenAiModel(client, "m"), **({"retry": QUICK} | options))
    return Agent(talker, cache=MemoryCache[str](), policy=policy)


@pytest.mark.parametrize("mishap", ["429", "500", "503", "cut", "fine"])
def test_what_passes_is_waited_out(mishap: str) -> None:
    """
    A refusal or a cut in the midst of the stream is tried again, and the answer is whole.
    """

    async def main() -> tuple[str, int]:
        async with serving() as (server, client):
            answer = await agent_of(client).ask(Question(text=f"{mishap} is what it does"))
            return answer.text.strip(), server.asked

    assert (f"{mishap} is what it does", 1 if mishap == "fine" else 2) == asyncio.run(main())


@pytest.mark.parametrize(
    ("mishap", "category"),
    [
        ("always-429", ErrorCategory.RATE_LIMIT),
        ("always-500", ErrorCategory.NETWORK),
        ("always-cut", ErrorCategory.NETWORK),
        ("401", ErrorCategory.MODEL),
        ("garbage", ErrorCategory.MODEL),
    ],
)
def test_what_does_not_pass_has_its_category(mishap: str, category: ErrorCategory) -> None:
    """
    What goes on for ever, or would be the same again, is an error of its own category.
    """

    async def main() -> ErrorCategory:
        async with serving() as (_, client):
            with pytest.raises(RequestError) as caught:
                await agent_of(client).ask(Question(text=f"{mishap} is what it does"))
            return caught.value.category

    assert category is asyncio.run(main())


@pytest.mark.parametrize("how", ["silence", "deadline", "closing"])
def test_a_stall_is_ended_and_the_server_told(how: str) -> None:
    """
    A stream that stalls is given up after the silence allowed, at the deadline, or when the
    reader goes: each time the connection is closed, so that the server stops, too.
    """

    async def main() -> tuple[object, int, int]:
        async with serving() as (server, client):
            before = len(asyncio.all_tasks())
            question = Question(text="stall in the midst of it")
            outcome: object = None
            if how == "silence":
                agent = agent_of(client, policy=TalkPolicy(silence_s_max=0.1))
                outcome = (await agent.ask(question)).text.strip()
            elif how == "deadline":
                agent = agent_of(client, agent_policy=AgentPolicy(deadline_s=0.3))
                with pytest.raises(RequestError) as caught:
                    await agent.ask(question)
                outcome = caught.value.category
            else:
                pieces = agent_of(client).stream(question)
                outcome = await anext(pieces)
                await pieces.aclose()
            # Facts, not timings: the server notices when its loop comes round to it.
            while server.open:  # noqa: ASYNC110 (the server may close more than one)
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            # Connections that are kept alive may stay.
            return outcome, server.open, max(0, len(asyncio.all_tasks()) - before - server.asked)

    expected = {
        "silence": "stall in the midst of it",
        "deadline": ErrorCategory.TIMEOUT,
        "closing": "stall ",
    }
    assert (expected[how], 0, 0) == asyncio.run(main())


def test_many_at_once_are_not_crossed_and_stay_within_the_budget() -> None:
    """
    A hundred questions at once, a third of them with a mishap: each answer has its question's
    words, and neither the bill nor the books exceed the budget.
    """
    mishaps = ("fine", "fine", "429", "fine", "cut", "500")

    async def main() -> None:
        async with serving() as (server, client):
            budget = Budget(0.05)
            agent = agent_of(
                client,
                price=PRICE,
                budget=budget,
                policy=TalkPolicy(reply_tokens_max=20),
                breaker=CircuitBreaker(failures_max=1_000),
            )
            texts = [f"{mishaps[n % 6]} question number {n}" for n in range(100)]
            answers = await asyncio.gather(
                *(agent.ask(Question(text=text)) for text in texts), return_exceptions=True
            )
            answered = 0
            for text, answer in zip(texts, answers, strict=True):
                if isinstance(answer, BaseException):
                    assert isinstance(answer, RequestError)
                    assert answer.category is ErrorCategory.BUDGET
                else:
                    answered += 1
                    assert text == answer.text.strip()
            stats = budget.stats()
            assert answered > 0
            assert server.billed_usd <= stats.spent_usd + 1e-9
            assert stats.spent_usd <= 0.05
            assert 0.0 == stats.reserved_usd

    asyncio.run(main())
