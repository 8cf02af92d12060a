from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_perf.components import (
    CLOSED,
    BreakerState,
    BreakerStats,
    CircuitBreaker,
    CircuitOpenError,
    FailureRatio,
)
from agent_perf.components.resilience.breaker import admit, record_failure
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate
from tests.components.fakes import Hands


async def succeed() -> str:
    return "done"


async def fail() -> str:
    raise OSError("down")


async def call_all(breaker: CircuitBreaker, *functions: object) -> list[str]:
    outcomes = []
    for function in functions:
        try:
            outcomes.append(await breaker.call(function))
        except (OSError, CircuitOpenError) as error:
            outcomes.append(type(error).__name__)
    return outcomes


@given(st.integers(1, 5), st.floats(0.1, 100), st.lists(st.tuples(st.booleans(), st.floats(0, 50))))
def test_never_more_than_one_probe(
    failures_max: int, open_s: float, script: list[tuple[bool, float]]
) -> None:
    """
    Whatever happens when, an open breaker admits nobody before its time, and then one.
    """
    state, now_s = CLOSED, 0.0
    for fails, later_s in script:
        now_s += later_s
        admitted = admit(state, now_s, open_s)
        is_early = state.opened_s is not None and now_s < state.opened_s + open_s
        assert is_early == (admitted is None)
        if admitted is None:
            continue
        if admitted.probing:
            assert admit(admitted, now_s + 1e9, open_s) is None
        if fails:
            state = record_failure(admitted, now_s, failures_max, probe=admitted.probing)
            assert (state.failures >= failures_max) == (state.opened_s is not None)
        else:
            state = CLOSED


def test_opens_after_failures_in_a_row() -> None:
    """
    Two failures, a success and two failures leave it closed; three in a row open it.
    """

    async def main(_: SimLoop) -> list[str]:
        breaker = CircuitBreaker(failures_max=3, open_s=10)
        return await call_all(
            breaker, fail, fail, succeed, fail, fail, succeed, fail, fail, fail, succeed
        )

    assert (
        ["OSError"] * 2
        + ["done"]
        + ["OSError"] * 2
        + ["done"]
        + ["OSError"] * 3
        + ["CircuitOpenError"]
    ) == simulate(main)


def test_closes_after_a_good_probe_and_stays_open_after_a_bad_one() -> None:
    """
    After open_s one call is let through: if it fails the pause begins anew, if it succeeds
    all calls go through.
    """

    async def main(_: SimLoop) -> list[str]:
        breaker = CircuitBreaker(failures_max=1, open_s=10)
        outcomes = await call_all(breaker, fail)
        await asyncio.sleep(9.999)
        outcomes += await call_all(breaker, succeed)
        await asyncio.sleep(0.001)
        outcomes += await call_all(breaker, fail, succeed)
        await asyncio.sleep(10)
        return outcomes + await call_all(breaker, succeed, succeed)

    assert [
        "OSError",
        "CircuitOpenError",
        "OSError",
        "CircuitOpenError",
        "done",
        "done",
    ] == simulate(main)


def test_says_how_long_to_wait() -> None:
    """
    A refusal tells the seconds until the next probe.
    """

    async def main(_: SimLoop) -> float:
        breaker = CircuitBreaker(failures_max=1, open_s=10)
        await call_all(breaker, fail)
        await asyncio.sleep(4)
        with pytest.raises(CircuitOpenError, match="next probe in 6 s") as caught:
            await breaker.call(succeed)
        return caught.value.retry_after_s

    assert 6.0 == simulate(main)


def test_one_probe_at_a_time() -> None:
    """
    While the probe is under way others are refused; when it is cancelled the next may try.
    """

    async def main(_: SimLoop) -> list[str]:
        breaker = CircuitBreaker(failures_max=1, open_s=1)
        await call_all(breaker, fail)
        await asyncio.sleep(1)
        probe = asyncio.create_task(breaker.call(lambda: asyncio.sleep(60)))
        await asyncio.sleep(1)
        outcomes = await call_all(breaker, succeed)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        return outcomes + await call_all(breaker, succeed, succeed)

    assert ["CircuitOpenError", "done", "done"] == simulate(main)


