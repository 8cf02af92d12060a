"""The HTTP interface."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from openai import APIError
from pydantic import BaseModel, Field

from support_agent.agent import NoAnswerError, SupportAgent, UnknownCustomerError
from support_agent.dependencies import Dependencies
from support_agent.events import Publisher
from support_agent.settings import Settings


class Question(BaseModel):
    customer_id: int
    text: str = Field(min_length=1, max_length=2000)


class Reply(BaseModel):
    text: str
    source: str


def create_app(dependencies: Dependencies, settings: Settings) -> FastAPI:
    """Return the app; it closes its dependencies when it shuts down."""
    publisher = Publisher(dependencies.http, settings)
    agent = SupportAgent(dependencies, settings, publisher)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await publisher.drain()
        await dependencies.aclose()

    app = FastAPI(title="Support agent", lifespan=lifespan)

    @app.post("/questions")
    async def ask(question: Question) -> Reply:
        try:
            answer = await agent.answer(question.customer_id, question.text)
        except UnknownCustomerError as error:
            raise HTTPException(status_code=404, detail=str(error)) from error
        except (APIError, NoAnswerError) as error:
            raise HTTPException(status_code=502, detail=str(error)) from error
        return Reply(text=answer.text, source=answer.source)

    return app
