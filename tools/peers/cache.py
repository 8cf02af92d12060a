"""In-process caches and decorators beside their peers."""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiocache
import aiosqlite
import async_lru
import cachebox
import cachetools
import cashews
import moka_py
import theine

from agent_perf.components import DiskCache, MemoryCache
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Cache: in process and on disk"
INTRO = ""  # Written by contests, for it tells what the libraries answered.

CAPACITY = 1000
TTL_S = 3600
# Other threads of a peer and of the machine come in bursts: more blocks than elsewhere.
ROUNDS = 41
VALUE = {"id": "chatcmpl-9", "text": "lorem ipsum " * 160}
KEYS = [f"agent:resp:{index:06d}" for index in range(10_000)]
_WEIGHTS = list(itertools.accumulate(1 / rank**0.9 for rank in range(1, len(KEYS) + 1)))
MIX = random.Random(7).choices(KEYS, cum_weights=_WEIGHTS, k=60_000)
HOT = random.Random(7).choices(KEYS[:800], k=3000)
COLD = KEYS[5000:9000]

Get = Callable[[str], object]
Set = Callable[[str, object], object]

_FIFO = "evicts in order of arrival"
_SOONEST = "evicts who expires soonest"
_BARE = "no TTL, no statistics"
_NO_COUNTS = "no statistics"


class _Locked:
    """cachetools behind a lock, as its documentation asks for."""

    def __init__(self) -> None:
        self._cache = cachetools.TTLCache(CAPACITY, TTL_S)
        self._lock = threading.RLock()

    def get(self, key: str) -> object:
        with self._lock:
            return self._cache.get(key)

    def set(self, key: str, value: object) -> None:
        with self._lock:
            self._cache[key] = value


def _ours(**options: Any) -> tuple[Get, Set]:
    cache: MemoryCache[object] = MemoryCache(entries_max=CAPACITY, ttl_s=TTL_S, **options)
    return cache.get, cache.set


def _moka(policy: str) -> tuple[Get, Set]:
    cache = moka_py.Moka(CAPACITY, ttl=TTL_S, policy=policy)
    return cache.get, cache.set


def _theine() -> tuple[Get, Set]:
    cache = theine.Cache(CAPACITY)
    ttl = timedelta(seconds=TTL_S)
    return (lambda key: cache.get(key)[0]), (lambda key, value: cache.set(key, value, ttl))


def _vttl() -> tuple[Get, Set]:
    cache = cachebox.VTTLCache(CAPACITY)
    return cache.get, (lambda key, value: cache.insert(key, value, TTL_S))


def _box(cache: Any) -> tuple[Get, Set]:
    return cache.get, cache.insert


def _lru_caches() -> dict[str, tuple[Get, Set]]:
    locked = _Locked()
    return {
        OURS: _ours(),
        "agent-perf, statistics=False": _ours(statistics=False),
        "moka-py, lru": _moka("lru"),
        "cachetools.TTLCache + RLock": (locked.get, locked.set),
        "cachebox.TTLCache": _box(cachebox.TTLCache(CAPACITY, TTL_S)),
        "cachebox.VTTLCache": _vttl(),
        "cachebox.LRUCache": _box(cachebox.LRUCache(CAPACITY)),
    }


_LRU_UNEQUAL = {
    "agent-perf, statistics=False": _NO_COUNTS,
    "cachebox.TTLCache": f"{_FIFO}, {_NO_COUNTS}",
    "cachebox.VTTLCache": f"{_SOONEST}, {_NO_COUNTS}",
    "cachebox.LRUCache": _BARE,
}


def _frequency_caches() -> dict[str, tuple[Get, Set]]:
    return {
        OURS: _ours(policy="tiny_lfu"),
        "moka-py, tiny_lfu": _moka("tiny_lfu"),
        "theine": _theine(),
    }


def _gets(get: Get) -> Contestant:
    def run(calls: int) -> None:
        for key in HOT[:calls]:
            get(key)

    return run


def _sets(put: Set) -> Contestant:
    def run(calls: int) -> None:
        for key in COLD[:calls]:
            put(key, VALUE)

    return run