def test_late_results_of_old_calls_change_nothing() -> None:
    """
    Calls from before it opened neither close it nor make the pause longer when they end.
    """

    async def late(outcome: object) -> object:
        await asyncio.sleep(5)
        return await outcome()

    async def main(_: SimLoop) -> BreakerState:
        breaker = CircuitBreaker(failures_max=1, open_s=10)
        old = [
            asyncio.create_task(breaker.call(lambda function=function: late(function)))
            for function in (succeed, fail)
        ]
        await asyncio.sleep(0)
        await call_all(breaker, fail)
        await asyncio.gather(*old, return_exceptions=True)
        return breaker.state

    assert BreakerState(failures=1, opened_s=0.0) == simulate(main)


def test_errors_of_other_kinds_are_not_failures() -> None:
    """
    What is not among the counted errors passes, and opens nothing.
    """

    async def main(_: SimLoop) -> tuple[list[str], bool]:
        breaker = CircuitBreaker(failures_max=1, counts=(ConnectionError,))
        return await call_all(breaker, fail, fail), breaker.is_open

    assert (["OSError", "OSError"], False) == simulate(main)


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from(["begin", "good", "bad", "gone"]), st.integers(0, 6))),
)
def test_breaker_agrees_with_a_simple_model(
    failures_max: int, probes: int, script: list[tuple[str, int]]
) -> None:
    """
    Calls that begin and end in any order: it lets in exactly what a plain list of rules does.
    """

    async def main(_: SimLoop) -> None:
        clock, model = Hands(), Rules(failures_max, probes)
        breaker = CircuitBreaker(
            failures_max=failures_max, open_s=5, probes=probes, counts=(OSError,), clock=clock
        )
        running: list[tuple[asyncio.Future[None], asyncio.Task[None], int | None]] = []
        for step, number in script:
            clock.now_s += number
            if step == "begin":
                end = asyncio.get_running_loop().create_future()
                task = asyncio.create_task(breaker.call(lambda end=end: end))
                await asyncio.sleep(0)
                token = model.begin(clock.now_s)
                assert (token is None) == task.done()
                if task.done():
                    assert isinstance(task.exception(), CircuitOpenError)
                else:
                    running.append((end, task, token))
            elif running:
                end, task, token = running.pop(number % len(running))
                if step == "gone":
                    task.cancel()
                elif step == "good":
                    end.set_result(None)
                else:
                    end.set_exception(OSError())
                await asyncio.gather(task, return_exceptions=True)
                model.end(token, step, clock.now_s)
            assert model.is_open == breaker.is_open
        for end, task, _ in running:
            end.cancel()
            await asyncio.gather(task, return_exceptions=True)

    simulate(main)


class Rules:
    """What a breaker does, said plainly; a token is 0, or the opening that a call probes."""

    def __init__(self, failures_max: int, probes: int) -> None:
        self.failures_max, self.probes = failures_max, probes
        self.row = self.opening = 0
        self.opened_s = 0.0
        self.is_open = False
        self.probing: list[int] = []
        self.passed = 0

    def begin(self, now_s: float) -> int | None:
        if not self.is_open:
            return 0
        if now_s < self.opened_s + 5 or len(self.probing) + self.passed >= self.probes:
            return None
        self.probing.append(self.opening)
        return self.opening

    def end(self, token: int, how: str, now_s: float) -> None:
        if token and token != self.opening:
            return
        if token and not self.is_open:
            return
        if token:
            self.probing.remove(token)
            if how == "bad":
                self.open(now_s)
            elif how == "good":
                self.passed += 1
                if self.passed >= self.probes:
                    self.is_open, self.row = False, 0
        elif not self.is_open and how == "good":
            self.row = 0
        elif not self.is_open and how == "bad":
            self.row += 1
            if self.row >= self.failures_max:
                self.open(now_s)

    def open(self, now_s: float) -> None:
        self.is_open, self.opened_s, self.probing, self.passed = True, now_s, [], 0
        self.opening += 1


