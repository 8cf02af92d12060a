from __future__ import annotations

import asyncio

import pytest

from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from agent_perf.sim.faults import (
    Fault,
    FaultPoint,
    FaultSchedule,
    InjectedError,
    drop_first,
    errors,
    hang,
    outage,
    partition,
    slow,
)
from tests.sim.services.ledger import Ledger, round_draws


def schedule(loop: SimLoop, *faults: Fault) -> tuple[FaultSchedule, Ledger]:
    ledger = Ledger()
    return FaultSchedule(faults, loop=loop, draws=round_draws(), witness=ledger), ledger


def point(loop: SimLoop, *faults: Fault, name: str = "redis") -> FaultPoint:
    """Return the point of *name*, its clock begun."""
    plan, _ = schedule(loop, *faults)
    found = plan.point(name)
    assert found is not None
    plan.start()
    return found


def test_an_outage_refuses_connects_and_resets_the_rest() -> None:
    """
    From its begin to its end, without it, and not while the clock has not begun.
    """

    async def main(loop: SimLoop) -> list[str]:
        plan, _ = schedule(loop, outage("redis", at_s=1, for_s=2))
        redis = plan.point("redis")
        assert redis is not None
        await redis.admit("redis.connect")
        await asyncio.sleep(10)
        plan.start()
        seen = []
        for _ in range(4):
            for operation in ("redis.connect", "redis.trip"):
                try:
                    await redis.admit(operation)
                    seen.append("ok")
                except ConnectionError as error:
                    seen.append(type(error).__name__)
            await asyncio.sleep(1)
        return seen

    down = ["ConnectionRefusedError", "PeerClosed"]
    assert ["ok", "ok", *down, *down, "ok", "ok"] == simulate(main)


def test_open_connections_are_told_of_an_outage() -> None:
    """
    Each that has not unsubscribed, at the very begin, the oldest first, once per window.
    """

    async def main(loop: SimLoop) -> list[tuple[int, str]]:
        told: list[tuple[int, str]] = []
        redis = point(loop, outage("redis", at_s=1, for_s=1, every_s=5))
        redis.on_cut(lambda: told.append((loop.now_ns, "first")))
        end = redis.on_cut(lambda: told.append((loop.now_ns, "closed")))
        redis.on_cut(lambda: told.append((loop.now_ns, "last")))
        end()
        await asyncio.sleep(4)
        await redis.admit("redis.trip")
        await asyncio.sleep(4)
        return told

    assert [
        (1_000_000_000, "first"),
        (1_000_000_000, "last"),
        (6_000_000_000, "first"),
        (6_000_000_000, "last"),
    ] == simulate(main)


def test_a_hang_ends_with_its_window() -> None:
    """
    An operation that begins in the window is held to its end; a connect is not.
    """

    async def main(loop: SimLoop) -> list[int]:
        redis = point(loop, hang("redis", for_s=3, detail="G*"))
        await redis.admit("redis.connect", "GET")
        await redis.admit("redis.trip", "SET")
        before_ns = loop.now_ns
        await redis.admit("redis.trip", "GET")
        return [before_ns, loop.now_ns]

    assert [0, 3_000_000_000] == simulate(main)


def test_slowness_multiplies_and_adds() -> None:
    """
    Factor and addition apply in the window, to the operations that are named.
    """

    async def main(loop: SimLoop) -> list[int]:
        llm = point(
            loop, slow("llm", factor=4, added_s=0.5, for_s=1, operation="llm.token"), name="llm"
        )
        inside = [llm.stretch("llm.token", 1000), llm.stretch("llm.first_token", 1000)]
        await asyncio.sleep(1)
        return [*inside, llm.stretch("llm.token", 1000)]

    assert [500_004_000, 1000, 1000] == simulate(main)


def test_the_first_are_dropped() -> None:
    """
    So many operations are reset, connects do not count, and then none is.
    """

    async def main(loop: SimLoop) -> list[bool]:
        redis = point(loop, drop_first("redis", 2))
        passed = []
        for operation in ("redis.trip", "redis.connect", "redis.trip", "redis.trip"):
            try:
                await redis.admit(operation)
                passed.append(True)
            except ConnectionResetError:
                passed.append(False)
        return passed

    assert [False, True, False, True] == simulate(main)


def test_errors_are_drawn_by_their_own_key() -> None:
    """
    A fault with a ratio fails about that share, always the same, and moves no other draw.
    """

    async def main(loop: SimLoop) -> tuple[int, bool]:
        plan, ledger = schedule(loop, errors("llm", ratio=0.25, status=429, retry_after_s=2))
        llm = plan.point("llm")
        assert llm is not None
        plan.start()
        failed = 0
        for _ in range(400):
            try:
                await llm.admit("llm.first_token")
            except InjectedError as error:
                failed += (error.status, error.retry_after_s) == (429, 2)
        return failed, ledger.counts["faults"] == failed

    failed, all_counted = simulate(main)
    assert (failed, all_counted) == simulate(main)
    assert failed == 101
    assert all_counted


def test_nothing_can_go_wrong_where_nothing_was_declared() -> None:
    """
    A service that no fault names has no point, and costs nothing.
    """

    async def main(loop: SimLoop) -> list[bool]:
        plan, _ = schedule(loop, outage("redis"), partition("app", "billing.sim"))
        return [plan.point(name) is None for name in ("redis", "database", "billing.sim")]

    assert [False, True, False] == simulate(main)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (outage("reddis"), "did you mean 'redis'"),
        (outage("biling.sim"), "did you mean 'billing.sim'"),
        (outage("llm.sim"), "did you mean 'llm'"),
        (partition("app", "databse"), "did you mean 'database'"),
    ],
)
def test_unknown_names_are_refused(fault: Fault, message: str) -> None:
    """
    A name that is in no world is a ConfigError that says what was probably meant.
    """

    async def main(loop: SimLoop) -> None:
        plan, _ = schedule(loop, fault)
        plan.call_host("llm.sim", "llm")
        plan.check_names(hosts=["billing.sim", "llm.sim"], workers=["ingest"])

    with pytest.raises(ConfigError) as caught:
        simulate(main)
    assert message in str(caught.value)
