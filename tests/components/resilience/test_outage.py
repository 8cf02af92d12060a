from __future__ import annotations

import asyncio
import logging

import pytest

from agent_perf.components import StoreUnavailableError
from agent_perf.components.resilience.outage import OutageGuard
from agent_perf.sim import SimLoop, simulate


class WrongPasswordError(ConnectionError):
    """Down by its class, but not by its meaning."""


async def down() -> None:
    raise ConnectionError("refused")


async def answer() -> str:
    return "pong"


def test_says_once_that_it_is_down_and_once_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    An outage of three calls makes two log lines: one at its begin, one at its end.
    """

    async def main(_: SimLoop) -> tuple[bool, bool]:
        guard = OutageGuard("redis", down=(ConnectionError,))
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="refused"):
                await guard.attempt(down)
            await asyncio.sleep(1)
        was_up = guard.is_up
        await guard.attempt(answer)
        return was_up, guard.is_up

    with caplog.at_level(logging.INFO):
        assert (False, True) == simulate(main)
    assert [
        "going on without redis: redis is down: ConnectionError: refused",
        "redis is back after 3 s; 3 calls went without it",
    ] == caplog.messages


def test_an_outage_costs_five_time_outs_and_no_more() -> None:
    """
    A hundred calls to a service that hangs wait five times, and not a hundred.
    """

    async def hang() -> None:
        await asyncio.sleep(3600)

    async def main(loop: SimLoop) -> tuple[float, int]:
        guard = OutageGuard("redis", down=(OSError,), timeout_s=0.5, pause_s=10)
        for _ in range(100):
            with pytest.raises(StoreUnavailableError):
                await guard.attempt(hang)
        return loop.time(), guard.failures

    assert (2.5, 100) == simulate(main)


def test_what_will_not_pass_is_not_hidden() -> None:
    """
    An error that is no outage comes out as it is, every time.
    """

    async def main(_: SimLoop) -> bool:
        guard = OutageGuard("redis", down=(ConnectionError,), broken=(WrongPasswordError,))

        async def refuse() -> None:
            raise WrongPasswordError

        for _ in range(10):
            with pytest.raises(WrongPasswordError):
                await guard.attempt(refuse)
        return guard.is_up

    assert simulate(main)