def test_three_good_probes_close_it() -> None:
    """
    With probes=3 three may be under way at once; all must succeed.
    """

    async def main(_: SimLoop) -> list[object]:
        breaker = CircuitBreaker(failures_max=1, open_s=1, probes=3)
        await call_all(breaker, fail)
        await asyncio.sleep(1)
        outcomes: list[object] = await call_all(breaker, succeed, succeed)
        outcomes.append(breaker.is_open)
        outcomes += await call_all(breaker, succeed)
        outcomes.append(breaker.is_open)
        await call_all(breaker, fail)
        await asyncio.sleep(1)
        outcomes += await call_all(breaker, succeed, fail, succeed)
        return [*outcomes, breaker.stats()]

    assert [
        *("done", "done", True, "done", False, "done", "OSError", "CircuitOpenError"),
        BreakerStats(failures=3, refused=1, opened=3, is_open=True),
    ] == simulate(main)


def test_a_share_of_failures_opens_it() -> None:
    """
    Every second call fails, so never two in a row: at the tenth call half of the last ten
    seconds' calls have failed, and it opens. Failures of long ago do not count.
    """

    async def main(_: SimLoop) -> list[object]:
        ratio = FailureRatio(ratio=0.5, calls_min=10, window_s=10)
        breaker = CircuitBreaker(failures_max=2, open_s=5, ratio=ratio)
        await call_all(breaker, *([fail] * 9))
        await asyncio.sleep(11)
        outcomes: list[object] = []
        for _ in range(5):
            outcomes.append(breaker.is_open)
            await call_all(breaker, succeed, fail)
        outcomes += await call_all(breaker, succeed)
        await asyncio.sleep(5)
        outcomes += await call_all(breaker, succeed, fail)
        return [*outcomes, breaker.is_open]

    assert [*([False] * 5), "CircuitOpenError", "done", "OSError", False] == simulate(main)


def test_a_clock_that_jumps_back_does_not_keep_it_open() -> None:
    """
    A day back while it is open: it probes open_s later, and not in a day.
    """
    clock = Hands(100_000.0)

    async def main(_: SimLoop) -> list[str]:
        breaker = CircuitBreaker(failures_max=1, open_s=10, clock=clock)
        outcomes = await call_all(breaker, fail)
        clock.now_s -= 86_400
        outcomes += await call_all(breaker, succeed)
        clock.now_s += 10
        return outcomes + await call_all(breaker, succeed)

    assert ["OSError", "CircuitOpenError", "done"] == simulate(main)


@pytest.mark.parametrize("bad", [{"failures_max": 0}, {"open_s": 0}, {"probes": 0}])
def test_arguments_are_checked(bad: dict[str, float]) -> None:
    """
    A breaker that would never close, or is open from the start, is refused.
    """
    with pytest.raises(ConfigError):
        CircuitBreaker(**bad)


def test_changes_are_told_once_each() -> None:
    """
    Open, half-open and closed are told as they come about, and nothing else is.
    """
    told: list[str] = []
    now_s = 0.0
    breaker = CircuitBreaker(failures_max=2, open_s=5, clock=lambda: now_s, on_change=told.append)

    async def call(*, good: bool) -> None:
        if not good:
            raise ValueError("down")

    async def attempt(*, good: bool) -> None:
        with contextlib.suppress(ValueError, CircuitOpenError):
            await breaker.call(lambda: call(good=good))

    async def story() -> None:
        nonlocal now_s
        for good in (True, False, True, False, False, False):
            await attempt(good=good)
        now_s = 5.0
        await attempt(good=False)
        now_s = 10.0
        await attempt(good=True)
        await attempt(good=True)

    asyncio.run(story())

    assert ["open", "half-open", "open", "half-open", "closed"] == told
