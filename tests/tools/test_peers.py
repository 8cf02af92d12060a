"""The referee of `tox -e peers`: ratios, what was asked for, and the page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tools.peers.contest import OURS, Contest, Place, measure
from tools.peers.table import write_section


def spin(loops: int):
    def run(calls: int) -> None:
        for _ in range(calls * loops):
            pass

    return run


async def spin_async(calls: int) -> None:
    spin(20)(calls)


def place(**given) -> Place:
    return Place(**{"best_ns": 100.0, "ratio": 1.0, "low": 1.0, "high": 1.0, "want": 1.0, **given})


def test_a_ratio_is_the_peers_time_by_ours() -> None:
    """
    Ours comes first; who works ten times as much is several times as slow, awaited or not.
    """
    contest = Contest(
        title="spin",
        contestants={"lazy": spin(200), OURS: spin(20), "awaited": spin_async, "odd": spin(1)},
        calls=200,
        rounds=9,
        want={"lazy": 2.0},
        unequal={"odd": "does less"},
    )
    places = asyncio.run(measure(contest))

    assert OURS == next(iter(places))
    assert {"lazy", OURS, "awaited", "odd"} == places.keys()
    assert 5 < places["lazy"].ratio < 20
    assert 0.5 < places["awaited"].ratio < 2
    assert [2.0, 1.0, None, None] == [
        places[name].want for name in ("lazy", "awaited", "odd", OURS)
    ]
    assert not places["lazy"].missed


@pytest.mark.parametrize("fault", [{"want": {"nobody": 2.0}}, {"contestants": {"lazy": spin(1)}}])
def test_a_contest_that_cannot_be_is_refused(fault) -> None:
    """
    A name that takes no part, or a contest without us, is an error with the contest's title.
    """
    given = {"title": "spin", "contestants": {OURS: spin(1)}, "calls": 1, **fault}
    with pytest.raises(ValueError, match="spin"):
        Contest(**given)


@pytest.mark.parametrize(
    ("ratio", "want", "missed"), [(1.49, 1.5, True), (1.496, 1.5, False), (0.2, None, False)]
)
def test_what_was_asked_for_is_judged_as_it_is_shown(ratio, want, missed) -> None:
    """
    A ratio is judged by the two decimals of the page; where nothing was asked, nothing is missed.
    """
    assert missed is place(ratio=ratio, want=want).missed


def test_sections_are_replaced_one_by_one(tmp_path: Path) -> None:
    """
    Writing a section again changes that one alone, and twice the same page comes out.
    """
    page = tmp_path / "peers.md"
    write_section(page, "Cache", "Old.", {"get": {OURS: place(), "slow": place(ratio=0.5)}})
    write_section(page, "Agent", "One run.", {"run": {OURS: place()}})
    old = page.read_text()
    write_section(page, "Cache", "New.", {"get": {OURS: place(), "slow": place(ratio=3.0)}})
    write_section(page, "Cache", "New.", {"get": {OURS: place(), "slow": place(ratio=3.0)}})
    new = page.read_text()

    assert "| **0.50× (1.00 to 1.00)** |" in old
    assert "| 3.00× (1.00 to 1.00) |" in new
    assert old.split("## Cache")[0] == new.split("## Cache")[0]
    assert ["## Agent", "## Cache"] == [line for line in new.splitlines() if line.startswith("##")]
