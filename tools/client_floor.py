"""
Print what the client libraries alone cost on the simulator's request path.

The agent of benchmarks/simulator.py runs on redis-py, SQLAlchemy and httpx as it does in
a simulation, but over peers that answer at once, on asyncio's own loop: no virtual time,
no draws, no counts. No simulator that runs these clients can be faster on this machine.
Beside it, the same simulated.

Run as ``python tools/client_floor.py`` from the top folder.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import redis.asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from agent_perf.measure import Recorder
from agent_perf.sim import Draws, SimLoop, llm, request_scope, running_request, simulate
from agent_perf.sim.services.db_adapter import SimDbapi
from agent_perf.suite import Ask, World
from benchmarks import simulator

REQUESTS: Final = 600
ROUNDS: Final = 5
CHUNKS: Final = 21
HIT_RATIO: Final = 0.53

_SELECT: Final = text("SELECT name FROM users WHERE id = :id")
# As the simulated model's, whose words are as long.
_CHUNK: Final = (
    b'data: {"id":"chatcmpl-1a2b3c4d5e6f70","object":"chat.completion.chunk","created":1767225600,'
    b'"model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":" four words of it"},'
    b'"logprobs":null,"finish_reason":null}]}\n\n'
)


class _Writer:
    """A StreamWriter whose peer has answered before it returns."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._written = b""
        self._asked = 0.0

    def writelines(self, data: Iterable[bytes]) -> None:
        self._written += b"".join(data)

    async def drain(self) -> None:
        written, self._written = self._written, b""
        if b"answer:" in written and b"GET" in written:
            self._asked += HIT_RATIO
            hit = self._asked >= 1
            self._asked -= hit
            self._reader.feed_data(b"$4\r\nsaid\r\n" if hit else b"$-1\r\n")
        elif b"GET" in written:
            self._reader.feed_data(b"$4\r\nhere\r\n")
        elif b"INCR" in written:
            self._reader.feed_data(b"+OK\r\n+OK\r\n:1\r\n")
        else:
            self._reader.feed_data(b"+OK\r\n" * written.count(b"*"))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    async def wait_closed(self) -> None:
        pass

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


class _Connection(redis.asyncio.Connection):
    async def _connect(self) -> None:
        self._reader = asyncio.StreamReader()
        self._writer = _Writer(self._reader)  # type: ignore[assignment]


class _Session:
    """A database session that knows one row."""

    autocommit = False
    begun = False
    raw = sqlite3.connect(":memory:")

    async def execute(self, sql: str, parameters: object, *, keep_rows: bool = False) -> Any:
        if sql.startswith("PRAGMA"):
            cursor = self.raw.execute(sql)
            return cursor, cursor.fetchall()
        self.begun = True
        description = (("name", None, None, None, None, None, None),)
        raw = SimpleNamespace(description=description, rowcount=1, lastrowid=1, close=_nothing)
        return raw, [("user-1",)]

    async def commit(self) -> None:
        self.begun = False

    rollback = commit

    def close(self) -> None:
        pass


class _Body(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(CHUNKS):
            yield _CHUNK


class _Transport(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "llm.sim":
            return httpx.Response(200, headers=_SSE, stream=_Body())
        return httpx.Response(200, headers=_JSON, content=b'{"ok": true}')


_SSE: Final = httpx.Headers({"content-type": "text/event-stream"})
_JSON: Final = httpx.Headers({"content-type": "application/json"})


def _nothing() -> None:
    pass


async def _session() -> _Session:
    return _Session()


def _engine() -> AsyncEngine:
    service: Any = SimpleNamespace(connect=_session)
    return create_async_engine("sqlite+aiosqlite:///floor", module=SimDbapi(service))


def _redis() -> redis.asyncio.Redis:
    pool = redis.asyncio.BlockingConnectionPool(
        connection_class=_Connection, max_connections=100, socket_timeout=0.25
    )
    return redis.asyncio.Redis.from_pool(pool)


async def _measured(
    world: Any, client: redis.asyncio.Redis, engine: AsyncEngine, http: httpx.AsyncClient
) -> dict[str, float]:
    agent = simulator._Agent(world, client, engine, http)

    async def request(index: int) -> None:
        await agent.answer(Ask(request_id=index, user=index % 200, index=0))

    async def look_up(_: int) -> None:
        await client.get("session:1")

    async def select(index: int) -> None:
        async with engine.connect() as connection:
            await connection.execute(_SELECT, {"id": index})

    async def fetch(index: int) -> None:
        await http.get(f"http://tool.sim/{index % 2}")

    async def stream(_: int) -> None:
        await agent._model("prompt")

    operations = {
        "redis-py GET": look_up,
        "SQLAlchemy checkout, select, rollback": select,
        "httpx GET": fetch,
        f"httpx stream of {CHUNKS} chunks": stream,
        "the request path": request,
    }
    if isinstance(world, World):
        # Its cache fills: what a request costs in a simulation, profile_simulator.py tells.
        del operations["the request path"]
    found = {name: await _least_s(run) for name, run in operations.items()}
    await engine.dispose()
    await client.aclose()
    return found


async def _least_s(run: Callable[[int], Coroutine[Any, Any, None]]) -> float:
    least_s = float("inf")
    for number in range(ROUNDS):
        start_s = time.process_time()
        for index in range(REQUESTS):
            with request_scope(number * REQUESTS + index):
                await run(index)
        least_s = min(least_s, (time.process_time() - start_s) / REQUESTS)
    return least_s


async def _floor() -> dict[str, float]:
    world: Any = SimpleNamespace(draws=Draws(1), llm=SimpleNamespace(base_url="http://llm.sim/v1"))
    return await _measured(world, _redis(), _engine(), httpx.AsyncClient(transport=_Transport()))


async def _simulated(loop: SimLoop) -> dict[str, float]:
    recorder = Recorder(lambda: loop.now_ns, lambda: running_request().request_id)
    world = World(loop, Draws(1), recorder)
    world.database.prepare(simulator._SCHEMA)
    world.http.mount("tool.sim", simulator._tool)
    world.llm.script(llm.text(tokens=80))
    client = world.redis.client(max_connections=100, socket_timeout=0.25)
    return await _measured(world, client, world.database.engine(), world.http.client(timeout=30.0))


def main() -> None:
    """Print microseconds of CPU time per operation: over such peers, and simulated."""
    floor_s = asyncio.run(_floor())
    simulated_s = simulate(_simulated)
    print(f"{'floor':>8} {'simulated':>10}  microseconds of CPU time, the least of {ROUNDS} rounds")
    for name, spent_s in floor_s.items():
        simulated = f"{simulated_s[name] * 1e6:10.0f}" if name in simulated_s else f"{'':10}"
        print(f"{spent_s * 1e6:8.0f} {simulated}  {name}")


if __name__ == "__main__":
    main()
