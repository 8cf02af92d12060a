"""Retries, breakers, rate limits and bulkheads around a call that succeeds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiolimiter
import circuitbreaker
import limits
import limits.aio
import stamina
import tenacity

from agent_perf.components import (
    CircuitBreaker,
    FailureRatio,
    RateLimiter,
    RetryPolicy,
    call_with_retries,
)
from tools.peers.contest import OURS, Contest, Contestant

TITLE = "Calls: retries, breakers, rate limits"
INTRO = """
What each call pays while all is well. stamina 26.1, tenacity 9.2, circuitbreaker 2.1, aiolimiter
1.3, limits 5.8 (its asyncio storage in memory). The call is an async function that returns a
number; each library wraps it once, as its documentation shows. No limit is reached.
"""

_CALLS = 2_000


async def _work() -> int:
    return 1


def _loop(call: Callable[[], Awaitable[object]]) -> Contestant:
    async def run(times: int) -> None:
        for _ in range(times):
            await call()

    return run


async def contests() -> AsyncIterator[Contest]:
    """Give the contests of this section."""
    yield _retries()
    yield _breakers()
    yield _limits()


def _retries() -> Contest:
    policy = RetryPolicy(attempts=3)
    with_stamina = stamina.retry(on=OSError, attempts=3)(_work)
    with_tenacity = tenacity.retry(
        stop=tenacity.stop_after_attempt(3),
        wait=tenacity.wait_exponential_jitter(),
        retry=tenacity.retry_if_exception_type(OSError),
        reraise=True,
    )(_work)
    return Contest(
        title="retries, the first attempt succeeds",
        contestants={
            OURS: _loop(lambda: call_with_retries(_work, on=OSError, policy=policy)),
            "stamina": _loop(with_stamina),
            "tenacity": _loop(with_tenacity),
        },
        calls=_CALLS,
        want={"stamina": 20, "tenacity": 20},
    )


def _breakers() -> Contest:
    breaker = CircuitBreaker(failures_max=5, open_s=30)
    share = CircuitBreaker(ratio=FailureRatio(), open_s=30)
    wrapped = circuitbreaker.CircuitBreaker(failure_threshold=5, recovery_timeout=30, name="peer")(
        _work
    )
    return Contest(
        title="breaker, closed",
        contestants={
            OURS: _loop(lambda: breaker.call(_work)),
            "agent-perf, by share of failures": _loop(lambda: share.call(_work)),
            "circuitbreaker": _loop(wrapped),
        },
        calls=_CALLS,
        unequal={"agent-perf, by share of failures": "it counts successes too"},
    )


def _limits() -> Contest:
    ours = RateLimiter(1e8, burst=10**7)
    leaky = aiolimiter.AsyncLimiter(10**8, 1)
    storage = limits.aio.storage.MemoryStorage()
    item = limits.RateLimitItemPerSecond(10**8)
    fixed = limits.aio.strategies.FixedWindowRateLimiter(storage)
    sliding = limits.aio.strategies.SlidingWindowCounterRateLimiter(storage)
    return Contest(
        title="rate limit, a turn at once",
        contestants={
            OURS: _loop(ours.acquire),
            "aiolimiter": _loop(leaky.acquire),
            "limits, fixed window": _loop(lambda: fixed.hit(item, "key")),
            "limits, sliding window": _loop(lambda: sliding.hit(item, "key")),
        },
        calls=_CALLS,
    )
