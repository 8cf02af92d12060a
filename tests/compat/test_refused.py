"""Clients that need the real world: each is refused, with its place and the way out."""

import socket
from collections.abc import Awaitable, Callable

import aiohttp
import httpx
import httpx2
import openai
import pytest
import redis
import redis.asyncio
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from agent_perf.errors import RealWorldAccess
from agent_perf.sim import SimLoop, simulate


async def _aiohttp() -> None:
    async with aiohttp.ClientSession() as session, session.get("http://billing.example/"):
        pass


async def _aiohttp_by_address() -> None:
    async with aiohttp.ClientSession() as session, session.get("http://127.0.0.1:9/"):
        pass


async def _httpx() -> None:
    async with httpx.AsyncClient() as client:
        await client.get("http://billing.example/")


async def _httpx2() -> None:
    async with httpx2.AsyncClient() as client:
        await client.get("http://billing.example/")


async def _sync_httpx() -> None:
    httpx.Client().get("http://billing.example/")


async def _sync_openai() -> None:
    client = openai.OpenAI(api_key="k", base_url="http://llm.example/v1", max_retries=0)
    client.models.list()


async def _openai() -> None:
    client = openai.AsyncOpenAI(api_key="k", base_url="http://llm.example/v1", max_retries=0)
    await client.models.list()


async def _redis() -> None:
    await redis.asyncio.Redis(host="cache.example").get("key")


async def _sync_redis() -> None:
    redis.Redis(host="cache.example").get("key")


async def _asyncpg() -> None:
    async with create_async_engine("postgresql+asyncpg://root@db.example/x").connect() as it:
        await it.execute(text("SELECT 1"))


async def _aiosqlite() -> None:
    async with create_async_engine("sqlite+aiosqlite://").connect() as connection:
        await connection.execute(text("SELECT 1"))


CLIENTS: dict[str, Callable[[], Awaitable[None]]] = {
    "aiohttp": _aiohttp,
    "aiohttp by address": _aiohttp_by_address,
    "httpx": _httpx,
    "httpx2": _httpx2,
    "sync httpx": _sync_httpx,
    "openai": _openai,
    "sync openai": _sync_openai,
    "redis": _redis,
    "sync redis": _sync_redis,
    "asyncpg": _asyncpg,
    "aiosqlite": _aiosqlite,
}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.filterwarnings("ignore")
def test_a_real_client_is_refused(name: str) -> None:
    """The error says what was tried and what to do, even where the client wraps it."""

    async def main(loop: SimLoop) -> None:
        await CLIENTS[name]()

    with pytest.raises(RealWorldAccess, match=r"in a simulation, at .*; .*") as caught:
        simulate(main)
    told = str(caught.value)
    assert ".sim" in told or "client" in told or "executor=" in told


def test_sqlite_itself_is_open() -> None:
    """A sync engine on SQLite works: it reaches nothing, and takes no virtual time."""

    async def main(loop: SimLoop) -> tuple[object, float]:
        engine = create_engine("sqlite://")
        with engine.connect() as connection:
            found = connection.execute(text("SELECT 1")).scalar()
        engine.dispose()
        return found, loop.time()

    assert (1, 0.0) == simulate(main)


def test_the_world_is_open_again_afterwards() -> None:
    """After a refusal, sockets work."""

    async def main(loop: SimLoop) -> None:
        await _redis()

    with pytest.raises(RealWorldAccess):
        simulate(main)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as client:
            assert client.getpeername() == listener.getsockname()
