"""Scenarios are tried before they are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_perf.suite import Broken, Fitness, Trial, trial_checks, try_scenarios

_HEAD = "from agent_perf import scenario\n"
_GOOD = """
@scenario("tried.good", users=(1,))
async def good(world):
    async def request(ask):
        await world.tool("look up")
    yield request
"""
_NET = """
@scenario("tried.net", users=(1,))
async def net(world):
    async def request(ask):
        import socket
        socket.create_connection(("127.0.0.1", 9))
    yield request
"""
_LEFT = """
SEEN = []
@scenario("tried.left", users=(1,))
async def left(world):
    SEEN.append(1)
    async def request(ask):
        for _ in SEEN:
            await world.tool("look up")
    yield request
"""
_ONCE = """
MADE = []
@scenario("tried.once", users=(1,))
async def once(world):
    if MADE:
        raise ValueError("table order exists already")
    MADE.append(1)
    async def request(ask):
        await world.tool("look up")
    yield request
"""
_RAISES = """
@scenario("tried.raises", users=(1,))
async def raises(world):
    raise ValueError("no such table")
    yield
"""


def _try(folder: Path, text: str, *only: str) -> tuple[Trial, ...] | Broken:
    package = folder / "tried"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text(_HEAD + text)
    return try_scenarios("tried", (folder,), only=only, time_limit_s=30)


@pytest.mark.parametrize(
    ("text", "trouble", "said"),
    [
        (_GOOD, "", ""),
        (_NET, "network", "127.0.0.1"),
        (_LEFT, "leftover", "takes other steps"),
        (_ONCE, "leftover", "second run in one process fails: BrokenError"),
        (_RAISES, "broken", "no such table"),
        ("import nothing_of_that_name", "import", "nothing_of_that_name"),
    ],
)
def test_each_trouble_is_told_apart(tmp_path, text, trouble, said) -> None:
    """Import, real network, data left behind, or plainly broken: each with its message."""
    trials = _try(tmp_path, text)
    assert isinstance(trials, tuple)

    assert [trouble] == [one.trouble for one in trials]
    assert said in trials[0].message


def test_an_error_that_is_its_own_cause_is_told(tmp_path) -> None:
    """
    As `raise error from error` leaves one: the chain of its causes has no end.
    """
    text = """
@scenario("tried.own", users=(1,))
async def own(world):
    error = ValueError("of itself")
    raise error from error
    yield
"""
    (trial,) = _try(tmp_path, text)

    assert ("tried.own", "broken") == (trial.name, trial.trouble)
    assert "of itself" in trial.message


def test_only_what_is_asked_for_is_tried(tmp_path) -> None:
    """Patterns choose as everywhere."""
    trials = _try(tmp_path, _GOOD + _RAISES, "tried.good*")

    assert (Trial(name="tried.good"),) == trials


def test_a_load_of_hours_is_tried_by_two_requests(tmp_path) -> None:
    """It is more than a run may keep; the scenario below it is as fit as any."""
    text = """
from agent_perf.load import Poisson
@scenario("tried.soak", load=Poisson(rate_hz=100, for_s=7200), only_named=True)
async def soak(world):
    await world.tool("look up")
"""
    trials = _try(tmp_path, text)

    assert (Trial(name="tried.soak"),) == trials


def test_what_hangs_is_stopped(tmp_path) -> None:
    """A scenario that never ends costs its time limit, and is told as that."""
    package = tmp_path / "tried"
    package.mkdir()
    (package / "__init__.py").write_text("while True: pass")
    trials = try_scenarios("tried", (tmp_path,), only=(), time_limit_s=0.5)

    assert isinstance(trials, Broken)
    assert Fitness.BROKEN is trial_checks(trials)[0].fitness


def test_verdicts_on_trials() -> None:
    """What cannot be measured is broken, data left behind a warning, the rest good."""
    trials = (
        Trial(name="a", trouble="import", message="no module b"),
        Trial(name="c", trouble="leftover", message="takes other steps"),
        *(Trial(name=f"n{number}", trouble="network", message="socket") for number in range(5)),
    )
    scenarios, network, data = trial_checks(trials)

    assert (Fitness.BROKEN, "a: no module b") == (scenarios.fitness, scenarios.found)
    assert network.found.endswith("n2: socket; and 2 more")
    assert Fitness.WARNING is data.fitness
    assert {Fitness.GOOD} == {one.fitness for one in trial_checks((Trial(name="a"),))}
    assert Fitness.NOTE is trial_checks(())[0].fitness
