"""
Whole cache layers over one Redis: made as their documentation advises, alike in what they do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import lz4.block
import msgspec

from agent_perf.components import RedisLink, RedisPyClient, RedisStore
from tools.peers.contest import OURS

URL = "redis://127.0.0.1:6379/0"
PREFIX = "agent-perf-peers"
TTL_S = 600
TUNED = f"{OURS} on redis-py"

Value = dict[str, str]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Value).decode


def value_of(size_bytes: int) -> Value:
    """Return a value of about *size_bytes* when written, as a model's answer has it."""
    fields = max(1, size_bytes // 64)
    return {f"field-{n:04d}": f"{n * 7919 * 104729:x}"[:8].ljust(8, "z") * 6 for n in range(fields)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One library: how it gets, sets, and gets many."""

    get: Callable[[str], Awaitable[Any]]
    set: Callable[[str, Value], Awaitable[Any]]
    mget: Callable[[list[str]], Awaitable[Any]]


def pack(value: Value) -> bytes:
    """Return *value* as our serializer writes it."""
    plain = _encode(value)
    return b"\x02" + lz4.block.compress(plain) if len(plain) > 1024 else b"\x01" + plain


def unpack(data: bytes | None) -> Value | None:
    """Return what pack has written."""
    if data is None:
        return None
    rest = memoryview(data)[1:]
    return _decode(lz4.block.decompress(rest) if data[0] == 2 else rest)


@asynccontextmanager
async def open_layers() -> AsyncIterator[dict[str, Layer]]:
    """Give all layers, ours first."""
    async with AsyncExitStack() as stack:
        link = await stack.enter_async_context(RedisLink(URL))
        tuned = RedisPyClient.tuned(URL)
        stack.push_async_callback(tuned.aclose)
        layers = {OURS: _ours(link, "link"), TUNED: _ours(tuned, "tuned")}
        for name, make in {
            "redis-py + msgspec + lz4": _redis_py,
            "valkey-glide + msgspec + lz4": _glide,
            "cashews": _cashews,
            "aiocache": _aiocache,
        }.items():
            layers[name] = await make(stack)
        yield layers


def _ours(client: Any, name: str) -> Layer:
    store = RedisStore(client, namespace=f"{PREFIX}-{name}", kind=Value, ttl_s=TTL_S)
    return Layer(get=store.get, set=store.set, mget=store.mget)


async def _redis_py(stack: AsyncExitStack) -> Layer:
    import redis.asyncio

    client = await stack.enter_async_context(redis.asyncio.Redis.from_url(URL))

    async def get(key: str) -> Value | None:
        return unpack(await client.get(f"{PREFIX}-py:{key}"))

    async def mget(keys: list[str]) -> list[Value | None]:
        return [unpack(data) for data in await client.mget([f"{PREFIX}-py:{key}" for key in keys])]

    return Layer(
        get=get,
        set=lambda key, value: client.set(f"{PREFIX}-py:{key}", pack(value), ex=TTL_S),
        mget=mget,
    )


async def _glide(stack: AsyncExitStack) -> Layer:
    import glide

    settings = glide.GlideClientConfiguration(
        [glide.NodeAddress("127.0.0.1", 6379)], request_timeout=5000
    )
    client = await glide.GlideClient.create(settings)
    stack.push_async_callback(client.close)
    expiry = glide.ExpirySet(glide.ExpiryType.SEC, TTL_S)

    async def get(key: str) -> Value | None:
        return unpack(await client.get(f"{PREFIX}-gl:{key}"))

    async def mget(keys: list[str]) -> list[Value | None]:
        return [unpack(data) for data in await client.mget([f"{PREFIX}-gl:{key}" for key in keys])]

    return Layer(
        get=get,
        set=lambda key, value: client.set(f"{PREFIX}-gl:{key}", pack(value), expiry=expiry),
        mget=mget,
    )


async def _cashews(stack: AsyncExitStack) -> Layer:
    from cashews import Cache

    cache = Cache()
    cache.setup(URL, client_side=False, max_connections=60)
    await cache.init()
    stack.push_async_callback(cache.close)
    return Layer(
        get=lambda key: cache.get(f"{PREFIX}-ca:{key}"),
        set=lambda key, value: cache.set(f"{PREFIX}-ca:{key}", value, expire=TTL_S),
        mget=lambda keys: cache.get_many(*(f"{PREFIX}-ca:{key}" for key in keys)),
    )


async def _aiocache(stack: AsyncExitStack) -> Layer:
    import aiocache
    from aiocache.serializers import PickleSerializer

    cache = aiocache.RedisCache(
        endpoint="127.0.0.1", port=6379, serializer=PickleSerializer(), namespace=f"{PREFIX}-ac:"
    )
    stack.push_async_callback(cache.close)
    return Layer(
        get=cache.get,
        set=lambda key, value: cache.set(key, value, ttl=TTL_S),
        mget=cache.multi_get,
    )


async def remove_all() -> None:
    """Remove what the layers have written."""
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(URL) as client:
        names = [name async for name in client.scan_iter(match=f"{PREFIX}*", count=1000)]
        for at in range(0, len(names), 1000):
            await client.unlink(*names[at : at + 1000])
