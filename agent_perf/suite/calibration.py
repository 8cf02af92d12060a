"""
Measures what operations cost in CPU time on this machine, with the real clients.

The clients talk to services in the same process, and a part of the CPU time is theirs.
It is taken off by its share of the calls: a client that makes 70 of 100 calls is charged
for 70 % of the time.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any, Final

from agent_perf.measure import Recorder
from agent_perf.sim import CallMeter, CpuCosts, Draws, Reply, SimLoop, SimRequest, simulate
from agent_perf.suite.world import World

Call = Callable[[], Awaitable[object]]
Open = Callable[[World], AbstractAsyncContextManager[Call]]

COUNTED_CALLS_MAX: Final = 20
"""Enough to warm up, and to count calls, which are the same each time."""

_PIPELINE_COMMANDS: Final = 11
_STATEMENTS_PER_CALL: Final = 2
"""The one that is asked, and the rollback when its connection is given back."""
_BIG_KIB: Final = 256
_TOKENS: Final = (20, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """
    How much is measured.

    Attributes:
        rounds: Simulations per operation, >= 1; the least CPU time of them counts.
        calls: Calls in each, >= 1.
    """

    rounds: int = 5
    calls: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    What one call of an operation takes.

    Attributes:
        cpu_ns: CPU time of a call in each round, service included.
        call_count: Calls of Python functions in it, service included.
        priced_count: Those outside of the harness.
    """

    cpu_ns: tuple[int, ...]
    call_count: int
    priced_count: int

    @property
    def client_ns(self) -> int:
        """The least CPU time, without the service's share."""
        return min(self.cpu_ns) * self.priced_count // max(1, self.call_count)

    @property
    def median_ns(self) -> int:
        """The median CPU time, without the service's share."""
        median = round(statistics.median(self.cpu_ns))
        return median * self.priced_count // max(1, self.call_count)


def calibrate(
    sampling: Sampling | None = None, tell: Callable[[str, Sample], None] = lambda *_: None
) -> CpuCosts:
    """
    Return what operations cost on this machine.

    Args:
        sampling: How much is measured; five rounds of 100 calls if None.
        tell: Called with the name of each operation and its sample.
    """
    sampling = sampling or Sampling()
    samples: dict[str, Sample] = {}
    for name, open_operation in OPERATIONS.items():
        samples[name] = _sample(open_operation, sampling)
        tell(name, samples[name])
    return costs_of(
        {name: sample.client_ns for name, sample in samples.items()},
        sampling,
        ns_per_call=sum(min(sample.cpu_ns) for sample in samples.values())
        // max(1, sum(sample.call_count for sample in samples.values())),
        source=(
            f"{platform.machine()}, {platform.python_implementation()} "
            f"{platform.python_version()}; least of {sampling.rounds} rounds of "
            f"{sampling.calls} calls, without the services' share of the calls"
        ),
    )


def costs_of(
    ns: Mapping[str, int], sampling: Sampling, *, ns_per_call: int, source: str
) -> CpuCosts:
    """
    Return what each kind of work costs, of what a call of each of `OPERATIONS` takes.

    Args:
        ns: CPU time of a call, by operation.
        sampling: How much is measured of what is no call.
        ns_per_call: As in CpuCosts.
        source: Likewise.
    """
    command = max(0, ns["redis pipeline"] - ns["redis get"]) // (_PIPELINE_COMMANDS - 1)
    return CpuCosts(
        ns={
            "db_statements": ns["db statement"] // _STATEMENTS_PER_CALL,
            "http_requests": ns["http request"],
            "llm_calls": max(0, ns["llm call"] - ns["http request"]),
            "llm_tokens_out": max(0, ns["llm long"] - ns["llm short"]) // (_TOKENS[1] - _TOKENS[0]),
            "redis_commands": command,
            "redis_trips": max(0, ns["redis get"] - command),
        },
        ns_per_kib={
            "bytes_received": max(0, ns["redis get big"] - ns["redis get"]) // _BIG_KIB,
            "bytes_sent": max(0, ns["redis set big"] - ns["redis get"]) // _BIG_KIB,
            "json": _json_ns_per_kib(sampling),
        },
        ns_per_call=ns_per_call,
        source=source,
    )


def _sample(open_operation: Open, sampling: Sampling) -> Sample:
    counted = min(sampling.calls, COUNTED_CALLS_MAX)
    return Sample(
        cpu_ns=tuple(_cpu_ns(open_operation, sampling.calls) for _ in range(sampling.rounds)),
        call_count=_calls_of(open_operation, counted, CallMeter(0, lambda _: True)),
        priced_count=_calls_of(open_operation, counted, CallMeter(0)),
    )


