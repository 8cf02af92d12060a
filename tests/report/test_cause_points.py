"""Causes of several benchmarks in few sentences, none of which says what is not so."""

from __future__ import annotations

from agent_perf.records import Cause, Verdict
from agent_perf.report.cause_points import cause_points
from agent_perf.report.standing import Standing


def standing(benchmark: str, text: str) -> Standing:
    """A benchmark that one more model call made worse."""
    return Standing(
        benchmark=benchmark,
        verdict=Verdict.REGRESSED,
        lead=None,
        comparisons=(),
        breaches=(),
        failures=(),
        causes=(Cause(kind="extra-call", text=text),),
        base=None,
        head=None,
        duets={},
    )


def test_scenarios_keep_their_figures() -> None:
    """
    Two scenarios with the same kind of cause and other figures are told in two sentences, the
    loads of each in one.
    """
    points = cause_points(
        [
            standing("shop.ask@20", "one more model call (2 → 3)"),
            standing("shop.talk@1", "one more model call (1 → 2)"),
            standing("shop.ask@1", "one more model call (2 → 3)"),
        ]
    )

    assert [
        ("shop.ask at 1 and 20 users", "One more model call (2 → 3)."),
        ("shop.talk at 1 user", "One more model call (1 → 2)."),
    ] == [(one.lead, one.text.replace("\xa0", " ")) for one in points]


def test_equal_figures_are_told_once() -> None:
    """
    Scenarios whose sentence is the same share it.
    """
    points = cause_points(
        [
            standing("shop.ask@1", "one more model call"),
            standing("shop.talk@1", "one more model call"),
        ]
    )

    assert ["shop.ask at 1 user and shop.talk at 1 user"] == [one.lead for one in points]
