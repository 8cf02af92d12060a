from __future__ import annotations

import asyncio

import pytest

from agent_perf.components import RetryPolicy, call_with_retries
from agent_perf.errors import ConfigError
from agent_perf.sim import SimLoop, simulate


class Busy(Exception):
    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__("busy")
        self.retry_after_s = retry_after_s


class Script:
    """A call that gives, or raises, one outcome after the other, and notes when."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)
        self.called_s: list[float] = []

    async def __call__(self) -> object:
        self.called_s.append(asyncio.get_running_loop().time())
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def run(script: Script, policy: RetryPolicy) -> object:
    async def main(_: SimLoop) -> object:
        return await call_with_retries(script, on=(Busy, OSError), policy=policy)

    return simulate(main)


STEADY = RetryPolicy(attempts=4, wait_s_first=1.0, wait_s_max=3.0, jitter_s_max=0.0)


def test_waits_double_up_to_the_limit() -> None:
    """
    After 1 s, 2 s and then the limit of 3 s it tries again.
    """
    script = Script(Busy(), OSError(), Busy(), "done")

    assert "done" == run(script, STEADY)
    assert [0.0, 1.0, 3.0, 6.0] == script.called_s


def test_last_error_comes_out() -> None:
    """
    When all attempts failed, the last one's error is raised as it is.
    """
    last = Busy()
    script = Script(Busy(), Busy(), Busy(), last)

    with pytest.raises(Busy) as caught:
        run(script, STEADY)

    assert last is caught.value
    assert 4 == len(script.called_s)


def test_other_errors_are_not_retried() -> None:
    """
    An error that was not named ends it at once, in the first attempt and in a later one.
    """
    first, later = Script(KeyError()), Script(Busy(), KeyError())

    for script in (first, later):
        with pytest.raises(KeyError):
            run(script, STEADY)
    assert [1, 2] == [len(first.called_s), len(later.called_s)]


def test_the_service_sets_the_wait() -> None:
    """
    An error that says when to come again is believed.
    """
    script = Script(Busy(retry_after_s=7.5), Busy(retry_after_s=0.0), "done")

    assert "done" == run(script, STEADY)
    assert [0.0, 7.5, 7.5] == script.called_s


def test_one_attempt_means_none_more() -> None:
    """
    With attempts=1 the first failure is the result.
    """
    script = Script(Busy())

    with pytest.raises(Busy):
        run(script, RetryPolicy(attempts=1))
    assert [0.0] == script.called_s


def test_jitter_is_added_within_its_limit() -> None:
    """
    Two that fail together do not come again together.
    """
    policy = RetryPolicy(attempts=2, wait_s_first=1.0, jitter_s_max=0.5)
    scripts = [Script(Busy(), "done") for _ in range(2)]

    async def main(_: SimLoop) -> None:
        await asyncio.gather(
            *(call_with_retries(script, on=Busy, policy=policy) for script in scripts)
        )

    simulate(main)

    one, other = (script.called_s[1] for script in scripts)
    assert one != other
    assert 1.0 <= min(one, other) <= max(one, other) <= 1.5


@pytest.mark.parametrize(
    "bad", [{"attempts": 0}, {"wait_s_first": 6.0}, {"wait_s_first": -1.0}, {"jitter_s_max": -1.0}]
)
def test_policy_is_checked(bad: dict[str, float]) -> None:
    """
    A policy that cannot be followed is refused.
    """
    with pytest.raises(ConfigError):
        RetryPolicy(**bad)
