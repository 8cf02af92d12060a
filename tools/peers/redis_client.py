"""Clients of Redis: what a command costs the process that sends it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import coredis
import glide
import redis.asyncio

from agent_perf.components import RedisLink, RedisPyClient
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Redis clients"
INTRO = """
Values of 1 KB on a real Redis 7.0 beside the client: redis-py 8.1 (with hiredis 3.5), coredis 6.9,
valkey-glide 2.5 (its threads' time counts: it is the process's). *agent-perf* is RedisLink with
one connection. *redis-py* is as `redis.asyncio.Redis()` gives it; *tuned* has
`socket_timeout=None` and one `asyncio.timeout` around each call; *RedisPyClient.tuned* is our
adapter over such a client. coredis has a pool, or one connection that its tasks share.
valkey-glide shares one connection, as we do; its core does clusters too. All but *redis-py, no
time-out* end a call that gets no reply.
"""

_URL = os.environ.get("AGENT_PERF_REDIS_URL", "redis://127.0.0.1:6379/0")
_VALUE = os.urandom(1024)
_PREFIX = f"agent-perf-peers-{os.getpid()}"
_KEYS = [f"{_PREFIX}:{index}" for index in range(100)]
_KEY = _KEYS[0]

Call = Callable[[], Awaitable[object]]


async def contests() -> AsyncIterator[Contest]:
    """Give the contests of this section."""
    async with AsyncExitStack() as stack:
        calls = await _connect(stack)
        for name, call in calls["mget"].items():
            # Equal answers, or it is no contest.
            assert await call() == [_VALUE] * 100, name
        for name, call in calls["pipeline"].items():
            assert list(await call()) == [_VALUE] * 100, name  # type: ignore[call-overload]
        notes = {"redis-py, no time-out": "waits for ever for a reply"}
        yield _contest("GET, 1 task", calls["get"], 500, notes)
        yield _contest("GET, 50 tasks", calls["get"], 2_000, notes, tasks=50)
        yield _contest("SET, 1 task", calls["set"], 500, notes)
        yield _contest("MGET of 100", calls["mget"], 50, notes)
        yield _contest("100 GETs in one pipeline", calls["pipeline"], 20, notes)


def _contest(
    title: str, calls: dict[str, Call], times: int, notes: dict[str, str], *, tasks: int = 1
) -> Contest:
    return Contest(
        title=title,
        contestants={name: _loop(call, tasks) for name, call in calls.items()},
        calls=times,
        unequal={name: note for name, note in notes.items() if name in calls},
    )


def _loop(call: Call, tasks: int) -> Contestant:
    async def some(times: int) -> None:
        for _ in range(times):
            await call()

    async def run(times: int) -> None:
        if tasks == 1:
            await some(times)
        else:
            await asyncio.gather(*(some(times // tasks) for _ in range(tasks)))

    return run


async def _connect(stack: AsyncExitStack) -> dict[str, dict[str, Call]]:
    """Return operation to client to call, with the values in place."""
    parts = urlsplit(_URL)
    host, port = parts.hostname or "127.0.0.1", parts.port or 6379
    link = await stack.enter_async_context(RedisLink(_URL))
    await link.execute_many([("SET", key, _VALUE, "EX", 600) for key in _KEYS])
    stack.push_async_callback(link.execute, "UNLINK", *_KEYS)
    default = await stack.enter_async_context(redis.asyncio.Redis.from_url(_URL))
    bare = redis.asyncio.Redis.from_url(_URL, socket_timeout=None)
    await stack.enter_async_context(bare)
    adapter = RedisPyClient.tuned(_URL)
    stack.push_async_callback(adapter.aclose)
    pooled = await stack.enter_async_context(
        coredis.Redis(host, port, max_connections=64, stream_timeout=1.0)
    )
    shared = await stack.enter_async_context(
        coredis.Redis(host, port, max_connections=1, stream_timeout=1.0)
    )
    rust = await glide.GlideClient.create(
        glide.GlideClientConfiguration([glide.NodeAddress(host, port)], request_timeout=1_000)
    )
    stack.push_async_callback(rust.close)
    return {
        "get": {
            OURS: lambda: link.execute("GET", _KEY),
            "RedisPyClient.tuned": lambda: adapter.execute("GET", _KEY),
            "redis-py": lambda: default.get(_KEY),
            "redis-py, tuned": lambda: _within(bare.get(_KEY)),
            "redis-py, no time-out": lambda: bare.get(_KEY),
            "coredis": lambda: pooled.get(_KEY),
            "coredis, 1 connection": lambda: shared.get(_KEY),
            "valkey-glide": lambda: rust.get(_KEY),
        },
        "set": {
            OURS: lambda: link.execute("SET", _KEY, _VALUE, "EX", 600),
            "RedisPyClient.tuned": lambda: adapter.execute("SET", _KEY, _VALUE, "EX", 600),
            "redis-py": lambda: default.set(_KEY, _VALUE, ex=600),
            "redis-py, tuned": lambda: _within(bare.set(_KEY, _VALUE, ex=600)),
            "coredis": lambda: pooled.set(_KEY, _VALUE, ex=600),
            "coredis, 1 connection": lambda: shared.set(_KEY, _VALUE, ex=600),
            "valkey-glide": lambda: rust.set(
                _KEY, _VALUE, expiry=glide.ExpirySet(glide.ExpiryType.SEC, 600)
            ),
        },
        "mget": {
            OURS: lambda: link.execute("MGET", *_KEYS),
            "RedisPyClient.tuned": lambda: adapter.execute("MGET", *_KEYS),
            "redis-py": lambda: default.mget(_KEYS),
            "redis-py, tuned": lambda: _within(bare.mget(_KEYS)),
            "coredis": lambda: _listed(pooled.mget(_KEYS)),
            "coredis, 1 connection": lambda: _listed(shared.mget(_KEYS)),
            "valkey-glide": lambda: rust.mget(_KEYS),
        },
        "pipeline": {
            OURS: lambda: link.execute_many([("GET", key) for key in _KEYS]),
            "RedisPyClient.tuned": lambda: adapter.execute_many([("GET", key) for key in _KEYS]),
            "redis-py": lambda: _pipeline(default),
            "redis-py, tuned": lambda: _within(_pipeline(bare)),
            "coredis": lambda: _coredis_pipeline(pooled),
            "valkey-glide": lambda: _batch(rust),
        },
    }


async def _within(call: Awaitable[Any]) -> object:
    async with asyncio.timeout(1.0):
        return await call


async def _listed(call: Awaitable[Any]) -> object:
    return list(await call)


async def _pipeline(client: Any) -> object:
    async with client.pipeline(transaction=False) as pipeline:
        for key in _KEYS:
            pipeline.get(key)
        return await pipeline.execute()


async def _coredis_pipeline(client: Any) -> object:
    async with client.pipeline(transaction=False) as pipeline:
        waiting = [pipeline.get(key) for key in _KEYS]
    return [await one for one in waiting]


async def _batch(client: Any) -> object:
    batch = glide.Batch(is_atomic=False)
    for key in _KEYS:
        batch.get(key)
    return await client.exec(batch, raise_on_error=True)