def _mixes(get: Get, put: Set) -> Contestant:
    place = 0

    def run(calls: int) -> None:
        nonlocal place
        for key in MIX[place : place + calls]:
            if get(key) is None:
                put(key, VALUE)
        place = (place + calls) % len(MIX)

    return run


def _hit_ratio(get: Get, put: Set) -> float:
    hits = 0
    for index, key in enumerate(MIX):
        if get(key) is None:
            put(key, VALUE)
        else:
            hits += index >= 6000
    return hits / (len(MIX) - 6000)


def _filled(caches: dict[str, tuple[Get, Set]]) -> dict[str, tuple[Get, Set]]:
    for name, (get, put) in caches.items():
        for key in KEYS[:800]:
            put(key, VALUE)
        lost = sum(get(key) != VALUE for key in KEYS[:800])
        if lost:
            raise AssertionError(f"{name} has lost {lost} of 800 entries")
    return caches


Fetch = Callable[..., Awaitable[object]]


def _decorators() -> dict[str, Callable[[Fetch], Fetch]]:
    memory: MemoryCache[object] = MemoryCache(entries_max=CAPACITY, ttl_s=TTL_S)
    locking = cashews.Cache()
    locking.setup("mem://?size=1000")
    plain = cashews.Cache()
    plain.setup("mem://?size=1000")
    return {
        OURS: memory.cached(),
        "moka-py": moka_py.cached(maxsize=CAPACITY, ttl=TTL_S),
        "moka-py, wait_concurrent": moka_py.cached(
            maxsize=CAPACITY, ttl=TTL_S, wait_concurrent=True
        ),
        "cachebox.cached, TTLCache": cachebox.cached(cachebox.TTLCache(CAPACITY, TTL_S)),
        "async-lru": async_lru.alru_cache(maxsize=CAPACITY, ttl=TTL_S),
        "aiocache, memory": aiocache.cached(ttl=TTL_S),
        "cashews": plain(ttl="1h"),
        "cashews, lock": locking(ttl="1h", lock=True),
    }


async def _decorated() -> tuple[dict[str, Contestant], dict[str, int]]:
    contestants, runs = {}, {}
    for name, decorate in _decorators().items():
        count = 0

        async def fetch(user: str, question: str, *, top: int = 5) -> dict[str, object]:
            nonlocal count
            count += 1
            await asyncio.sleep(0.005)
            return {"user": user, "question": question, "top": top}

        cached = decorate(fetch)
        answers = await asyncio.gather(*(cached("u1", "q1", top=7) for _ in range(50)))
        if any(answer != {"user": "u1", "question": "q1", "top": 7} for answer in answers):
            raise AssertionError(f"{name} gives other answers")
        runs[name] = count

        async def run(calls: int, cached: Fetch = cached) -> None:
            for _ in range(calls):
                await cached("u1", "q1", top=7)

        contestants[name] = run
    return contestants, runs


