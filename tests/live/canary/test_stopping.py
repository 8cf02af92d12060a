"""How a canary is ended early, and what it tells then."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from agent_perf.config import NamedRequest
from agent_perf.errors import BrokenError
from agent_perf.live import ready
from agent_perf.live.canary import (
    CanaryOutcome,
    CanaryPlan,
    CanaryResult,
    Limit,
    NothingSeenError,
    Pair,
    Step,
    roll_out,
    stopped_by_signals,
)
from agent_perf.live.canary.stopping import is_set_within, unless_set

REQUEST = ready("health", NamedRequest(path="/health"), {})


def plan(*, warm_up_s: float = 0.0) -> CanaryPlan:
    return CanaryPlan(
        steps=tuple(Step(share=share, length_s=30.0, rate_hz=50.0) for share in (0.5, 1.0)),
        limits=(Limit(metric="latency.p95", most=0.2),),
        warm_up_s=warm_up_s,
    )


def stopped_after(answers: int, *, warm_up_s: float = 0.0) -> CanaryResult:
    """Return what a canary of two equal services came to, stopped when they gave so many answers."""

    async def run() -> CanaryResult:
        stop, count = asyncio.Event(), 0

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            try:
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    count += 1
                    if count == answers:
                        stop.set()
            except (asyncio.IncompleteReadError, ConnectionResetError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pair = Pair(stable_url=url, candidate_url=url, requests=(REQUEST,))
        async with server:
            return await roll_out(plan(warm_up_s=warm_up_s), pair, lambda *_: None, stop)

    return asyncio.run(run())


def test_what_was_measured_before_the_end_is_told() -> None:
    """
    A canary that is stopped tells its requests so far, judges nothing by them, and makes no
    further step.
    """
    result = stopped_after(20)

    assert (True, CanaryOutcome.HOLD) == (result.is_interrupted, result.outcome)
    (step,) = result.steps
    assert () == step.findings
    assert step.stable.requests + step.candidate.requests == round(step.length_s * 50) > 0


def test_a_warm_up_has_nothing_to_tell() -> None:
    """
    Stopped before anything counted, it ends as any command that is interrupted.
    """
    with pytest.raises(NothingSeenError):
        stopped_after(2, warm_up_s=20.0)


def test_a_stable_service_that_is_not_there_is_told_after_the_warm_up() -> None:
    """
    A wrong address does not wait for the first look.
    """
    pair = Pair(
        stable_url="http://127.0.0.1:9", candidate_url="http://127.0.0.1:9", requests=(REQUEST,)
    )

    with pytest.raises(BrokenError, match="answered none of 10 requests as it should"):
        asyncio.run(roll_out(plan(warm_up_s=0.4), pair, lambda *_: None))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_once(number: signal.Signals) -> None:
    """
    The first one asks for an end; after it, and after the canary, signals mean what they did.
    """

    async def run() -> bool:
        with stopped_by_signals() as stop:
            os.kill(os.getpid(), number)
            return await is_set_within(stop, 10.0)

    before = signal.getsignal(number)

    assert asyncio.run(run())
    assert before is signal.getsignal(number)


def test_work_is_cancelled_when_the_end_comes_first() -> None:
    """
    It is over when we go on, and what it had is None; work that ends first has its result.
    """

    async def run() -> tuple[int | None, int | None, bool]:
        stop, ended = asyncio.Event(), asyncio.Event()

        async def endless() -> int:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.set()
            return 1

        async def short() -> int:
            return 2

        two = await unless_set(stop, short())
        asyncio.get_running_loop().call_soon(stop.set)
        return two, await unless_set(stop, endless()), ended.is_set()

    assert (2, None, True) == asyncio.run(run())
