"""The HTTP API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage
from sqlalchemy import text

from support_desk import memory, shop
from support_desk.agent import Desk, agent, model


class Question(BaseModel):
    session_id: str = Field(pattern=r"^[\w-]{1,64}$")
    message: str = Field(min_length=1, max_length=4000)


class Answer(BaseModel):
    answer: str
    sources: list[str] = []
    cached: bool = False


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    await shop.create_tables()
    yield
    await memory.client.aclose()
    await shop.engine.dispose()


app = FastAPI(title="Support desk", lifespan=lifespan)


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    await memory.client.ping()
    async with shop.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return {"status": "ok"}


@app.post("/chat")
async def chat(question: Question) -> Answer:
    """Answer a question, from the cache if it begins a session."""
    if not await memory.admit(question.session_id):
        raise HTTPException(429, "too many questions; wait a minute")
    history = await memory.load_session(question.session_id)
    if not history and (found := await memory.cached_answer(question.message)):
        return Answer.model_validate({**found, "cached": True})
    desk = Desk()
    try:
        run = await agent.run(question.message, model=model(), deps=desk, message_history=history)
    except ModelHTTPError as error:
        raise HTTPException(503, f"the model answers {error.status_code}; try again") from error
    answer = Answer(answer=run.output, sources=desk.sources)
    await memory.extend_session(question.session_id, run.new_messages())
    if not history and not desk.is_personal:
        await memory.cache_answer(question.message, answer.model_dump())
    return answer


@app.post("/chat/stream")
async def chat_stream(question: Question) -> StreamingResponse:
    """Answer a question in server-sent events, as the model writes."""
    if not await memory.admit(question.session_id):
        raise HTTPException(429, "too many questions; wait a minute")
    history = await memory.load_session(question.session_id)
    return StreamingResponse(_events(question, history), media_type="text/event-stream")


async def _events(question: Question, history: list[ModelMessage]) -> AsyncIterator[str]:
    desk = Desk()
    async with agent.run_stream(
        question.message, model=model(), deps=desk, message_history=history
    ) as run:
        async for delta in run.stream_text(delta=True, debounce_by=None):
            yield f"data: {json.dumps({'delta': delta})}\n\n"
    await memory.extend_session(question.session_id, run.new_messages())
    yield f"data: {json.dumps({'sources': desk.sources})}\n\n"
