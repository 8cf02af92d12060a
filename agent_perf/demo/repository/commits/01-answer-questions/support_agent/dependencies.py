"""The services that the agent talks to. Tests and benchmarks pass their own."""

from dataclasses import dataclass

import httpx
from openai import AsyncOpenAI
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

# A connection for each customer who waits for an answer, kept for the next one.
HTTP_LIMITS = httpx.Limits(
    max_connections=1000, max_keepalive_connections=1000, keepalive_expiry=60.0
)


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    redis: Redis  # with decode_responses=True
    engine: AsyncEngine
    model: AsyncOpenAI
    http: httpx.AsyncClient  # base URL: the event service

    async def aclose(self) -> None:
        await self.redis.aclose()
        await self.engine.dispose()
        await self.model.close()
        await self.http.aclose()
