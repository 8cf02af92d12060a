"""Targets for the most that one request does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from agent_perf.errors import ConfigError
from agent_perf.gate.policy import Waivers, make_policy
from agent_perf.gate.target import missed_targets
from agent_perf.gate.waiving import Verdicts, waive
from agent_perf.records import Breach, Outcome, Waiver
from tests.gate.deciding import decide
from tests.runs import make_run

_RUN = replace(make_run(), most={"llm_calls": 3, "llm_cost_nanousd": 5_000_000, "bytes_sent": 2048})


def test_the_most_of_a_request_is_held_against_its_target() -> None:
    """Calls and dollars beyond are breaches; what was never done is 0, and within any."""
    run = replace(
        _RUN,
        targets={
            "request.llm_calls": 2,
            "request.llm_cost_usd": 0.004,
            "request.bytes_sent": 4096,
            "request.db_statements": 0,
        },
    )

    breaches, unknown = missed_targets(run, make_policy({}, {}))

    assert () == unknown
    assert [
        ("request.llm_calls", "count", 3, 2),
        ("request.llm_cost_usd", "usd", 0.005, 0.004),
    ] == [(one.metric, one.unit, one.observed, one.limit) for one in breaches]


def test_the_configuration_may_say_it_too() -> None:
    """By the metric's name, for the benchmarks that match; a slip is told at once."""
    policy = make_policy({}, {"*": {"request.llm_calls": "2"}})

    assert ["request.llm_calls"] == [one.metric for one in missed_targets(_RUN, policy)[0]]
    with pytest.raises(ConfigError, match=r"did you mean 'request.llm_calls'\?"):
        make_policy({}, {"*": {"request.lm_calls": 2}})


def test_a_run_that_was_stored_before_is_undecided() -> None:
    """It has no such number, and says what to do."""
    run = replace(_RUN, most=None, targets={"request.llm_calls": 2})

    breaches, unknown = missed_targets(run, make_policy({}, {}))

    assert () == breaches
    assert ["request.llm_calls"] == [one.metric for one in unknown]


def test_one_call_where_none_is_allowed_fails() -> None:
    """Beyond a target of nothing is infinitely much: it comes before what is missed by half."""
    none, half = {"request.llm_calls": 0}, {"request.bytes_sent": 1024}
    decision = decide([_RUN], [replace(_RUN, targets=half | none)])

    assert Outcome.FAIL is decision.outcome
    assert ["request.llm_calls", "request.bytes_sent"] == [one.metric for one in decision.breaches]


@pytest.mark.parametrize(("at_most_ratio", "left"), [(None, 0), (0.5, 1)])
def test_what_nothing_is_allowed_of_may_be_waived(at_most_ratio: float | None, left: int) -> None:
    """No share of nothing is enough, so that only a waiver without a bound accepts it."""
    breach = Breach(
        benchmark="shop.answer@1", metric="request.llm_calls", unit="count", observed=3, limit=0
    )
    waiver = Waiver(
        benchmark="shop.answer@1",
        metric="request.llm_calls",
        reason="known",
        until=date(2031, 12, 24),
        at_most_ratio=at_most_ratio,
    )
    waived = waive(
        Verdicts(regressed=(), breaches=(breach,), undecided=()),
        [(breach.benchmark, breach.metric)],
        Waivers(entries=(waiver,), today=date(2031, 12, 1)),
    )

    assert left == len(waived.left.breaches)
    assert left == len(waived.warnings)
    assert all("request.llm_calls is infinitely worse" in word for word in waived.warnings)
