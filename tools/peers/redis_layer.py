"""A value through a whole cache layer: key, codec, compression, statistics, Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version

from tools.peers._layers import TUNED, Layer, Value, open_layers, remove_all, value_of
from tools.peers.contest import Contest, Contestant

_LIBRARIES = ("redis", "hiredis", "valkey-glide", "cashews", "aiocache", "msgspec", "lz4")
TITLE = "Redis cache layer"
INTRO = f"""
A dict of strings of 1 and 4 KB through Redis on the same machine. Ours is RedisStore over
RedisLink, and over redis-py set up by `RedisPyClient.tuned`: namespace, msgpack checked against
its type, lz4 above 1 KB, breaker, statistics, tags. Beside it the same codec by hand on redis-py
(as it comes) and on valkey-glide, without the rest; cashews with a pool of 60 connections and
aiocache, each with pickle, which is their default and is neither compressed nor safe to read from
a shared store. Versions: {", ".join(f"{name} {version(name)}" for name in _LIBRARIES)}.
"""

KEYS = [f"user-{number}" for number in range(100)]


async def contests() -> AsyncIterator[Contest]:
    """Yield GET, SET, GET by 50 tasks and MGET, at both sizes."""
    async with open_layers() as layers:
        try:
            for size_bytes in (1024, 4096):
                value = value_of(size_bytes)
                for name, layer in layers.items():
                    for key in KEYS:
                        await layer.set(key, value)
                    assert value == await layer.get(KEYS[7]), name
                    found = await layer.mget(KEYS)
                    rows = found.values() if isinstance(found, dict) else found
                    assert [value] * len(KEYS) == list(rows), name
                for contest in _contests(layers, value, f"{size_bytes // 1024} KB"):
                    yield contest
        finally:
            await remove_all()


def _one(layer: Layer, _: Value) -> Contestant:
    async def run(calls: int) -> None:
        for index in range(calls):
            await layer.get(KEYS[index % 100])

    return run


def _write(layer: Layer, value: Value) -> Contestant:
    async def run(calls: int) -> None:
        for index in range(calls):
            await layer.set(KEYS[index % 100], value)

    return run


def _fifty(layer: Layer, _: Value) -> Contestant:
    async def worker(first: int, calls: int) -> None:
        for index in range(first, calls, 50):
            await layer.get(KEYS[index % 100])

    async def run(calls: int) -> None:
        await asyncio.gather(*(worker(first, calls) for first in range(50)))

    return run


def _many(layer: Layer, _: Value) -> Contestant:
    async def run(calls: int) -> None:
        for _ in range(calls):
            await layer.mget(KEYS)

    return run


def _contests(layers: Mapping[str, Layer], value: Value, size: str) -> list[Contest]:
    unequal = {TUNED: "the same, over redis-py"}
    asked = {"cashews": 2.0, "redis-py + msgspec + lz4": 1.5}
    return [
        Contest(
            title=f"{what}, {size}",
            contestants={name: make(layer, value) for name, layer in layers.items()},
            calls=calls,
            want=asked if make is _fifty else {},
            unequal=unequal,
        )
        for what, make, calls in (
            ("GET, 1 task", _one, 200),
            ("GET, 50 tasks", _fifty, 1000),
            ("SET, 1 task", _write, 200),
            ("MGET 100", _many, 10),
        )
    ]
