"""What is wrong with a scenario itself is told in one line, and never as a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import Counter

import pytest

from agent_perf import Scenario, scenario
from agent_perf.errors import BrokenError, ConfigError, RealWorldAccess
from agent_perf.load import Closed, Constant
from agent_perf.load.data import Case
from agent_perf.sim.faults import drop_first, errors
from agent_perf.suite import run_cases, run_load, run_scenario

LOAD = Constant(rate_hz=2, for_s=2)


def yielding(request) -> Scenario:
    @scenario("shop.search", users=(2,), requests=8, load=LOAD)
    async def search(world):
        yield request

    return search


async def no_argument():
    return "hit"


async def number(ask):
    return 5


def not_awaited(ask):
    return "hit"


async def leaving(ask):
    sys.exit(0)


@pytest.mark.parametrize(
    ("request_function", "said"),
    [
        (7, "it yielded 7"),
        (None, "it yielded None"),
        (no_argument, r"takes \(\); want one argument"),
        (not_awaited, "returned 'hit' without being awaited; make it `async def`"),
        (number, "a request returned 5"),
        (leaving, r"it called sys.exit\(0\)"),
    ],
)
def test_what_is_no_request_function_is_told(request_function, said: str) -> None:
    """
    A load counts failed requests as results; a scenario that cannot ask is no result.
    """
    for run in (
        lambda: run_load(yielding(request_function), LOAD),
        lambda: run_scenario(yielding(request_function), 2, commit="worktree"),
        lambda: run_cases(yielding(request_function), (Case(name="first", text="Hello"),)),
    ):
        with pytest.raises(BrokenError, match=f"scenario shop.search: .*{said}"):
            run()


def test_set_up_and_tear_down_are_told_apart_with_their_line() -> None:
    """
    An error of either names the part, itself, and the scenario's line, in one line.
    """

    @scenario("shop.opens")
    async def opens(world):
        raise ValueError("no\nfile")
        yield

    @scenario("shop.closes")
    async def closes(world):
        yield lambda ask: asyncio.sleep(1)
        raise KeyError("gone")

    @scenario("shop.twice")
    async def twice(world):
        yield lambda ask: asyncio.sleep(1)
        yield

    said = {}
    for each in (opens, closes, twice):
        with pytest.raises(BrokenError) as raised:
            run_load(each, LOAD)
        said[each.name] = str(raised.value)

    first = opens.build.__wrapped__.__code__.co_firstlineno
    last = closes.build.__wrapped__.__code__.co_firstlineno
    assert said == {
        "shop.opens": "scenario shop.opens: its set-up raised ValueError: no file, "
        f"at {__file__}:{first + 2}",
        "shop.closes": "scenario shop.closes: its tear-down raised KeyError: 'gone', "
        f"at {__file__}:{last + 3}",
        "shop.twice": "scenario shop.twice: generator didn't stop; want one `yield` of the "
        "request function",
    }


def test_a_scenario_cannot_swallow_why_it_ended() -> None:
    """
    Else what was taken down until then would be a run, or there would be none to read.
    """

    @scenario("shop.quiet", users=(2,), requests=8)
    async def quiet(world):
        async def request(ask):
            raise ValueError("out of stock")

        with contextlib.suppress(BrokenError):
            yield request

    with pytest.raises(BrokenError, match="all 8 requests failed, .* ValueError: out of stock"):
        run_scenario(quiet, 2, commit="worktree")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"seed": "x"}, "seed='x'"),
        ({"tables": {"redis.trip": 0.5}}, "table redis.trip = 0.5; want a LatencyTable"),
        ({"targets": {"latency.p95": "150ms"}}, "target latency.p95 = '150ms'; want a number"),
    ],
)
def test_what_a_scenario_declares_is_checked_at_once(given, said: str) -> None:
    """
    Where it is written, not deep inside the first run.
    """
    with pytest.raises(ConfigError, match=f"scenario shop.search: {said}"):
        scenario("shop.search", **given)(no_argument_generator)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: drop_first("redis", 1.5),
        lambda: errors("llm", retry_after_s=float("inf")),
    ],
)
def test_faults_of_half_a_request_or_no_end_are_refused(declare) -> None:
    """
    A count is whole, and what a client is asked to wait ends.
    """
    with pytest.raises(ConfigError, match=r"want (1 or more|a finite number)"):
        declare()


async def no_argument_generator(world):
    yield no_argument


async def half_cancelled(ask):
    await asyncio.sleep(0.1)
    if ask.index % 2:
        raise asyncio.CancelledError


async def half_cancelling(ask):
    await asyncio.sleep(0.1)
    if ask.index in (1, 3):
        asyncio.current_task().cancel()
        await asyncio.sleep(1)


@pytest.mark.parametrize("request_function", [half_cancelled, half_cancelling])
def test_cancelled_requests_are_failed_ones(request_function) -> None:
    """
    What was offered is good, failed or dropped: a cancelled request failed, under that name.
    """
    run = run_load(yielding(request_function), LOAD, users=1)

    assert 4 == run.offered
    assert 2 == run.good
    assert {"cancelled": 2} == run.errors


def test_a_user_who_is_cancelled_is_told() -> None:
    """
    In a closed loop the user is the task: cancelled, it would ask no more, and nobody know.
    """
    with pytest.raises(BrokenError, match="user-0 was cancelled by a request"):
        run_load(yielding(half_cancelling), Closed(users=1, for_s=60))


def test_a_user_goes_on_after_a_cancelled_request() -> None:
    """
    Who awaited something that was cancelled has one failed request, and asks again.
    """
    run = run_load(yielding(half_cancelled), Closed(users=1, for_s=60))

    assert Counter(run.errors)["cancelled"] == run.offered // 2 > 3
    assert run.offered == run.good + run.errors["cancelled"]


def test_a_refusal_ends_it_at_once() -> None:
    """
    An application that answers whatever is raised is not asked again once the simulation is
    lost: neither by users who wait, nor under a load.
    """
    asked: list[int] = []

    async def forgiving(ask):
        asked.append(ask.index)
        try:
            os.system("true")  # noqa: ASYNC221  # The mistake under test.
        except Exception as error:
            raise AssertionError("500: internal error") from error

    for run in (
        lambda one: run_scenario(one, 1, commit="worktree"),
        lambda one: run_load(one, LOAD, users=1),
    ):
        asked.clear()

        with pytest.raises(RealWorldAccess, match=r"os\.system.* in .*forgiving"):
            run(yielding(forgiving))
        assert 1 == len(asked)
