"""
A cache on disk, which outlives the process and is shared by several.

SQLite works in one thread of its own. What comes while it works is done together next, in
one transaction: a hundred writes at a time cost little more than one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar, cast, overload

from agent_perf.components.cache.codec import Codec, PlainBytes
from agent_perf.components.cache.disk_file import (
    Answer,
    Clear,
    Count,
    DiskFile,
    Find,
    Remove,
    Step,
    Store,
)
from agent_perf.components.cache.entries import checked_ttl
from agent_perf.components.cache.stats import MISSING, DiskStats
from agent_perf.components.cache.worker import Worker
from agent_perf.components.errors import SerializerError, StoreUnavailableError
from agent_perf.components.health import Health
from agent_perf.components.resilience.outage import OutageGuard
from agent_perf.errors import ConfigError

T = TypeVar("T")
V = TypeVar("V")
D = TypeVar("D")

_Batch: TypeAlias = list[tuple[Step, asyncio.Future[Answer]]]
Run = Callable[[Callable[[], list[Answer]]], Awaitable[list[Answer]]]
"""Runs a function that blocks, and gives its result."""


async def inline(work: Callable[[], T]) -> T:
    """Run *work* where we are: for DiskCache in simulations, where there are no threads."""
    return work()


class DiskCache(Generic[V]):
    """
    A cache of values in one file, for one event loop at a time and any number of processes.

    What set has acknowledged outlives a killed process; after a loss of power the last few
    writes may be missing. A disk that fails is gone on without: reads miss, set returns
    False, and one line of the log says so. A damaged file is renamed to ``*.damaged`` and
    begun anew.

    Args:
        path: The file; its folder is made if need be. ``*-wal``, ``*-shm`` and ``*.lock``
            lie beside it.
        serializer: Turns values into bytes, on the event loop; None for bytes as they are.
        ttl_s: Default time to live, > 0; None for entries that do not expire.
        bytes_max: Bytes of keys and values held at most, >= 1. The file itself is about a
            tenth larger, and does not shrink.
        busy_s: Longest wait for another process that writes, >= 0.
        clock: Seconds that all processes agree on; ``time.time`` if not given. Entries
            outlive their process, so it is not monotonic: put back, they live that longer.
        run: Runs a function that blocks; a thread of its own if not given. In a
            simulation: ``run=inline``.

    Raises:
        ConfigError: If an argument is out of its range; of the first call, if the file is
            another program's database.

    Example::

        cache = DiskCache("answers.db", serializer=Serializer(str), ttl_s=3600)
        await cache.set("q-17", "42"); await cache.get("q-17")
    """

    def __init__(
        self,
        path: str | Path,
        *,
        serializer: Codec[V] | None = None,
        ttl_s: float | None = None,
        bytes_max: int = 1 << 30,
        busy_s: float = 5.0,
        clock: Callable[[], float] | None = None,
        run: Run | None = None,
    ) -> None:
        if bytes_max < 1 or not busy_s >= 0:
            raise ConfigError(
                f"bytes_max={bytes_max}, busy_s={busy_s}; want bytes_max >= 1, busy_s >= 0"
            )
        self._codec = cast("Codec[V]", serializer or PlainBytes())
        self._ttl_s = None if ttl_s is None else checked_ttl(ttl_s)
        self._now_s = clock or time.time
        self._file = DiskFile(Path(path), bytes_max=bytes_max, busy_s=busy_s)
        self._run = run
        self._worker: Worker[list[Answer]] = Worker("disk-cache")
        self._guard = OutageGuard("disk cache", down=(sqlite3.Error, OSError))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_busy = False
        self._attempt: asyncio.Task[None] | None = None
        self._waiting: _Batch = []
        self._hits = self._misses = self._stores = self._rejected = 0
        self._batches = self._undecoded = 0

    @property
    def is_up(self) -> bool:
        """Whether the disk did what it was last asked for; True before the first."""
        return self._guard.is_up

    @overload
    async def get(self, key: str) -> V | None: ...
    @overload
    async def get(self, key: str, default: D) -> V | D: ...
    async def get(self, key: str, default: D | None = None) -> V | D | None:
        """Return the live value of *key*; *default* if there is none, or the disk fails."""
        found = await self.find(key)
        return default if found is None else found[0]

    async def find(self, key: str) -> tuple[V, float | None] | None:
        """Return the live value of *key* and the seconds it has left, None for ever; or None."""
        try:
            found = await self._ask(Find(key))
        except StoreUnavailableError:
            found = None
        if not isinstance(found, tuple):
            self._misses += 1
            return None
        data, expires_s = cast("tuple[bytes, float | None]", found)
        left_s = None if expires_s is None else expires_s - self._now_s()
        try:
            value = self._codec.loads(data)
        except SerializerError:
            # Of another version or another type: computed anew, it will be written over.
            self._undecoded += 1
            value = MISSING  # type: ignore[assignment]  # told apart in the next line
        if value is MISSING or (left_s is not None and left_s <= 0):
            self._misses += 1
            return None
        self._hits += 1
        return value, left_s

    async def set(self, key: str, value: V, ttl_s: float | None = None) -> bool:
        """
        Store *value*, for *ttl_s* seconds if given, > 0; return whether it was stored.

        It is not if the disk fails, or if alone it exceeds the byte bound.

        Raises:
            ConfigError: If *ttl_s* is not positive, or *key* is no text that UTF-8 can write.
            SerializerError: If the value cannot be stored.
        """
        ttl_s = self._ttl_s if ttl_s is None else checked_ttl(ttl_s)
        data = self._codec.dumps(value)
        try:
            fits = await self._ask(
                Store(key, data, None if ttl_s is None else self._now_s() + ttl_s)
            )
        except StoreUnavailableError:
            return False
        if not fits:
            self._rejected += 1
            return False
        self._stores += 1
        return True

    async def delete(self, key: str) -> bool:
        """
        Remove *key*; return whether it was there.

        Raises:
            StoreUnavailableError: If the disk fails: it may still be there.
        """
        return bool(await self._ask(Remove(key)))

    async def clear(self) -> None:
        """
        Remove everything.

        Raises:
            StoreUnavailableError: If the disk fails: it may all still be there.
        """
        await self._ask(Clear())

    async def size(self) -> tuple[int, int]:
        """
        Return how many entries and how many bytes all processes hold in it, expired included.

        Raises:
            StoreUnavailableError: If the disk fails.
        """
        return cast("tuple[int, int]", await self._ask(Count()))

    def stats(self) -> DiskStats:
        """Return what happened so far in this process."""
        return DiskStats(
            hits=self._hits,
            misses=self._misses,
            stores=self._stores,
            rejected=self._rejected,
            failures=self._guard.failures,
            batches=self._batches,
            evictions=self._file.evictions,
            expired=self._file.expired,
            damaged=self._file.damaged + self._undecoded,
            set_aside=self._file.set_aside,
            waiting_count=len(self._waiting),
        )

    async def health(self) -> Health:
        """Return whether the file can be read now."""
        begin_s = time.perf_counter()
        try:
            await self.size()
        except StoreUnavailableError as error:
            return Health(is_up=False, latency_s=time.perf_counter() - begin_s, detail=str(error))
        return Health(is_up=True, latency_s=time.perf_counter() - begin_s)

    async def aclose(self) -> None:
        """Wait for what is under way, and close the file; a later call opens it again."""
        if self._batches:
            with suppress(StoreUnavailableError, ConfigError):
                await self.size()
            await self._off_loop(self._close_file)
        self._worker.stop()

    async def _ask(self, step: Step) -> Answer:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # What waited on a loop that is gone, nobody waits for any more.
            self._loop, self._is_busy, self._waiting = loop, False, []
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((step, answer))
        if not self._is_busy:
            self._begin(loop)
        found = await answer
        if isinstance(found, Exception):
            raise ConfigError(f"the disk cache cannot take {step!r:.200}: {found}") from found
        return found

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_busy = True
        if self._run is None and self._guard.is_quiet:
            batch, work = self._batch()
            self._worker.submit(work, loop, partial(self._end, batch, loop))
        else:
            self._attempt = loop.create_task(self._try(loop))

    def _batch(self) -> tuple[_Batch, Callable[[], list[Answer]]]:
        batch, self._waiting = self._waiting, []
        self._batches += 1
        return batch, partial(self._file.apply, [step for step, _ in batch], self._now_s())

    async def _try(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, work = self._batch()
        outcome: list[Answer] | BaseException
        try:
            outcome = await self._guard.attempt(partial(self._off_loop, work))
        except BaseException as error:  # noqa: BLE001 (it is told to whose call it was)
            outcome = error
        self._end(batch, loop, outcome)

    def _end(
        self,
        batch: _Batch,
        loop: asyncio.AbstractEventLoop,
        outcome: list[Answer] | BaseException,
    ) -> None:
        if isinstance(outcome, BaseException):
            _fail(batch, self._guard.fail(outcome) or outcome)
        else:
            for (_, answer), found in zip(batch, outcome, strict=True):
                # A caller that left has cancelled its future.
                if not answer.done():
                    answer.set_result(found)
        if self._loop is loop:
            self._is_busy = False
            if self._waiting:
                self._begin(loop)

    async def _off_loop(self, work: Callable[[], list[Answer]]) -> list[Answer]:
        if self._run is not None:
            return await self._run(work)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[Answer]] = loop.create_future()
        self._worker.submit(work, loop, partial(_settle, done))
        return await done

    def _close_file(self) -> list[Answer]:
        self._file.close()
        return []


def _settle(done: asyncio.Future[list[Answer]], outcome: list[Answer] | BaseException) -> None:
    if done.done():
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def _fail(batch: _Batch, error: BaseException) -> None:
    for _, answer in batch:
        if answer.done():
            continue
        if isinstance(error, asyncio.CancelledError):
            answer.cancel()
        else:
            answer.set_exception(error)
