"""The verb cases: what it asks, prints and ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import agent_perf
from tests.shop import make_shop, write

SCENARIOS = """\
from agent_perf import scenario
from agent_perf.load.data import Case
from agent_perf.sim.faults import outage
from agent_perf.suite import ErrorCase

CASES = (
    Case(name="empty.spaces", text="   ", expect="ValueError"),
    Case(name="shop.polite", text="please", expect="LookupError"),
    ErrorCase(name="redis.down", text="x", faults=(outage("redis"),), expect="ConnectionError"),
)


@scenario("shop.careful", users=(1,), requests=5, cases=CASES)
async def careful(world):
    async with world.redis.client() as redis:

        async def request(ask):
            if not ask.text.strip():
                raise ValueError("empty")
            await redis.get("x")

        yield request
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    folder = make_shop(tmp_path_factory.mktemp("cases") / "shop")
    write(folder, "benchmarks/careful.py", SCENARIOS)
    return folder


def test_what_ends_otherwise_is_told_and_ends_with_1(shop) -> None:
    """
    One line for each case that ended otherwise, a count, and exit code 1; own cases hold
    over edge cases of their name.
    """
    done = agent_perf(shop, "cases", "shop.careful", "--no-edge")

    assert 1 == done.returncode
    assert [
        "FAIL shop.careful shop.polite: answered (ok): NOT OK, want LookupError",
        "shop.careful: 3 cases, 1 ended otherwise than expected",
    ] == done.stdout.splitlines()


def test_a_weight_is_refused(shop) -> None:
    """
    Every case is asked once: who gives a weight expects what does not happen.
    """
    done = agent_perf(shop, "cases", "shop.careful=3")

    assert 2 == done.returncode
    assert "'shop.careful=3': each scenario is asked each case, and has no weight" in done.stderr


def test_cases_can_be_chosen(shop) -> None:
    """
    All as expected is exit code 0; --all prints each; edge cases are asked unless left out.
    """
    only = ("--only", "redis.down", "--only", "empty.spaces")
    done = agent_perf(shop, "cases", "shop.careful", "--all", *only)
    found = agent_perf(shop, "cases", "shop.careful", "--format", "json", "--only", "length.*")
    ends = json.loads(found.stdout)["shop.careful"]

    assert (0, 3) == (done.returncode, len(done.stdout.splitlines())), done.stderr
    assert "ok   shop.careful redis.down: failed with ConnectionError: ok" in done.stdout
    assert 1 == found.returncode
    assert "length.longest" in [end["case"] for end in ends if end["passed"]]
    assert {"validation"} == {end["expect"] for end in ends if not end["passed"]}


def test_no_case_is_nothing_measured(shop) -> None:
    """
    A pattern without a match ends with 5, and an unknown scenario with 2.
    """
    none = agent_perf(shop, "cases", "shop.careful", "--only", "nothing.*")
    gone = agent_perf(shop, "cases", "shop.gone")

    assert (5, 2) == (none.returncode, gone.returncode)
    assert "no case asked" in none.stderr
    assert "no scenario 'shop.gone'" in gone.stderr
