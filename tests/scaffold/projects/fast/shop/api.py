from typing import Annotated

import redis.asyncio as redis
from fastapi import APIRouter, Depends
from openai import AsyncOpenAI
from pydantic import BaseModel

from shop.settings import REDIS_URL

router = APIRouter(prefix="/v1")
client = AsyncOpenAI()
cache = redis.from_url(REDIS_URL)


class Message(BaseModel):
    role: str
    content: str


class Ask(BaseModel):
    messages: list[Message]
    session: str
    temperature: float = 0.2


async def user() -> str:
    return "ada"


User = Annotated[str, Depends(user)]


@router.post("/chat")
async def chat(ask: Ask, who: User):
    hit = await cache.get(f"s:{ask.session}")
    if hit is None:
        await cache.set(f"s:{ask.session}", who, ex=60)
    answer = await client.chat.completions.create(
        model="gpt-4o-mini", messages=[m.model_dump() for m in ask.messages]
    )
    return {"answer": answer.choices[0].message.content}


@router.get("/orders/{order_id}")
async def order(order_id: int, verbose: bool):
    return {"order": order_id}