def _cpu_ns(open_operation: Open, calls: int) -> int:
    async def main(loop: SimLoop) -> int:
        with closing(_world(loop)) as world:
            async with open_operation(world) as call:
                for _ in range(min(calls, COUNTED_CALLS_MAX)):
                    await call()
                begin_ns = time.process_time_ns()
                for _ in range(calls):
                    await call()
                return (time.process_time_ns() - begin_ns) // calls

    return simulate(main)


def _calls_of(open_operation: Open, calls: int, meter: CallMeter) -> int:
    async def main(loop: SimLoop) -> int:
        with closing(_world(loop)) as world:
            async with open_operation(world) as call:
                for _ in range(calls):
                    await call()
                meter.counting = True
                # The meter begins with the next step.
                await asyncio.sleep(0)
                for _ in range(calls):
                    await call()
                await asyncio.sleep(0)
                meter.counting = False
                return meter.call_count // calls

    with closing(meter):
        return simulate(main, meter=meter)


def _world(loop: SimLoop) -> World:
    return World(loop, Draws(1), Recorder(lambda: loop.now_ns, lambda: -1))


def _json_ns_per_kib(sampling: Sampling) -> int:
    """Return the CPU time of one passage of a KiB of JSON, as text or as objects."""
    rows = [{"id": n, "name": f"row {n}", "tags": ["a", "b"]} for n in range(1_000)]
    size_kib = len(json.dumps(rows)) / 1024
    found = []
    for _ in range(sampling.rounds):
        begin_ns = time.process_time_ns()
        json.loads(json.dumps(rows))
        found.append(time.process_time_ns() - begin_ns)
    # A dump and a load: each is one passage of the bytes.
    return round(min(found) / size_kib / 2)


# The operations.


@asynccontextmanager
async def _redis_get(world: World) -> AsyncIterator[Call]:
    async with world.redis.client() as redis:
        await redis.set("key", "value")
        yield lambda: redis.get("key")


@asynccontextmanager
async def _redis_pipeline(world: World) -> AsyncIterator[Call]:
    async with world.redis.client() as redis:

        async def call() -> object:
            pipeline = redis.pipeline(transaction=False)
            for _ in range(_PIPELINE_COMMANDS):
                pipeline.get("key")
            return await pipeline.execute()

        yield call


@asynccontextmanager
async def _redis_get_big(world: World) -> AsyncIterator[Call]:
    async with world.redis.client() as redis:
        await redis.set("key", b"x" * _BIG_KIB * 1024)
        yield lambda: redis.get("key")


@asynccontextmanager
async def _redis_set_big(world: World) -> AsyncIterator[Call]:
    async with world.redis.client() as redis:
        value = b"x" * _BIG_KIB * 1024
        yield lambda: redis.set("key", value)


@asynccontextmanager
async def _db_statement(world: World) -> AsyncIterator[Call]:
    from sqlalchemy import text

    engine = world.database.engine()
    statement = text("SELECT 1")

    async def call() -> object:
        async with engine.connect() as connection:
            return (await connection.execute(statement)).scalar()

    yield call
    await engine.dispose()


@asynccontextmanager
async def _http_request(world: World) -> AsyncIterator[Call]:
    async def answer(_request: SimRequest) -> Reply:
        return Reply(content=b'{"ok": true}')

    world.http.mount("service.sim", answer)
    async with world.http.client() as client:
        yield lambda: client.get("http://service.sim/")


@asynccontextmanager
async def _llm_call(world: World) -> AsyncIterator[Call]:
    from agent_perf.sim import llm

    world.llm.script(llm.text(tokens=_TOKENS[0]))
    messages: Any = [{"role": "user", "content": "How do refunds work?"}]
    async with world.llm.openai() as client:
        yield lambda: client.chat.completions.create(model="gpt-4o-mini", messages=messages)


def _llm_stream(tokens: int) -> Open:
    @asynccontextmanager
    async def opened(world: World) -> AsyncIterator[Call]:
        from agent_perf.sim import llm

        world.llm.script(llm.text(tokens=tokens))
        messages: Any = [{"role": "user", "content": "How do refunds work?"}]
        async with world.llm.openai() as client:

            async def call() -> object:
                stream = await client.chat.completions.create(
                    model="gpt-4o-mini", messages=messages, stream=True
                )
                return [chunk async for chunk in stream]

            yield call

    return opened


OPERATIONS: Final[dict[str, Open]] = {
    "redis get": _redis_get,
    "redis pipeline": _redis_pipeline,
    "redis get big": _redis_get_big,
    "redis set big": _redis_set_big,
    "db statement": _db_statement,
    "http request": _http_request,
    "llm call": _llm_call,
    "llm short": _llm_stream(_TOKENS[0]),
    "llm long": _llm_stream(_TOKENS[1]),
}