class _Aiosqlite:
    """The least that aiosqlite needs for the same: one table, a commit for each write."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def set(self, key: str, value: bytes) -> None:
        await self._connection.execute(
            "INSERT INTO cache VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
            "SET value = excluded.value, expires_s = excluded.expires_s",
            (key, value, time.time() + TTL_S),
        )

    async def get(self, key: str) -> bytes | None:
        rows = await self._connection.execute_fetchall(
            "SELECT value FROM cache WHERE key = ? AND expires_s > ?", (key, time.time())
        )
        return next((row[0] for row in rows), None)


def _at_once(call: Callable[[str], Awaitable[object]], tasks: int) -> Contestant:
    async def work(keys: Sequence[str]) -> None:
        for key in keys:
            await call(key)

    async def run(calls: int) -> None:
        await asyncio.gather(*(work(KEYS[first:calls:tasks]) for first in range(tasks)))

    return run


async def _disk_contests(folder: str) -> AsyncIterator[Contest]:
    value = random.Random(1).randbytes(4096)
    ours: DiskCache[bytes] = DiskCache(Path(folder) / "ours.db", ttl_s=TTL_S)
    async with aiosqlite.connect(Path(folder) / "theirs.db", isolation_level=None) as connection:
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = NORMAL")
        await connection.execute(
            "CREATE TABLE cache (key TEXT PRIMARY KEY, value BLOB, expires_s REAL)"
        )
        theirs = _Aiosqlite(connection)
        less = {"aiosqlite": "no bound, no eviction, no checksum"}
        for tasks in (1, 50):
            puts: dict[str, Contestant] = {
                OURS: _at_once(lambda key: ours.set(key, value), tasks),
                "aiosqlite": _at_once(lambda key: theirs.set(key, value), tasks),
            }
            yield Contest(
                title=f"disk SET 4 KB, {tasks} tasks", contestants=puts, calls=300, unequal=less
            )
            if await ours.get(KEYS[0]) != await theirs.get(KEYS[0]):
                raise AssertionError("the disks hold different values")
            yield Contest(
                title=f"disk GET 4 KB, {tasks} tasks",
                contestants={
                    OURS: _at_once(ours.get, tasks),
                    "aiosqlite": _at_once(theirs.get, tasks),
                },
                calls=300,
                unequal=less,
            )
    await ours.aclose()


async def contests() -> AsyncIterator[Contest]:
    """Yield what is measured."""
    global INTRO  # noqa: PLW0603 (see above)
    decorated, runs = await _decorated()
    ratios = {
        name: _hit_ratio(*ways)
        for name, ways in {
            **{f"{name} (lru)": ways for name, ways in _lru_caches().items() if name == OURS},
            **{f"{name} (tiny_lfu)": w for name, w in _frequency_caches().items() if name == OURS},
            "moka-py (lru)": _moka("lru"),
            "moka-py (tiny_lfu)": _moka("tiny_lfu"),
            "theine": _theine(),
        }.items()
    }
    INTRO = _intro(ratios, runs)
    for policy, caches, unequal in (
        ("lru", _lru_caches, _LRU_UNEQUAL),
        ("tiny_lfu", _frequency_caches, {}),
    ):
        moka = {f"moka-py, {policy}": 1.5} if policy == "lru" else {}
        yield Contest(
            title=f"{policy}: GET, a hit",
            contestants={name: _gets(get) for name, (get, _) in _filled(caches()).items()},
            calls=3000,
            rounds=ROUNDS,
            unequal=unequal,
        )
        yield Contest(
            title=f"{policy}: SET that evicts",
            contestants={name: _sets(put) for name, (_, put) in _filled(caches()).items()},
            calls=4000,
            rounds=ROUNDS,
            want=moka,
            unequal=unequal,
        )
        yield Contest(
            title=f"{policy}: GET, and SET if missed, of a Zipf mix",
            contestants={name: _mixes(*ways) for name, ways in _filled(caches()).items()},
            calls=3000,
            rounds=ROUNDS,
            want=moka,
            unequal=unequal,
        )
    yield Contest(
        title="decorated async function, a hit",
        contestants=decorated,
        calls=300,
        want={"cashews": 10.0, "cashews, lock": 10.0},
        unequal={
            "moka-py": "50 runs for 50 misses at once",
            "aiocache, memory": "50 runs for 50 misses at once",
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        async for contest in _disk_contests(folder):
            yield contest


def _intro(ratios: dict[str, float], runs: dict[str, int]) -> str:
    versions = ", ".join(
        f"{name} {version(name)}"
        for name in (
            "cachebox",
            "moka-py",
            "cachetools",
            "theine",
            "async-lru",
            "aiocache",
            "cashews",
            "aiosqlite",
        )
    )
    hits = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    calls = ", ".join(f"{name} {count}" for name, count in runs.items())
    return f"""{versions}. 1,000 entries with a time to live of an hour, one thread. The mix is
of 10,000 keys, the n-th asked for as often as n^-0.9. SET runs through 4,000 keys in turn, so that
each evicts; moka's TinyLFU only refuses them, ours takes each in. With `policy="tiny_lfu"` ours is
S3-FIFO, written in Python: more hits than moka's, but a set costs more than in Rust. In the mix
that is 0.1 to 0.2 µs a request, for 0.035 more hits: where a hit saves 5 µs or more, it pays.
moka's own threads are part of its time.

Hits of the mix: {hits}.

How often the function ran for 50 callers at once that all miss: {calls}."""
