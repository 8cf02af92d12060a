"""What Redis keeps: sessions, answers that fit everybody, and how often somebody asks."""

import hashlib
import json
from collections.abc import Sequence

import redis.asyncio
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter

from support_desk.settings import (
    ANSWER_TTL_S,
    REDIS_URL,
    REQUESTS_PER_MINUTE,
    SESSION_MESSAGES_MAX,
    SESSION_TTL_S,
)

client = redis.asyncio.from_url(REDIS_URL, max_connections=50)


async def admit(session_id: str) -> bool:
    """Return whether *session_id* may ask once more in this minute."""
    key = f"rate:{session_id}"
    async with client.pipeline(transaction=True) as pipe:
        count, _ = await pipe.incr(key).expire(key, 60, nx=True).execute()
    return int(count) <= REQUESTS_PER_MINUTE


async def load_session(session_id: str) -> list[ModelMessage]:
    """Return the messages of a session, oldest first."""
    rows = await client.lrange(f"session:{session_id}", 0, -1)
    return [message for row in rows for message in ModelMessagesTypeAdapter.validate_json(row)]


async def extend_session(session_id: str, messages: Sequence[ModelMessage]) -> None:
    """Add the messages of one turn, and forget the oldest turns."""
    key = f"session:{session_id}"
    row = ModelMessagesTypeAdapter.dump_json(list(messages))
    async with client.pipeline(transaction=True) as pipe:
        pipe.rpush(key, row)
        # A turn has two messages at least.
        pipe.ltrim(key, -SESSION_MESSAGES_MAX // 2, -1)
        pipe.expire(key, SESSION_TTL_S)
        await pipe.execute()


def _answer_key(question: str) -> str:
    words = " ".join(question.lower().split())
    return f"answer:{hashlib.sha256(words.encode()).hexdigest()[:32]}"


async def cached_answer(question: str) -> dict[str, object] | None:
    """Return the answer that this question had a while ago, or None."""
    found = await client.get(_answer_key(question))
    return None if found is None else dict(json.loads(found))


async def cache_answer(question: str, answer: dict[str, object]) -> None:
    await client.set(_answer_key(question), json.dumps(answer), ex=ANSWER_TTL_S)
