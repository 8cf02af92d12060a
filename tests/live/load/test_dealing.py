"""Arrivals, dealt to workers."""

from __future__ import annotations

import io
from collections import Counter

import pytest

from agent_perf import scenario
from agent_perf.errors import UsageError
from agent_perf.live.load import dealing
from agent_perf.live.load.dealing import deal
from agent_perf.live.locust.wire import ARRIVAL
from agent_perf.load import NO_LIMITS, Burst, Constant, Gamma, Limits, Poisson, Ramp, Spike, Stress
from agent_perf.records import Tier
from agent_perf.suite import run_load

SHAPES = (
    Poisson(rate_hz=20, for_s=5),
    Constant(rate_hz=20, for_s=5),
    Gamma(rate_hz=20, for_s=5, cv=4.0),
    Ramp(from_hz=1, to_hz=40, for_s=5),
    Spike(rate_hz=10, for_s=6, at_s=2, spike_s=1),
    Stress(from_hz=5, to_hz=20, step_hz=5, step_s=2),
    Burst(size=30, every_s=2, for_s=5),
)


@scenario("live.chat", think=None, warmup=0)
async def chat(world):
    async def request(ask):
        return "chat"

    yield request


@scenario("live.health", think=None, warmup=0)
async def health(world):
    async def request(ask):
        return "health"

    yield request


def dealt(shape, weights, workers, *, seed=7, limits=NO_LIMITS):
    """Return what was dealt, and the records of each worker."""
    files = [io.BytesIO() for _ in range(workers)]
    result = deal(shape, weights, seed=seed, limits=limits, files=files)
    return result, [list(ARRIVAL.iter_unpack(file.getvalue())) for file in files]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape).__name__)
def test_the_simulator_offers_the_same(shape) -> None:
    """
    With one seed, a real load has as many requests as a simulated one, and as many of each kind.
    """
    simulated = run_load([(chat, 3), (health, 1)], shape, seed=7, tier=Tier.STUB)
    result, shares = dealt(shape, (3, 1), 2)
    names = Counter(("chat", "health")[name] for share in shares for _, _, name in share)

    assert simulated.offered == result.offered
    assert {path: one.count for path, one in simulated.paths.items()} == names


def test_workers_share_every_request_once() -> None:
    """
    Together they have all, each in order of time, none of them much more than another.
    """
    result, shares = dealt(Poisson(rate_hz=50, for_s=4), (1,), 3)
    numbers = sorted(number for share in shares for number, _, _ in share)

    assert list(range(result.offered)) == numbers
    assert all(share == sorted(share, key=lambda one: one[1]) for share in shares)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_rates_limit_drops_what_the_simulator_drops() -> None:
    """
    What is refused reaches no worker.
    """
    limits = Limits(rate_max_hz=10)
    shape = Poisson(rate_hz=30, for_s=5)
    simulated = run_load(chat, shape, seed=7, tier=Tier.STUB, limits=limits)
    result, shares = dealt(shape, (1,), 2, limits=limits)

    assert simulated.dropped == len(result.dropped_ns) > 0
    assert result.offered - len(result.dropped_ns) == sum(map(len, shares))


def test_a_load_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Arrivals are drawn before the begin: there is a limit, and it is told.
    """
    monkeypatch.setattr(dealing, "ARRIVALS_MAX", 10)

    with pytest.raises(UsageError, match="more than 10 requests; want a lower --rate"):
        dealt(Constant(rate_hz=20, for_s=5), (1,), 1)
