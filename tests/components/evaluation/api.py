"""An OpenAI-compatible server on a real port, which grades and misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Self

from aiohttp import web

from agent_perf.components import Message
from tests.components.evaluation.judging import grades

Fate = Callable[[int, str], str]
"""Number of the call and its attempt's question to what becomes of it; empty: all is well."""


class Api:
    """
    Grades every attempt 5 by its question.

    Attributes:
        answered: Question to how often it was graded to the end.
        calls: Requests so far.
    """

    def __init__(self, fate: Fate = lambda number, question: "", delay_s: float = 0.0) -> None:
        self._fate = fate
        self._delay_s = delay_s
        self.answered: Counter[str] = Counter()
        self.calls = 0
        self.seen = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        messages = [Message(role=row["role"], content=row["content"]) for row in body["messages"]]
        data = json.loads(messages[1].content.split("\n")[1])
        question = data[0]["question"]
        self.calls += 1
        self.seen.set()
        fate = self._fate(self.calls, question)
        await asyncio.sleep(self._delay_s)
        match fate:
            case "429":
                return web.json_response({}, status=429, headers={"retry-after": "0"})
            case "500":
                return web.json_response({}, status=500)
            case "stall":
                await asyncio.sleep(60)
        text = "I'd say five." if fate == "bad json" else grades(messages)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in (text[:10], text[10:]):
            await response.write(event({"content": piece}))
            if fate == "cut":
                assert request.transport is not None
                request.transport.abort()
                return response
        await response.write(event({}, finish="stop"))
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        await response.write(event(None, usage=usage))
        await response.write(b"data: [DONE]\n\n")
        if fate != "bad json":
            self.answered.update(row["question"] for row in data)
        return response


def event(delta: object, finish: str | None = None, usage: object = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    row = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps(row | {'choices': choices, 'usage': usage})}\n\n".encode()
