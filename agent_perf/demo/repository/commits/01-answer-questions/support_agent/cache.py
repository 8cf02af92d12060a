"""What Redis remembers: who is talking to us, and what we have answered before."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis


@dataclass(frozen=True, kw_only=True)
class Session:
    name: str


class Sessions:
    def __init__(self, redis: Redis, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    async def find(self, customer_id: int) -> Session | None:
        stored = await self._redis.get(f"session:{customer_id}")
        return None if stored is None else Session(**json.loads(stored))

    async def save(self, customer_id: int, session: Session) -> None:
        await self._redis.set(f"session:{customer_id}", json.dumps(asdict(session)), ex=self._ttl_s)


class Answers:
    def __init__(self, redis: Redis, ttl_s: int) -> None:
        self._redis = redis
        self._ttl_s = ttl_s

    async def find(self, messages: list[dict[str, Any]]) -> str | None:
        return await self._redis.get(_key(messages))

    async def save(self, messages: list[dict[str, Any]], text: str) -> None:
        await self._redis.set(_key(messages), text, ex=self._ttl_s)


def _key(messages: list[dict[str, Any]]) -> str:
    # The whole opening, so that a new system prompt does not bring back old answers.
    return "answer:" + hashlib.sha256(json.dumps(messages).encode()).hexdigest()
