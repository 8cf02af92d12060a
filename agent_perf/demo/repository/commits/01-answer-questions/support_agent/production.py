"""The app with real services: `uvicorn --factory support_agent.production:app`."""

import os

import httpx
from fastapi import FastAPI
from openai import AsyncOpenAI
from redis.asyncio import BlockingConnectionPool, Redis
from sqlalchemy.ext.asyncio import create_async_engine

from support_agent.app import create_app
from support_agent.dependencies import HTTP_LIMITS, Dependencies
from support_agent.settings import Settings


def app() -> FastAPI:
    pool = BlockingConnectionPool.from_url(
        os.environ["REDIS_URL"], max_connections=100, decode_responses=True
    )
    dependencies = Dependencies(
        redis=Redis.from_pool(pool),
        engine=create_async_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=30),
        model=AsyncOpenAI(timeout=30.0),
        http=httpx.AsyncClient(base_url=os.environ["EVENT_URL"], limits=HTTP_LIMITS, timeout=5.0),
    )
    settings = Settings(
        event_app_id=os.environ["EVENT_APP_ID"],
        event_key=os.environ["EVENT_KEY"],
        event_secret=os.environ["EVENT_SECRET"],
    )
    return create_app(dependencies, settings)
