import signal
import sys
from pathlib import Path

from agent_perf import scenario
from agent_perf.suite.rehearsal import import_early


@scenario("shop.late", requests=50)
async def late(world):
    LEFT_BEHIND.append("built")

    async def request(ask):
        import turtledemo.clock  # noqa: F401

        import xdrlib_of_ours  # noqa: F401

    yield request


LEFT_BEHIND: list[str] = []


def test_late_imports_come_early_and_state_stays_out(tmp_path: Path, monkeypatch) -> None:
    """What a request imports is imported here afterwards; what else it did is forgotten."""
    (tmp_path / "xdrlib_of_ours.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "turtledemo").mkdir()
    (tmp_path / "turtledemo/__init__.py").write_text("")
    (tmp_path / "turtledemo/clock.py").write_text("")

    names = import_early((late,), ())

    assert {"turtledemo", "turtledemo.clock", "xdrlib_of_ours"} <= set(names)
    assert "xdrlib_of_ours" in sys.modules
    assert [] == LEFT_BEHIND
    for name in ("turtledemo", "turtledemo.clock", "xdrlib_of_ours"):
        del sys.modules[name]


def test_what_is_known_needs_no_rehearsal(tmp_path: Path, monkeypatch) -> None:
    """Given names are imported as they are; one that is gone is passed over."""
    (tmp_path / "known_of_ours.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)

    names = import_early((late,), ("known_of_ours", "gone_of_ours"))

    assert ("known_of_ours", "gone_of_ours") == names
    assert sys.modules.pop("known_of_ours")
    assert "xdrlib_of_ours" not in sys.modules


def test_a_scenario_that_fails_is_left_to_its_measurement() -> None:
    """A rehearsal that breaks gives no error: measuring will tell."""

    @scenario("shop.broken", requests=1)
    async def broken(world):
        raise RuntimeError("on fire")
        yield

    names = import_early((broken, late), ("known",))

    assert ("known",) == names
    assert isinstance(import_early((broken,), ()), tuple)


def test_a_scenario_that_hangs_is_not_waited_for() -> None:
    """At the time limit of one benchmark a rehearsal ends, and knows of no imports."""

    @scenario("shop.stuck", requests=1)
    async def stuck(world):
        signal.pause()
        yield

    assert () == import_early((stuck,), (), time_limit_s=0.1)
