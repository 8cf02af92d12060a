"""
One request path of an agent, as programs of simpy, trio and asyncio.

Session, cache; on a miss two statements over one of few connections, a model that streams,
two tools side by side, the model again, a statement, a write to the cache. What each wait
takes is in the tape, drawn before; what each request took is in the book, kept alike by all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import simpy
import trio

from agent_perf.sim import Draws, request_scope

CONNECTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What one request waits for, in ns."""

    hit: bool
    session_ns: int
    cache_ns: int
    statements_ns: tuple[int, int, int]
    models_ns: tuple[tuple[int, ...], tuple[int, ...]]
    tools_ns: tuple[int, int]
    set_ns: int


Tape = tuple[Waits, ...]


def draw_tape(requests: int, *, chunks: int, seed: int = 0) -> Tape:
    """Return the waits of *requests* requests, whose models stream *chunks* >= 0 tokens."""
    draws = Draws(seed)
    return tuple(_waits(draws, number, chunks) for number in range(requests))


def _waits(draws: Draws, number: int, chunks: int) -> Waits:
    with request_scope(number):
        ns = draws.ns
        models_ns = tuple(
            (ns("llm.first_token"), *(ns("llm.token") for _ in range(chunks))) for _ in range(2)
        )
        return Waits(
            hit=number % 2 == 0,
            session_ns=ns("redis.trip"),
            cache_ns=ns("redis.trip"),
            statements_ns=(ns("db.statement"), ns("db.statement"), ns("db.statement")),
            models_ns=(models_ns[0], models_ns[1]),
            tools_ns=(ns("tool.call"), ns("tool.call")),
            set_ns=ns("redis.trip"),
        )


@dataclass(slots=True)
class Book:
    """Latency of each request in ns by its number, and how often what was done."""

    latency_ns: dict[int, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


class AsyncioModel:
    """
    The path on any asyncio loop.

    Args:
        tape: One entry per request.
        wait: Awaited with ns.
        now_ns: The loop's clock.
        wait_all: Awaited with the tools' ns, which only wait then; None: they are code that runs
            side by side, in a task each.
    """

    def __init__(
        self,
        tape: Tape,
        wait: Callable[[int], Awaitable[object]],
        now_ns: Callable[[], int],
        *,
        wait_all: Callable[[tuple[int, ...]], Awaitable[object]] | None = None,
    ) -> None:
        self._wait_all = wait_all
        self._tape, self._wait, self._now_ns = tape, wait, now_ns
        self._pool = asyncio.Semaphore(CONNECTIONS)
        self.book = Book()

    async def run(self, users: int) -> Book:
        """Let *users* take turns at the requests; return what they saw."""
        await asyncio.gather(*[self._user(first, users) for first in range(users)])
        return self.book

    async def _user(self, first: int, users: int) -> None:
        now_ns, latency_ns = self._now_ns, self.book.latency_ns
        for number in range(first, len(self._tape), users):
            begin_ns = now_ns()
            await self._request(self._tape[number])
            latency_ns[number] = now_ns() - begin_ns

    async def _request(self, waits: Waits) -> None:
        wait, counts = self._wait, self.book.counts
        await self._redis(waits.session_ns)
        await self._redis(waits.cache_ns)
        if waits.hit:
            counts["hit"] += 1
            return
        async with self._pool:
            for ns in waits.statements_ns[:2]:
                counts["statement"] += 1
                await wait(ns)
        await self._model(waits.models_ns[0])
        if self._wait_all is None:
            await asyncio.gather(self._tool(waits.tools_ns[0]), self._tool(waits.tools_ns[1]))
        else:
            counts["tool"] += 2
            await self._wait_all(waits.tools_ns)
        await self._model(waits.models_ns[1])
        async with self._pool:
            counts["statement"] += 1
            await wait(waits.statements_ns[2])
        await self._redis(waits.set_ns)

    async def _redis(self, ns: int) -> None:
        self.book.counts["trip"] += 1
        await self._wait(ns)

    async def _model(self, tokens_ns: tuple[int, ...]) -> None:
        wait, counts = self._wait, self.book.counts
        for ns in tokens_ns:
            await wait(ns)
            counts["token"] += 1

    async def _tool(self, ns: int) -> None:
        self.book.counts["tool"] += 1
        await self._wait(ns)


class SimpyModel:
    """
    The path as simpy's processes, in integer ns.

    Args:
        tape: One entry per request.
        tools_as_processes: Whether a tool is code that runs beside the request, as in the
            other models, or just two events that the request waits for: simpy's shortest way.
    """

    def __init__(self, tape: Tape, *, tools_as_processes: bool) -> None:
        self._tape, self._tools_as_processes = tape, tools_as_processes
        self._env = simpy.Environment()
        self._pool = simpy.Resource(self._env, CONNECTIONS)
        self.book = Book()

    def run(self, users: int) -> Book:
        """Let *users* take turns at the requests; return what they saw."""
        for first in range(users):
            self._env.process(self._user(first, users))
        self._env.run()
        return self.book

    def _user(self, first: int, users: int) -> Iterator[Any]:
        env, latency_ns = self._env, self.book.latency_ns
        for number in range(first, len(self._tape), users):
            begin_ns = env.now
            yield from self._request(self._tape[number])
            latency_ns[number] = int(env.now - begin_ns)

    def _request(self, waits: Waits) -> Iterator[Any]:
        env, counts = self._env, self.book.counts
        yield from self._redis(waits.session_ns)
        yield from self._redis(waits.cache_ns)
        if waits.hit:
            counts["hit"] += 1
            return
        with self._pool.request() as connection:
            yield connection
            for ns in waits.statements_ns[:2]:
                counts["statement"] += 1
                yield env.timeout(ns)
        yield from self._model(waits.models_ns[0])
        first_ns, second_ns = waits.tools_ns
        if self._tools_as_processes:
            yield env.process(self._tool(first_ns)) & env.process(self._tool(second_ns))
        else:
            counts["tool"] += 2
            yield env.timeout(first_ns) & env.timeout(second_ns)
        yield from self._model(waits.models_ns[1])
        with self._pool.request() as connection:
            yield connection
            counts["statement"] += 1
            yield env.timeout(waits.statements_ns[2])
        yield from self._redis(waits.set_ns)

    def _redis(self, ns: int) -> Iterator[Any]:
        self.book.counts["trip"] += 1
        yield self._env.timeout(ns)

    def _model(self, tokens_ns: tuple[int, ...]) -> Iterator[Any]:
        env, counts = self._env, self.book.counts
        for ns in tokens_ns:
            yield env.timeout(ns)
            counts["token"] += 1

    def _tool(self, ns: int) -> Iterator[Any]:
        self.book.counts["tool"] += 1
        yield self._env.timeout(ns)


class TrioModel:
    """The path on trio, whose clock is in float seconds."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._pool = trio.CapacityLimiter(CONNECTIONS)
        self.book = Book()

    async def run(self, users: int) -> Book:
        """Let *users* take turns at the requests; return what they saw."""
        async with trio.open_nursery() as nursery:
            for first in range(users):
                nursery.start_soon(self._user, first, users)
        return self.book

    async def _user(self, first: int, users: int) -> None:
        latency_ns = self.book.latency_ns
        for number in range(first, len(self._tape), users):
            begin_s = trio.current_time()
            await self._request(self._tape[number])
            latency_ns[number] = round((trio.current_time() - begin_s) * 1e9)

    async def _request(self, waits: Waits) -> None:
        counts = self.book.counts
        await self._redis(waits.session_ns)
        await self._redis(waits.cache_ns)
        if waits.hit:
            counts["hit"] += 1
            return
        async with self._pool:
            for ns in waits.statements_ns[:2]:
                counts["statement"] += 1
                await trio.sleep(ns / 1e9)
        await self._model(waits.models_ns[0])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tool, waits.tools_ns[0])
            nursery.start_soon(self._tool, waits.tools_ns[1])
        await self._model(waits.models_ns[1])
        async with self._pool:
            counts["statement"] += 1
            await trio.sleep(waits.statements_ns[2] / 1e9)
        await self._redis(waits.set_ns)

    async def _redis(self, ns: int) -> None:
        self.book.counts["trip"] += 1
        await trio.sleep(ns / 1e9)

    async def _model(self, tokens_ns: tuple[int, ...]) -> None:
        counts = self.book.counts
        for ns in tokens_ns:
            await trio.sleep(ns / 1e9)
            counts["token"] += 1

    async def _tool(self, ns: int) -> None:
        self.book.counts["tool"] += 1
        await trio.sleep(ns / 1e9)
